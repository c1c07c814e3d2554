"""Sharing: what the secrets of a deployment say about who owns it and how much visitors may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from model.errors import DigitLabError

SECTION = "digit_lab"


class SharingError(DigitLabError):
    """The secrets say something that cannot be."""


@dataclass(frozen=True)
class Limits:
    """How much visitors may do; the owner may do all of it."""

    drawings_per_minute: int = 20
    drawings_per_session: int = 200
    drawings: int = 20_000  # ever stored, in all
    training_seconds: int = 60  # expected; longer trainings are the owner's
    trainings_per_session: int = 2  # at a time, waiting ones too
    trainings: int = 4  # at a time, of all visitors together: each is a process
    runs: int = 300  # kept, in all


@dataclass(frozen=True)
class Sharing:
    """`owners` are e-mail addresses or subjects, as the provider of the login names people."""

    has_login: bool = False
    public: bool = False
    review: bool = False
    owners: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    @property
    def is_shared(self) -> bool:
        """Otherwise everything is everybody's, as on a computer of one's own."""
        return self.has_login or self.public


def sharing() -> Sharing:
    """What the secrets say now. Raises SharingError: a slip must not open what is to be closed."""
    secrets = read_secrets()
    said = secrets.get(SECTION, {})
    if not isinstance(said, Mapping):
        raise SharingError(f"[{SECTION}] in the secrets is a section with lines of its own, got {said!r}.")
    limits = {limit.name for limit in fields(Limits)}
    for name in said:
        if name not in limits | {"owners", "review", "public"}:
            raise SharingError(
                f"[{SECTION}] in the secrets knows no {name!r}. It knows owners, review, public, "
                f"{', '.join(sorted(limits))}."
            )
    return Sharing(
        has_login="auth" in secrets,
        public=switch(said, "public"),
        review=switch(said, "review"),
        owners=owners_of(said.get("owners", ())),
        limits=Limits(**{name: number(name, value) for name, value in said.items() if name in limits}),
    )


def read_secrets() -> Mapping[str, Any]:
    """Of the app; none where there is no file of them."""
    try:
        return dict(st.secrets.items())
    except StreamlitSecretNotFoundError as error:
        # the same error stands for a file that is not there and for one that cannot be read
        if any(Path(file).exists() for file in st.get_option("secrets.files")):
            raise SharingError(f"The secrets cannot be read, so nothing is open: {error}") from error
        return {}


def switch(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise SharingError(f"{name} in the secrets must be true or false, got {value!r}.")
    return value


def number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SharingError(f"{name} in the secrets must be a whole number from 0 on, got {value!r}.")
    return value


def owners_of(names: Any) -> frozenset[str]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise SharingError(f'owners in the secrets must be a list like ["me@example.com"], got {names!r}.')
    return frozenset(name.strip().lower() for name in names if name.strip())

"""The policy of a deployment, from its secrets: who owns it and how much visitors may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from model.errors import DigitLabError

SECTION = "digit_lab"


class PolicyError(DigitLabError):
    """The secrets hold a setting that is unknown or has an impossible value."""


@dataclass(frozen=True)
class Limits:
    """How much visitors may do. None of these limits holds for an owner."""

    drawings_per_minute: int = 20
    drawings_per_session: int = 200
    drawings: int = 20_000  # ever stored, by all people together
    training_seconds: int = 60  # expected duration; only an owner may start longer trainings
    trainings_per_session: int = 2  # running or waiting, of one visitor
    trainings: int = 4  # running or waiting, of all visitors together; each is a process
    runs: int = 300  # stored, of all people together


@dataclass(frozen=True)
class Policy:
    """Who may do what; `owners` are e-mail addresses or subjects of the login provider."""

    has_login: bool = False
    public: bool = False
    review: bool = False
    owners: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    @property
    def is_shared(self) -> bool:
        """Whether there are visitors. On a computer of one's own everybody may do everything."""
        return self.has_login or self.public


def read_policy() -> Policy:
    """The policy as the secrets are now. Raises PolicyError for a misspelt setting."""
    secrets = _read_secrets()
    section = secrets.get(SECTION, {})
    if not isinstance(section, Mapping):
        raise PolicyError(f"[{SECTION}] in the secrets must be a section with lines of its own, got {section!r}.")
    limits = {limit.name for limit in fields(Limits)}
    for name in section:
        if name not in limits | {"owners", "review", "public"}:
            raise PolicyError(
                f"[{SECTION}] in the secrets has an unknown setting {name!r}. It can have owners, review, public, "
                f"{', '.join(sorted(limits))}."
            )
    return Policy(
        has_login="auth" in secrets,
        public=_boolean(section, "public"),
        review=_boolean(section, "review"),
        owners=_owners(section.get("owners", ())),
        limits=Limits(**{name: _count(name, value) for name, value in section.items() if name in limits}),
    )


def _read_secrets() -> Mapping[str, Any]:
    """The secrets of the app; empty where it has no file of them."""
    try:
        return dict(st.secrets.items())
    except StreamlitSecretNotFoundError as error:
        # Streamlit raises the same error for a missing file and for one that cannot be read.
        if any(Path(file).exists() for file in st.get_option("secrets.files")):
            raise PolicyError(f"The secrets cannot be read, so nothing is open: {error}") from error
        return {}


def _boolean(section: Mapping[str, Any], name: str) -> bool:
    value = section.get(name, False)
    if not isinstance(value, bool):
        raise PolicyError(f"{name} in the secrets must be true or false, got {value!r}.")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PolicyError(f"{name} in the secrets must be a whole number from 0 on, got {value!r}.")
    return value


def _owners(names: Any) -> frozenset[str]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise PolicyError(f'owners in the secrets must be a list like ["me@example.com"], got {names!r}.')
    return frozenset(name.strip().lower() for name in names if name.strip())

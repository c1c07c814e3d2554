"""The policy of a deployment, from its secrets: who owns it and how much visitors may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from model.errors import DigitLabError

SECTION = "digit_lab"
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class PolicyError(DigitLabError):
    """The secrets hold a setting that is unknown or has an impossible value."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section [digit_lab] of the secrets. None of the limits holds for an owner."""

    owners: tuple[str, ...] = ()  # e-mail addresses or subjects of the login provider
    public: bool = False  # has visitors, although nobody can log in
    review: bool = False  # drawings of visitors wait until an owner accepts them
    drawings_per_minute: Count = 20
    drawings_per_session: Count = 200
    drawings: Count = 20_000  # ever stored, by all people together
    training_seconds: Count = 60  # expected duration; only an owner may start longer trainings
    trainings_per_session: Count = 2  # running or waiting, of one visitor
    trainings: Count = 4  # running or waiting, of all visitors together; each is a process
    runs: Count = 300  # stored, of all people together
    upload_megabytes: Count = 20  # of a file that a visitor uploads to Evaluate: 10,000 digits


@dataclass(frozen=True)
class Policy:
    """Who may do what."""

    has_login: bool
    settings: Settings

    @property
    def is_shared(self) -> bool:
        """Whether there are visitors. On a computer of one's own everybody may do everything."""
        return self.has_login or self.settings.public

    @property
    def owners(self) -> set[str]:
        """The names of the owners in lower case."""
        return {name.strip().lower() for name in self.settings.owners} - {""}


def read_policy() -> Policy:
    """The policy as the secrets are now. Raises PolicyError for a misspelt setting."""
    secrets = _read_secrets()
    section = secrets.get(SECTION, {})
    try:
        settings = msgspec.convert(dict(section) if isinstance(section, Mapping) else section, Settings)
    except msgspec.ValidationError as error:
        known = ", ".join(Settings.__struct_fields__)
        raise PolicyError(f"[{SECTION}] in the secrets is wrong: {error}. It can have {known}.") from error
    return Policy("auth" in secrets, settings)


def _read_secrets() -> Mapping[str, Any]:
    """The secrets of the app; empty where it has no file of them."""
    try:
        return dict(st.secrets.items())
    except StreamlitSecretNotFoundError as error:
        # Streamlit raises the same error for a missing file and for one that cannot be read.
        if any(Path(file).exists() for file in st.get_option("secrets.files")):
            raise PolicyError(f"The secrets cannot be read, so no page opens: {error}") from error
        return {}

"""The policy of a deployment, from its secrets: who owns it and how much visitors may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from dashboard.access import connection
from model.errors import DigitLabError

SECTION = "digit_lab"
OWNER_FORM = (
    'Write the e-mail address that the provider has verified, owners = ["you@example.com"], or the issuer and the '
    'subject with # between them, owners = ["https://accounts.google.com#1234"]. After a login, the foot of each '
    "page shows both"
)
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class PolicyError(DigitLabError):
    """The secrets hold a setting that is unknown or has an impossible value."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section [digit_lab] of the secrets. None of the limits holds for an owner."""

    owners: tuple[str, ...] = ()  # e-mail addresses, or an issuer and a subject with # between them
    public: bool | None = None  # true: has visitors; false: has none; none: those from other computers are visitors
    review: bool = False  # drawings of visitors wait until an owner accepts them
    drawings_per_minute: Count = 20
    drawings_per_session: Count = 200
    drawings_per_hour: Count = 1_000  # of all visitors together, like the limits below
    drawings_per_day: Count = 5_000
    drawings: Count = 20_000  # ever stored, by all people together
    training_seconds: Count = 60  # expected duration; only an owner may start longer trainings
    training_seconds_per_hour: Count = 1_800
    training_seconds_per_day: Count = 14_400
    downloads_per_hour: Count = 100
    downloads_per_day: Count = 500
    trainings_per_session: Count = 2  # running or waiting, of one visitor
    trainings: Count = 4  # running or waiting, of all visitors together; each is a process
    runs: Count = 300  # stored, of all people together
    retention_days: Count = 0  # after which a visitor's drawing is erased; 0: it is kept
    upload_megabytes: Count = 20  # of a file that a visitor uploads to Evaluate: 10,000 digits


@dataclass(frozen=True)
class Policy:
    """Who may do what for one person's request."""

    has_login: bool
    settings: Settings
    is_local: bool = True  # the person opened the app on the computer that runs it

    @property
    def is_shared(self) -> bool:
        """Whether this person may be a visitor. On one's own computer everybody is an owner."""
        return self.has_login or bool(self.settings.public) or self.is_shared_by_default

    @property
    def is_shared_by_default(self) -> bool:
        """Whether the person is a visitor only because the secrets do not say who is not."""
        return not self.has_login and self.settings.public is None and not self.is_local

    @property
    def owners(self) -> set[str]:
        """The names of the owners as `owner_name` writes them."""
        return {owner_name(name) for name in self.settings.owners if name.strip()}


def owner_name(text: str) -> str:
    """An entry of `owners` in its standard form; e-mail addresses are in lower case.

    Raises PolicyError for an entry that is neither an e-mail address nor an issuer with a subject.
    A subject alone could be somebody else's at another provider, or look like an e-mail address.
    """
    name = text.strip()
    issuer, has_subject, subject = name.partition("#")
    if issuer.startswith(("https://", "http://")) and has_subject and subject:
        return name_of_subject(issuer, subject)
    local, has_domain, domain = name.partition("@")
    if has_domain and local and domain and not has_subject and "/" not in name and " " not in name:
        return name.lower()
    raise PolicyError(
        f"[{SECTION}] in the secrets is wrong: {text!r} in owners is no e-mail address, and a subject needs its "
        f"issuer. {OWNER_FORM}."
    )


def name_of_subject(issuer: str, subject: str) -> str:
    """The name of a person whom this issuer knows under this subject."""
    return f"{issuer.rstrip('/')}#{subject}"


def read_policy() -> Policy:
    """The policy as the secrets are now. Raises PolicyError for a misspelt setting."""
    secrets = _read_secrets()
    section = secrets.get(SECTION, {})
    try:
        settings = msgspec.convert(dict(section) if isinstance(section, Mapping) else section, Settings)
    except msgspec.ValidationError as error:
        known = ", ".join(Settings.__struct_fields__)
        raise PolicyError(f"[{SECTION}] in the secrets is wrong: {error}. It can have {known}.") from error
    policy = Policy("auth" in secrets, settings, connection.is_local())
    policy.owners  # noqa: B018  # a name that cannot be one raises here, before any page opens
    return policy


def _read_secrets() -> Mapping[str, Any]:
    """The secrets of the app; empty where it has no file of them."""
    try:
        return dict(st.secrets.items())
    except StreamlitSecretNotFoundError as error:
        # Streamlit raises the same error for a missing file and for one that cannot be read.
        if any(Path(file).exists() for file in st.get_option("secrets.files")):
            raise PolicyError(f"The secrets cannot be read, so no page opens: {error}") from error
        return {}

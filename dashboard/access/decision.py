"""Permissions: who may do what where a dashboard is shared, and a sentence for those who may not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from threading import RLock
from typing import Any

import streamlit as st

from dashboard.access.policy import Sharing, sharing
from dashboard.session import state
from dataset.drawings import drawing_storage
from experiments.formats import duration
from experiments.runs.table import run_rows
from model.errors import DigitLabError

MINUTE = 60.0


class Action(Enum):
    """What may be refused, as it stands in the sentence that says so."""

    EDIT = "relabel, set aside or delete drawings"
    LOOK_BACK = "look at earlier versions"
    IMPORT = "import drawings"
    LABELS = "correct labels"
    SEARCH = "look for suspect labels"
    RUNS = "name, star or delete runs"
    FILES = "use files of their own"
    STEER = "steer what others have started"
    DRAW = "draw"
    TRAIN = "train"


class Refusal(DigitLabError, PermissionError):
    """Says in a sentence what is not allowed, and when or for whom it is."""


UnderWay = tuple[str, Callable[[], bool]]  # whose session it is, and whether it goes on still
_under_way: list[UnderWay] = []  # trainings of visitors
_turn = RLock()  # between what is allowed and what is done nothing else is


def is_owner() -> bool:
    """Whether everything is this person's: on a machine of one's own it is anybody's."""
    said = sharing()
    return not said.is_shared or bool(said.owners & names(said))


def names(said: Sharing) -> set[str]:
    """What the login knows this person by; an e-mail address counts only where the provider has verified it."""
    user = st.user
    if not said.has_login or not user.get("is_logged_in"):
        return set()
    known = {str(user.get("sub") or "").lower()}
    if str(user.get("email_verified")).lower() == "true":
        known.add(str(user.get("email") or "").lower())
    return known - {""}


def is_reviewed() -> bool:
    """Whether what this person draws waits until the owner has looked at it."""
    return sharing().review and not is_owner()


def allowed(action: Action, *, seconds: float = 0.0, count: int = 1, of: str = "") -> Refusal | None:
    """Whether this person may: None, or why not.

    `seconds` and `count`: how long trainings will take together, and how many they are; `of`: what is steered.
    """
    if is_owner():
        return None
    match action:
        case Action.DRAW:
            return drawing_refusal(sharing())
        case Action.TRAIN:
            return training_refusal(sharing(), seconds, count)
        case Action.STEER if of in state.started:
            return None
    return Refusal(f"Only the owner may {action.value} here. {way(sharing())}")


def require(action: Action, **about: Any) -> None:
    """Raises the Refusal where there is one."""
    if refusal := allowed(action, **about):
        raise refusal


def way(said: Sharing) -> str:
    """How an owner comes to be known."""
    if said.has_login:
        return "If that is you, log in at the foot of the page."
    return "They do it on the server itself, with the command digits."


def drawing_refusal(said: Sharing) -> Refusal | None:
    limits, times, now = said.limits, state.drawn, time.monotonic()
    lately = [when for when in times if now - when < MINUTE]
    if len(times) >= limits.drawings_per_session:
        return Refusal(
            f"{at_most(limits.drawings_per_session)} taken in one visit here. It works again on your next visit."
        )
    if len(lately) >= limits.drawings_per_minute:
        wait = MINUTE - (now - lately[-limits.drawings_per_minute]) if limits.drawings_per_minute else MINUTE
        return Refusal(
            f"{at_most(limits.drawings_per_minute)} taken in a minute here. It works again in "
            f"{duration(max(1, round(wait)))}."
        )
    with drawing_storage().reading() as log:
        stored = len(log.ids)
    if stored >= limits.drawings:
        return Refusal(
            f"There is room for {counted(limits.drawings, 'drawing')} here, and it is full. It works again when the "
            "owner has raised the limit."
        )
    return None


def training_refusal(said: Sharing, seconds: float, count: int) -> Refusal | None:
    limits = said.limits
    if seconds > limits.training_seconds:
        return Refusal(
            f"This takes about {duration(round(seconds))}, and whatever takes more than "
            f"{duration(limits.training_seconds)} is the owner's here. Take fewer epochs, fewer digits or a smaller "
            "network."
        )
    _under_way[:] = [(whose, goes_on) for whose, goes_on in _under_way if goes_on()]
    mine = sum(whose == state.session_id for whose, _ in _under_way)
    again = "It works again when one of them has ended."
    if mine + count > limits.trainings_per_session:
        most = f"Each visitor has at most {counted(limits.trainings_per_session, 'training')} at a time here"
        return Refusal(
            f"{most}, and you have {mine}. {again}" if mine else f"{most}, and these are {count}: they are the owner's."
        )
    if len(_under_way) + count > limits.trainings:
        return Refusal(
            f"At most {counted(limits.trainings, 'training')} of visitors run or wait at a time here, and "
            f"{len(_under_way):,} do. {again}"
        )
    if (kept := len(run_rows())) + count > limits.runs:
        return Refusal(
            f"There is room for {counted(limits.runs, 'run')} here, and {kept:,} are there. It works again when the "
            "owner has deleted some."
        )
    return None


@contextmanager
def drawing() -> Iterator[None]:
    """What is stored within counts; raises the Refusal where it is not allowed."""
    with _turn:
        require(Action.DRAW)
        yield
        state.drawn = (*state.drawn, time.monotonic())


@contextmanager
def training(seconds: float = 0.0, count: int = 1) -> Iterator[Callable[[str, Callable[[], bool]], None]]:
    """What is started within counts; raises the Refusal where it is not allowed.

    Yields what is to be told its id and how to ask whether it goes on.
    """
    with _turn:
        require(Action.TRAIN, seconds=seconds, count=count)
        visitor = not is_owner()

        def begun(identity: str, goes_on: Callable[[], bool]) -> None:
            state.started = (*state.started, identity)
            if visitor:
                _under_way.append((state.session_id, goes_on))

        yield begun


def at_most(drawings: int) -> str:
    return f"At most {counted(drawings, 'drawing')} {'is' if drawings == 1 else 'are'}"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def politely(act: Callable[..., object]) -> Callable[..., None]:
    """The same for a callback, which cannot draw: a Refusal is said in a corner of the page."""

    def said(*values: Any) -> None:
        try:
            act(*values)
        except Refusal as refusal:
            st.toast(str(refusal), icon=":material/block:")

    return said

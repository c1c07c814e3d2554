"""Decides whether a person may do something, and writes a refusal as a sentence."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from threading import RLock
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from dashboard.access.policy import Policy, read_policy
from dashboard.session import Value, state
from dataset.drawings import drawing_storage
from experiments.formats import count, duration
from experiments.jobs.record import Job
from experiments.runs.table import RunRow, run_rows
from model.errors import DigitLabError

P = ParamSpec("P")
T = TypeVar("T")
MINUTE = 60.0


class Action(Enum):
    """Actions to refuse. Each value completes the sentence "Only the owner may ... here"."""

    EDIT = "relabel, set aside or delete drawings"
    LOOK_BACK = "look at earlier versions"
    IMPORT = "import drawings"
    LABELS = "correct labels"
    SEARCH = "search for label errors"
    RUNS = "name, star or delete runs"
    FILES = "upload or open data files"
    DOWNLOAD = "download data sets"
    STEER = "control jobs of others"
    UNDO = "undo drawings of others"
    DRAW = "draw"
    TRAIN = "train"
    MEASURE = "measure robustness"
    SPACE = "see or remove the stored files"


COUNTED = (Action.DRAW, Action.TRAIN, Action.MEASURE)  # against the limits of visitors


class Refusal(DigitLabError, PermissionError):
    """Says in a sentence what this person may not do, and when or for whom it works."""


@dataclass(frozen=True)
class Cost:
    """Expected seconds of all trainings together, and the numbers that limits apply to."""

    seconds: float = 0.0
    runs: int = 1  # all runs of the job
    new_runs: int = 1  # those of them that are not stored yet
    trainings: int = 1  # at a time; a sweep trains its runs in turn and counts as one


@dataclass(frozen=True)
class _Work:
    """A run or a sweep that a visitor has started, and how many runs it makes in all."""

    session: str
    job: Job[Any]
    runs: int
    is_stored: bool  # as runs; a measurement of robustness is not

    def is_active(self) -> bool:
        try:
            return bool(self.job.status().active)
        except DigitLabError:
            return False  # it was deleted

    def unmade(self, rows: list[RunRow]) -> int:
        """The number of its runs that have no folder yet."""
        made = sum(self.job.id in (row.status.group, row.id) for row in rows)
        return self.runs - made if self.is_stored else 0


_work: list[_Work] = []  # of all visitors
_lock = RLock()  # held from a decision until its action is recorded, and whenever _work is read


class Visit:
    """Drawings and jobs that this visitor stored and started since the page was loaded."""

    drawings = Value[dict[str, float]](dict)  # id of a stored drawing -> when, in seconds of time.monotonic()
    started = Value[tuple[str, ...]](tuple)  # ids of runs and sweeps


visit = Visit()


def is_owner() -> bool:
    """Whether this person may do everything. On a computer of one's own everybody may."""
    policy = read_policy()
    return not policy.is_shared or bool(policy.owners & login_names(policy))


def login_names(policy: Policy) -> set[str]:
    """The subject and, if the provider has verified it, the e-mail address of this person."""
    user = st.user
    if not policy.has_login or not user.get("is_logged_in"):
        return set()
    known = {str(user.get("sub") or "").lower()}
    if str(user.get("email_verified")).lower() == "true":
        known.add(str(user.get("email") or "").lower())
    return known - {""}


def is_reviewed() -> bool:
    """Whether the drawings of this person wait until an owner accepts them."""
    return read_policy().settings.review and not is_owner()


def refusal_of(action: Action, *, cost: Cost | None = None, of: str = "") -> Refusal | None:
    """Why this person may not do this; None if they may.

    `cost`: of the trainings that would start. `of`: the id of the job or drawing that would change.
    """
    if is_owner():
        return None
    policy = read_policy()
    match action:
        case Action.DRAW:
            return _drawing_refusal(policy)
        case Action.TRAIN | Action.MEASURE:
            return _training_refusal(policy, cost or Cost(new_runs=int(action is Action.TRAIN)))
        case Action.STEER if of in visit.started:
            return None
        case Action.UNDO if of in visit.drawings:
            return None
    return owner_only(action.value)


def owner_only(what: str) -> Refusal:
    """The refusal of something that only an owner may do, with the way to become known as one."""
    if read_policy().has_login:
        return Refusal(f"Only the owner may {what} here. If that is you, log in at the foot of the page.")
    return Refusal(f"Only the owner may {what} here, with the command digits on the server.")


def require(action: Action, *, cost: Cost | None = None, of: str = "") -> None:
    """Raises the Refusal if there is one."""
    if refused := refusal_of(action, cost=cost, of=of):
        raise refused


def gated(action: Action, cost: Callable[..., Cost] | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator: the function raises a Refusal, and does nothing, if this person may not do it.

    The first argument is the job, or the id of the drawing, that would change; `cost` gets all
    arguments. The job that the function returns, else its first argument, counts as started here.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            if is_owner():
                return function(*args, **kwargs)
            target: Any = args[0] if args else ""
            with _lock if action in COUNTED else nullcontext():
                expected = cost(*args, **kwargs) if cost else None
                require(action, cost=expected, of=target if isinstance(target, str) else getattr(target, "id", ""))
                before = {row.id for row in run_rows()} if action is Action.TRAIN else set()
                result: Any = function(*args, **kwargs)
                if action is Action.DRAW:
                    visit.drawings = {**visit.drawings, str(result): time.monotonic()}
                elif action is Action.TRAIN and isinstance(result, list):
                    _record([job for job in result if job.id not in before])
                elif action is Action.TRAIN:
                    _record([target if result is None else result], expected.runs if expected else 1)
                elif result is not None and action is Action.MEASURE:
                    _record([result], is_stored=False)
            return result  # type: ignore[no-any-return]

        GATED[f"{function.__module__}.{function.__qualname__}"] = action
        return call

    return decorate


GATED: dict[str, Action] = {}  # every function that changes something or costs much, by its full name


def _record(jobs: list[Job[Any]], runs: int = 1, *, is_stored: bool = True) -> None:
    """Count what this visitor has started; each job makes this number of runs."""
    ids = [job.id for job in jobs]
    visit.started = (*visit.started, *ids)
    _work[:] = [work for work in _work if work.job.id not in ids]  # one that runs already counts once
    _work.extend(_Work(state.session_id, job, runs, is_stored) for job in jobs)


def _drawing_refusal(policy: Policy) -> Refusal | None:
    limits, times, now = policy.settings, list(visit.drawings.values()), time.monotonic()
    recent = [when for when in times if now - when < MINUTE]
    if len(times) >= limits.drawings_per_session:
        return Refusal(
            f"You can store at most {count(limits.drawings_per_session, 'drawing')} in one visit here. It works again "
            "on your next visit."
        )
    if len(recent) >= limits.drawings_per_minute:
        wait = MINUTE - (now - recent[-limits.drawings_per_minute]) if limits.drawings_per_minute else MINUTE
        return Refusal(
            f"You can store at most {count(limits.drawings_per_minute, 'drawing')} in a minute here. It works again in "
            f"{duration(max(1, round(wait)))}."
        )
    with drawing_storage().reading() as log:
        stored = len(log.ids)
    if stored >= limits.drawings:
        return Refusal(
            f"At most {count(limits.drawings, 'drawing')} can be stored here, and {stored:,} are stored. It works "
            "again when the owner has raised the limit."
        )
    return None


def _training_refusal(policy: Policy, cost: Cost) -> Refusal | None:
    limits = policy.settings
    if cost.seconds > limits.training_seconds:
        return Refusal(
            f"This would take about {duration(round(cost.seconds))}. Visitors may start trainings of at most "
            f"{duration(limits.training_seconds)} here. Use fewer epochs, fewer digits or a smaller network."
        )
    rows = run_rows()
    with _lock:
        _work[:] = [work for work in _work if work.is_active()]
        mine = sum(work.session == state.session_id for work in _work)
        everybody = len(_work)
        stored = len(rows) + sum(work.unmade(rows) for work in _work)
    later = "It works again when one of them has ended."
    if mine + cost.trainings > limits.trainings_per_session:
        most = f"Each visitor may have at most {count(limits.trainings_per_session, 'training')} at a time here"
        return Refusal(
            f"{most}, and you have {mine:,}. {later}" if mine else f"{most}, and these are {cost.trainings:,}."
        )
    if everybody + cost.trainings > limits.trainings:
        return Refusal(
            f"All visitors together may have at most {count(limits.trainings, 'training')} at a time here, and they "
            f"have {everybody:,}. {later}"
        )
    if cost.new_runs and stored + cost.new_runs > limits.runs:
        return Refusal(
            f"At most {count(limits.runs, 'run')} can be stored here, and {stored:,} are stored or planned. It works "
            "again when the owner has deleted some."
        )
    return None


def toast_refusal(act: Callable[..., object]) -> Callable[..., None]:
    """The same for a callback, which cannot draw: it shows a Refusal in a corner of the page."""

    def callback(*values: Any) -> None:
        try:
            act(*values)
        except Refusal as refused:
            st.toast(str(refused), icon=":material/block:")

    return callback

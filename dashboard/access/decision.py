"""Decides whether a person may do something, and writes a refusal as a sentence."""

from collections.abc import Callable
from contextlib import nullcontext
from enum import Enum
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from dashboard.access.limits import (
    DOWNLOADS,
    SECONDS,
    Cost,
    Refusal,
    download_refusal,
    drawing_refusal,
    lock,
    record_drawing,
    record_work,
    training_refusal,
    visit,
)
from dashboard.access.policy import Policy, name_of_subject, read_policy
from dashboard.access.usage import usage_log
from experiments.jobs.queue import Person, jobs_of
from experiments.runs.table import run_rows

P = ParamSpec("P")
T = TypeVar("T")
OVERTIME = 2.0  # a visitor's training ends after this many times the seconds that it may be expected to take


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
    EXPORT = "download files"
    STEER = "control jobs of others"
    UNDO = "undo drawings of others"
    TAKE_BACK = "take back drawings"  # only the own ones: everybody may
    DRAW = "draw"
    TRAIN = "train"
    MEASURE = "measure robustness"
    SPACE = "see or remove the stored files"


COUNTED = (Action.DRAW, Action.TRAIN, Action.MEASURE)  # against the limits of visitors


def is_owner() -> bool:
    """Whether this person may do everything. A person at the computer of the server may, unless the
    secrets say that the app is shared.
    """
    policy = read_policy()
    return not policy.is_shared or bool(policy.owners & login_names(policy))


def login_names(policy: Policy) -> set[str]:
    """The names of this person that can stand in `owners`: those that the provider vouches for.

    The issuer with the subject, and the e-mail address if the provider has verified it.
    """
    user = st.user
    if not policy.has_login or not user.get("is_logged_in"):
        return set()
    names = set()
    if (issuer := user.get("iss")) and (subject := user.get("sub")):
        names.add(name_of_subject(str(issuer), str(subject)))
    email = str(user.get("email") or "")
    if str(user.get("email_verified")).lower() == "true" and "@" in email and "#" not in email:
        names.add(email.strip().lower())
    return names


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
            return drawing_refusal(policy.settings)
        case Action.EXPORT:
            return download_refusal(policy.settings)
        case Action.TRAIN | Action.MEASURE:
            return training_refusal(policy.settings, cost or Cost(new_runs=int(action is Action.TRAIN)))
        case Action.STEER if of in visit.started:
            return None
        case Action.UNDO if of in visit.drawings:
            return None
        case Action.TAKE_BACK:
            return None
    return owner_only(action.value)


def owner_only(what: str) -> Refusal:
    """The refusal of something that only an owner may do, with the way to become known as one."""
    policy = read_policy()
    if policy.has_login:
        return Refusal(f"Only the owner may {what} here. If that is you, log in at the foot of the page.")
    if policy.is_shared_by_default:
        return Refusal(f"Only the owner may {what} here. If that is you, the foot of the page says what to do.")
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
            with lock if action in COUNTED else nullcontext():
                expected = cost(*args, **kwargs) if cost else None
                require(action, cost=expected, of=target if isinstance(target, str) else getattr(target, "id", ""))
                before = {row.id for row in run_rows()} if action is Action.TRAIN else set()
                with jobs_of(Person(visit.person, OVERTIME * read_policy().settings.training_seconds)):
                    result: Any = function(*args, **kwargs)
                if action is Action.DRAW:
                    record_drawing(str(result))
                elif action is Action.TRAIN and isinstance(result, list):
                    record_work([job for job in result if job.id not in before])
                elif action is Action.TRAIN:
                    record_work([target if result is None else result], expected.runs if expected else 1)
                elif result is not None and action is Action.MEASURE:
                    record_work([result], is_stored=False)
                if expected is not None:
                    usage_log().record(SECONDS, expected.seconds)
            return result  # type: ignore[no-any-return]

        GATED[f"{function.__module__}.{function.__qualname__}"] = action
        return call

    return decorate


GATED: dict[str, Action] = {}  # every function that changes something or costs much, by its full name


def counted_download(content: Callable[[], bytes]) -> Callable[[], bytes]:
    """The same content; each time that a visitor fetches it counts against the budget of downloads.

    Streamlit calls it where nobody knows the person any more, so this decides now who it is.
    """
    if is_owner():
        return content
    settings = read_policy().settings

    def fetch() -> bytes:
        with lock:
            if refused := download_refusal(settings):
                raise refused
            usage_log().record(DOWNLOADS, 1)
        return content()

    return fetch


def toast_refusal(act: Callable[..., object]) -> Callable[..., None]:
    """The same for a callback, which cannot draw: it shows a Refusal in a corner of the page."""

    def callback(*values: Any) -> None:
        try:
            act(*values)
        except Refusal as refused:
            st.toast(str(refused), icon=":material/block:")

    return callback

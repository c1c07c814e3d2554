"""Limits of visitors: what each visit and all visitors together have used, and what is left."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import RLock
from typing import Any

from dashboard.access.policy import Settings
from dashboard.access.usage import DAY, HOUR, usage_log
from dashboard.session import Value, state
from dataset.drawings import drawing_storage
from experiments.fine_tuning import undecided_fine_tunings
from experiments.formats import count, duration
from experiments.jobs.record import Job
from experiments.runs.run import Run
from experiments.runs.table import RunRow, run_rows
from model.errors import DigitLabError

MINUTE = 60.0
DRAWINGS, SECONDS, DOWNLOADS = "drawings", "training_seconds", "downloads"  # with a budget for all visitors together


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
class Work:
    """A run or a sweep that a visitor has started, and how many runs it makes in all."""

    session: str
    job: Job[Any]
    runs: int
    is_stored: bool  # as runs; a measurement of robustness is not

    def is_active(self) -> bool:
        """Whether its process works or waits."""
        try:
            return bool(self.job.status().active)
        except DigitLabError:
            return False  # it was deleted

    def unmade(self, rows: Sequence[RunRow], undecided: Sequence[Run]) -> int:
        """The number of its runs that have no folder yet."""
        made = sum(self.job.id in (row.status.group, row.id) for row in rows)
        made += sum(self.job.id == run.id for run in undecided)
        return max(0, self.runs - made) if self.is_stored else 0


work: list[Work] = []  # of all visitors
lock = RLock()  # held from a decision until its action is recorded, and whenever `work` is read or changed


class Visit:
    """Drawings and jobs that this visitor stored and started since the page was loaded."""

    drawings = Value[dict[str, float]](dict)  # id of a stored drawing -> when, in seconds of time.monotonic()
    started = Value[tuple[str, ...]](tuple)  # ids of runs and sweeps

    @property
    def person(self) -> str:
        """A name for the queue, which gives persons turns. It does not tell the session's id."""
        return sha256(f"turns of {state.session_id}".encode()).hexdigest()[:12]


visit = Visit()


def record_work(jobs: Sequence[Job[Any]], runs: int = 1, *, is_stored: bool = True) -> None:
    """Count what this visitor has started; each job makes this number of runs."""
    ids = [job.id for job in jobs]
    with lock:
        visit.started = (*visit.started, *ids)
        work[:] = [each for each in work if each.job.id not in ids]  # one that runs already counts once
        work.extend(Work(state.session_id, job, runs, is_stored) for job in jobs)


def record_drawing(identity: str) -> None:
    """Count a drawing that this visitor has stored."""
    visit.drawings = {**visit.drawings, identity: time.monotonic()}
    usage_log().record(DRAWINGS, 1)


def drawing_refusal(limits: Settings) -> Refusal | None:
    """Why this visitor may not store one more drawing now; None if they may."""
    times, now = list(visit.drawings.values()), time.monotonic()
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
    budget = limits.drawings_per_hour, limits.drawings_per_day
    return _budget_refusal(DRAWINGS, 1, budget, lambda most: f"store {count(most, 'drawing')}")


def download_refusal(limits: Settings) -> Refusal | None:
    """Why no visitor may download one more file now; None if they may."""
    return _budget_refusal(
        DOWNLOADS,
        1,
        (limits.downloads_per_hour, limits.downloads_per_day),
        lambda most: f"download {count(most, 'file')}",
    )


def training_refusal(limits: Settings, cost: Cost) -> Refusal | None:
    """Why this visitor may not start trainings of this cost now; None if they may."""
    if cost.seconds > limits.training_seconds:
        return Refusal(
            f"This would take about {duration(round(cost.seconds))}. Visitors may start trainings of at most "
            f"{duration(limits.training_seconds)} here. Use fewer epochs, fewer digits or a smaller network."
        )
    rows, undecided = run_rows(), undecided_fine_tunings()
    with lock:
        work[:] = [each for each in work if each.is_active()]
        mine = sum(each.session == state.session_id for each in work)
        everybody = len(work)
        stored = len(rows) + len(undecided) + sum(each.unmade(rows, undecided) for each in work)
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
    budget = limits.training_seconds_per_hour, limits.training_seconds_per_day
    return _budget_refusal(SECONDS, cost.seconds, budget, lambda most: f"train for {duration(most)}")


def _budget_refusal(kind: str, amount: float, limits: tuple[int, int], done: Callable[[int], str]) -> Refusal | None:
    """The refusal where all visitors together would use more in an hour or in a day."""
    for limit, span, name in zip(limits, (HOUR, DAY), ("an hour", "a day"), strict=True):
        if wait := usage_log().wait(kind, amount, limit, span):
            return Refusal(
                f"All visitors together may {done(limit)} at most in {name} here, and that is used up. It works again "
                f"in {duration(round(wait))}."
            )
    return None

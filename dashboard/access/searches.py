"""Permitted, searches: sweeps, experiments and the look for suspect labels, each only for who may start or stop it."""

from dashboard.access.decision import Action, require, training
from dashboard.access.runs import LATEST, seconds_of
from dataset import SOURCES, Digits, count_by_digit
from experiments import label_errors as suspects
from experiments import sweeps
from experiments.guides import Guide
from experiments.runs import trash as deletion
from experiments.runs.table import list_runs
from experiments.sweeps import Sweep, SweepError, SweepSpec
from experiments.training.cost import slowness


def start_sweep(spec: SweepSpec) -> Sweep:
    with training(sweep_seconds(spec)) as begun:
        sweep = sweeps.start_sweep(spec)
        begun(sweep.id, lambda: is_active(sweep))
    return sweep


def resume_sweep(sweep: Sweep) -> None:
    require(Action.STEER, of=sweep.id)
    with training(sweep_seconds(sweep.spec)) as begun:
        sweeps.resume_sweep(sweep)
        begun(sweep.id, lambda: is_active(sweep))


def stop_sweep(sweep: Sweep) -> None:
    require(Action.STEER, of=sweep.id)
    sweep.request_stop()


def delete_sweep(sweep: Sweep) -> Sweep:
    require(Action.RUNS)
    return deletion.delete_sweep(sweep)


def restore_sweep(deleted: Sweep) -> Sweep:
    require(Action.RUNS)
    return deletion.restore_sweep(deleted)


def start_guide(guide: Guide) -> Sweep:
    with training(sweep_seconds(guide.spec)) as begun:
        sweep = guide.start()
        begun(sweep.id, lambda: is_active(sweep))
    return sweep


def start_search(source: str, part: suspects.Part, digits: Digits) -> suspects.Search:
    require(Action.SEARCH)
    return suspects.start_search(source, part, digits)


def stop_search(search: suspects.Search) -> None:
    require(Action.SEARCH)
    search.request_stop()


def sweep_seconds(spec: SweepSpec) -> float:
    """About how long a sweep takes here."""
    base = spec.base
    seconds_of(base)  # raises where its digits are not for everybody
    pool = SOURCES[base.data].pool if base.data in SOURCES else 0
    if not pool:
        return 0.0
    images = pool - round(pool * base.validation_share)
    images = min(images, base.training_images or images) + base.drawings_weight * int(count_by_digit().sum())
    return spec.expected_seconds(images, slowness(list_runs()[:LATEST]))


def is_active(sweep: Sweep) -> bool:
    try:
        return sweep.status().active
    except SweepError:
        return False  # it is gone

"""Kill processes at random moments: nothing that was acknowledged is lost, and runs resume exactly.

Killed with SIGKILL are workers of trainings (dense and convolutional) and of fine-tunings, drivers
and workers of sweeps, processes that start runs, programs that store drawings in a CSV file, in
SQLite and in PostgreSQL, and the server of the dashboard.
"""

from __future__ import annotations

import argparse
import random
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from experiments.runs.leftovers import remove_all_leftovers
from reliability.kill_runs import (
    CNN,
    DENSE,
    kill_fine_tunings,
    kill_parents,
    kill_sweeps,
    kill_trainings,
)
from reliability.kill_storages import kill_server, kill_writers
from reliability.outcome import Outcome
from reliability.postgres import NoServer, postgres_server
from reliability.processes import (
    CampaignError,
    kept,
    orphans,
    own_folder,
    run_in_own_environment,
    temporary_files,
)

Part = Callable[[int, random.Random, Outcome], None]
# Of a thousand kills, about how many each part gets: those that take long get few.
SHARES = {
    "dense training": 400,
    "cnn training": 120,
    "fine-tuning": 50,
    "parent of workers": 40,
    "sweep": 60,
    "CSV": 130,
    "SQLite": 100,
    "PostgreSQL": 80,
    "server": 20,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--times", type=int, default=1000, metavar="N", help="kills in all; default 1000")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments; default: a new one")
    parser.add_argument("--only", choices=SHARES, action="append", help="this part only; can be repeated")


def run(arguments: argparse.Namespace) -> int:
    """Carry out the campaign; -> 1 if a promise was broken."""
    folder = own_folder()
    if folder is None:
        seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
        argv = ["kill", "--times", str(arguments.times), "--seed", str(seed)]
        return run_in_own_environment([*argv, *(part for only in arguments.only or () for part in ("--only", only))])
    seed = arguments.seed
    print(f"Repeat with: python -m reliability kill --times {arguments.times} --seed {seed}", flush=True)
    names = arguments.only or list(SHARES)
    counts = shares_of(arguments.times, names)
    print(f"{'part':18} {'kills':>6} {'compared':>9} {'acknowledged':>12} {'broken':>7} {'time':>10}", flush=True)
    outcomes = []
    with ExitStack() as stack:
        for name, part in parts(folder, names, stack).items():
            outcomes.append(run_part(name, part, counts[name], seed))
            print(outcomes[-1].line(), *outcomes[-1].broken, sep="\n    ", flush=True)
    outcomes.append(look_for_leftovers(folder))
    print(*outcomes[-1].broken, sep="\n", end="")
    broken = [f"{outcome.name}: {sentence}" for outcome in outcomes for sentence in outcome.broken]
    kills = sum(outcome.kills for outcome in outcomes)
    rows = sum(outcome.acknowledged for outcome in outcomes)
    compared = sum(outcome.compared for outcome in outcomes)
    print(f"{kills} kills, {compared} comparisons, {rows} acknowledged drawings, {len(broken)} broken promises")
    return 1 if broken else 0


def shares_of(times: int, names: list[str]) -> dict[str, int]:
    """How many kills each part gets: at least one, and `times` in all where there are enough."""
    whole = sum(SHARES[name] for name in names)
    counts = {name: max(1, times * SHARES[name] // whole) for name in names}
    counts[names[0]] += max(0, times - sum(counts.values()))
    return counts


def parts(folder: Path, names: list[str], stack: ExitStack) -> dict[str, Part]:
    """The parts of the campaign. The database server lives as long as the stack."""
    csv, sqlite = folder / "csv" / "drawings.csv", folder / "sqlite" / "drawings.db"
    for place in (csv, sqlite):
        place.parent.mkdir()
    every: dict[str, Part] = {
        "dense training": partial(kill_trainings, DENSE),
        "cnn training": partial(kill_trainings, CNN),
        "fine-tuning": kill_fine_tunings,
        "parent of workers": kill_parents,
        "sweep": kill_sweeps,
        "CSV": partial(kill_writers, str(csv)),
        "SQLite": partial(kill_writers, f"sqlite:///{sqlite}"),
        "server": kill_server,
    }
    if "PostgreSQL" in names:
        try:
            server = stack.enter_context(postgres_server())
            stack.enter_context(kept(server.process.pid))
            every["PostgreSQL"] = partial(kill_writers, server.address)
        except NoServer as error:
            print(f"PostgreSQL is left out: {error}", flush=True)
    return {name: every[name] for name in names if name in every}


def run_part(name: str, part: Part, kills: int, seed: int) -> Outcome:
    """Carry out one part; an error in it counts as a broken promise."""
    outcome = Outcome(name)
    try:
        part(kills, random.Random(f"{seed} {name}"), outcome)
    except CampaignError as error:
        outcome.check([str(error)])
    except Exception as error:
        traceback.print_exc()
        outcome.check([f"{type(error).__name__}: {error}"])
    outcome.check(orphans())
    return outcome


def look_for_leftovers(folder: Path) -> Outcome:
    """What is left over after the last kills, once the next start has removed what it does."""
    outcome = Outcome("leftovers")
    remove_all_leftovers()
    outcome.check(temporary_files(folder / "runs") + temporary_files(folder / "drawings"))
    return outcome

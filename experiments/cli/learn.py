"""The command `digits learn`: a model learns from people's drawings, and what that did is said."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import Any

from experiments.cli import terminal
from experiments.cli.naming import model_file
from experiments.fine_tuning import FineTuningResult, Score, accept_fine_tuning, create_fine_tuning, read_result
from experiments.runs.run import Run, RunError
from experiments.training.worker import train_run
from model.classifier import SHIPPED


def learn(arguments: argparse.Namespace) -> int:
    """Learn in this process, in view, and keep what may be kept: 1 where it is not taken over."""
    out = sys.stderr if arguments.json else sys.stdout
    which = arguments.run or arguments.model
    run = create_fine_tuning(model_file(which) if which else SHIPPED)
    with closing(train_run(run)) as statuses:
        status = terminal.follow(statuses, out)
    outcome = read_result(run)
    if outcome is None:
        if status.state == "interrupted":
            return 130
        raise RunError(status.reason)
    if not outcome.refusal:
        run = accept_fine_tuning(run)
    if arguments.json:
        print(json.dumps(result(run, outcome)))
    else:
        print("\n".join([*table(outcome), *filter(None, [outcome.interpolation])]))
    if outcome.refusal:
        print(f"digits: the new weights are not taken over. {outcome.refusal}", file=sys.stderr)
        return 1
    print(f"Kept. Try it: digits test --run {run.id}", file=out)
    return 0


def table(outcome: FineTuningResult) -> list[str]:
    lines = [f"{'read right':<20}{'n':>8}{'before':>10}{'after':>10}  95 % interval"]
    for name, score in scores(outcome).items():
        low, high = score.intervals[1]
        before, after = (f"{100 * share:.2f} %" if score.total else "–" for share in score.shares)
        interval = f"{100 * low:.2f} to {100 * high:.2f} %" if score.total else ""
        lines.append(f"{name:<20}{score.total:>8,}{before:>10}{after:>10}  {interval}".rstrip())
    return lines


def scores(outcome: FineTuningResult) -> dict[str, Score]:
    return {"corrected drawings": outcome.corrected, "held-out drawings": outcome.held_out, "old digits": outcome.old}


def result(run: Run, outcome: FineTuningResult) -> dict[str, Any]:
    found: dict[str, Any] = {"run": run.id, "model": str(run.model), "kept": not outcome.refusal}
    found |= {"reason": outcome.refusal, "part": outcome.part}
    for name, score in scores(outcome).items():
        counts = {"before": score.before, "after": score.after, "total": score.total}
        found[name.replace(" ", "_").replace("-", "_")] = counts | {"intervals": score.intervals}
    return found

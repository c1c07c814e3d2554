"""The command `digits learn`: a model learns from people's drawings, and what that did is said."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import Any

from experiments.cli import terminal
from experiments.cli.naming import model_file
from experiments.fine_tuning import Lesson, Score, keep_lesson, make_lesson, read_lesson
from experiments.runs.run import Run, RunError
from experiments.training.worker import train_run
from model.classifier import SHIPPED


def learn(arguments: argparse.Namespace) -> int:
    """Learn in this process, in view, and keep what may be kept: 1 where it is not taken over."""
    out = sys.stderr if arguments.json else sys.stdout
    which = arguments.run or arguments.model
    run = make_lesson(model_file(which) if which else SHIPPED)
    with closing(train_run(run)) as statuses:
        status = terminal.follow(statuses, out)
    lesson = read_lesson(run)
    if lesson is None:
        if status.state == "interrupted":
            return 130
        raise RunError(status.reason)
    if not lesson.refusal:
        run = keep_lesson(run)
    if arguments.json:
        print(json.dumps(result(run, lesson)))
    else:
        print("\n".join([*table(lesson), *filter(None, [lesson.softening])]))
    if lesson.refusal:
        print(f"digits: the new weights are not taken over. {lesson.refusal}", file=sys.stderr)
        return 1
    print(f"Kept. Try it: digits test --run {run.id}", file=out)
    return 0


def table(lesson: Lesson) -> list[str]:
    lines = [f"{'read right':<20}{'n':>8}{'before':>10}{'after':>10}  95 % interval"]
    for name, score in scores(lesson).items():
        low, high = score.intervals[1]
        before, after = (f"{100 * share:.2f} %" if score.total else "–" for share in score.shares)
        interval = f"{100 * low:.2f} to {100 * high:.2f} %" if score.total else ""
        lines.append(f"{name:<20}{score.total:>8,}{before:>10}{after:>10}  {interval}".rstrip())
    return lines


def scores(lesson: Lesson) -> dict[str, Score]:
    return {"corrected drawings": lesson.corrected, "held-out drawings": lesson.held_out, "old digits": lesson.old}


def result(run: Run, lesson: Lesson) -> dict[str, Any]:
    found: dict[str, Any] = {"run": run.id, "model": str(run.model), "kept": not lesson.refusal}
    found |= {"reason": lesson.refusal, "part": lesson.part}
    for name, score in scores(lesson).items():
        counts = {"before": score.before, "after": score.after, "total": score.total}
        found[name.replace(" ", "_").replace("-", "_")] = counts | {"intervals": score.intervals}
    return found

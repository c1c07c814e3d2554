"""Listing: runs as a table in a terminal, and some of them beside each other."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from experiments.cli.terminal import duration, percent
from experiments.comparison import Comparison
from experiments.runs.config import CHOICES, RunConfig
from experiments.runs.run import STATES
from experiments.runs.settings import SETTINGS, differing, in_words
from experiments.runs.table import RunRow, differing_settings
from model import ConfigError

GAP = "  "
NAME = 14, 24  # letters of a name in a narrow and in a wide terminal
WIDE = 100
FACTS = (
    *("id", "name", "note", "starred", "state", "reason", "group", "trial", "created", "epochs", "seconds"),
    *("parameters", "best_epoch", "best_accuracy", "best_loss", "last_accuracy", "last_loss"),
)
SORTS: dict[str, Callable[[RunRow], Any]] = {
    "created": lambda row: -row.created,
    "accuracy": lambda row: None if row.best_accuracy is None else -row.best_accuracy,
    "loss": lambda row: row.best_loss,
    "epochs": lambda row: row.epochs,
    "seconds": lambda row: row.seconds,
    "parameters": lambda row: row.parameters,
    "name": lambda row: row.name.lower(),
    "state": lambda row: row.state,
}
FILTERS: dict[str, Callable[[RunRow, str], bool]] = {
    "name": lambda row, text: text.lower() in row.name.lower(),
    "state": lambda row, text: row.state == text,
    "group": lambda row, text: row.group == text,
    "starred": lambda row, text: row.starred == (text == "true"),
}
WORDS = {**CHOICES, "state": STATES, "starred": ("true", "false")}


def chosen(rows: Sequence[RunRow], filters: Sequence[str], sort: str) -> list[RunRow]:
    """The rows for which every KEY=VALUE holds, in the order of `sort`; what it is not known of comes last."""
    for text in filters:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise ConfigError(f"--filter takes KEY=VALUE, such as --filter optimizer=adam, got {text!r}.")
        rows = [row for row in rows if _matches(row, key, value.strip())]
    sort = sort.replace("-", "_")
    if sort not in SORTS and sort not in SETTINGS:
        raise ConfigError(f"--sort takes {', '.join(SORTS)} or a setting, got {sort!r}.")

    def key_of(row: RunRow) -> Any:
        return SORTS[sort](row) if sort in SORTS else getattr(row.config, sort)

    known = [row for row in rows if key_of(row) is not None]
    return sorted(known, key=key_of) + [row for row in rows if key_of(row) is None]


def _matches(row: RunRow, key: str, text: str) -> bool:
    if key in WORDS and text not in WORDS[key]:
        raise ConfigError(f"{key} is one of {', '.join(WORDS[key])}, got {text!r}.")
    if key in FILTERS:
        return FILTERS[key](row, text)
    if key not in SETTINGS:
        raise ConfigError(f"--filter takes {', '.join(FILTERS)} or a setting, got {key!r}.")
    value, wanted = getattr(row.config, key), RunConfig.parse(key, text)
    return math.isclose(value, wanted) if isinstance(value, float) else bool(value == wanted)


@dataclass(frozen=True)
class Column:
    """Headings may take several lines; numbers stand to the right."""

    heading: tuple[str, ...]
    cells: tuple[str, ...]
    right: bool = True

    @property
    def width(self) -> int:
        return max(map(len, (*self.heading, *self.cells)), default=0)

    def lines(self, height: int) -> list[str]:
        parts, width = [*[""] * (height - len(self.heading)), *self.heading, *self.cells], self.width
        return [part.rjust(width) if self.right else part.ljust(width) for part in parts]


def table(rows: Sequence[RunRow], short: dict[str, str], width: int | None = None) -> list[str]:
    """A line for each run, with the settings that differ; in lines of this width those with the most values.

    What all have in common is said once, below; when they were made only where there is room left.
    """
    name_width = NAME[0] if width and width < WIDE else NAME[1]
    columns = [
        Column(("run",), tuple(short.get(row.id, row.id) for row in rows), right=False),
        Column(("name",), tuple(_cut(row.name, name_width) for row in rows), right=False),
        Column(("state",), tuple(row.state for row in rows), right=False),
        Column(("best", "accuracy"), tuple(percent(row.best_accuracy) for row in rows)),
        Column(("epochs",), tuple(map(_epochs, rows))),
        Column(("time",), tuple(duration(row.seconds) for row in rows)),
    ]
    if any(row.starred for row in rows):
        columns.insert(1, Column(("",), tuple("*" if row.starred else "" for row in rows)))
    alike = {column.heading[0]: column.cells[0] for column in columns if len(rows) > 1 and len(set(column.cells)) == 1}
    alike = {heading: cell for heading, cell in alike.items() if heading in ("state", "epochs")}
    columns = [column for column in columns if column.heading[0] not in alike]
    settings = {
        name: Column(tuple(name.split("_")), tuple(_cut(in_words(row.config, name), NAME[1]) for row in rows))
        for name in differing_settings(rows)
        if name not in ("epochs", "steps")  # how many there were has a column
    }
    room = math.inf if width is None else width + len(GAP) - sum(column.width + len(GAP) for column in columns)
    shown: list[str] = []
    for name in sorted(settings, key=lambda name: (name == "seed", -len(set(settings[name].cells)))):
        if settings[name].width + len(GAP) <= room:
            room -= settings[name].width + len(GAP)
            shown.append(name)
    made = Column(("made",), tuple(time.strftime("%d %b %H:%M", time.localtime(row.created)) for row in rows))
    if made.width + len(GAP) <= room:
        columns.append(made)
    columns += [column for name, column in settings.items() if name in shown]
    left = [name.replace("_", " ") for name in settings if name not in shown]
    below = [f"All are {alike['state']}."] if "state" in alike else []
    below += [f"Epochs of each: {alike['epochs']}."] if "epochs" in alike else []
    below += [f"No room for {', '.join(left)}."] if left else []
    return [*_lines(columns), *(["", " ".join(below)] if below else [])]


def side_by_side(rows: Sequence[RunRow], short: dict[str, str]) -> list[str]:
    """A column for each run: the settings that differ (of a single one, from the defaults), then how it went."""
    settings = differing(row.config for row in rows) if len(rows) > 1 else differing([rows[0].config, RunConfig()])
    facts: list[tuple[str, Callable[[RunRow], str]]] = [
        *((name.replace("_", " "), partial(_setting, name)) for name in settings),
        *(() if settings else [("the same settings", lambda _: "")]),
        ("", lambda _: ""),
        ("state", lambda row: row.state),
        ("best accuracy", lambda row: percent(row.best_accuracy)),
        ("best loss", lambda row: _loss(row.best_loss)),
        ("best epoch", lambda row: "–" if row.best_epoch is None else f"{row.best_epoch:.3g}"),
        ("last accuracy", lambda row: percent(row.last_accuracy)),
        ("last loss", lambda row: _loss(row.last_loss)),
        ("epochs", _epochs),
        ("time", lambda row: duration(row.seconds)),
        ("parameters", lambda row: f"{row.parameters:,}"),
    ]
    columns = [Column(("", ""), tuple(heading for heading, _ in facts), right=False)]
    for row in rows:
        cells = tuple(_cut(fact(row), NAME[1]) for _, fact in facts)
        columns.append(Column((short.get(row.id, row.id), _cut(row.name, NAME[1])), cells))
    return _lines(columns)


def as_json(row: RunRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FACTS} | {"config": row.config.to_dict()}


def comparison_as_json(found: Comparison) -> dict[str, Any]:
    return {
        "digits": found.total,
        "correct": found.correct,
        "only_right": found.only_right,
        "disagreements": found.disagreements.tolist(),
        "p_value": found.chance,
        "confusions": [confusion.tolist() for confusion in found.confusions],
    }


def _lines(columns: Sequence[Column]) -> list[str]:
    height = max(len(column.heading) for column in columns)
    lines = zip(*(column.lines(height) for column in columns), strict=True)
    return [GAP.join(line).rstrip() for line in lines]


def _setting(name: str, row: RunRow) -> str:
    return in_words(row.config, name)


def _epochs(row: RunRow) -> str:
    """How many, and of how many where it has not come to the end."""
    status = row.status
    done = f"{round(row.epochs, 1):g}"
    return done if status.step >= status.total_steps or row.state == "finished" else f"{done}/{status.epochs:g}"


def _loss(loss: float | None) -> str:
    if loss is None:
        return "–"
    return f"{loss:.4f}" if loss >= 0.001 else f"{loss:.1e}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

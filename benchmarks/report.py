"""Report: the Markdown tables of the benchmarks, their goals, and the machine and versions."""

import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info

PACKAGES = ("numpy", "scipy", "torch", "jax", "scikit-learn", "streamlit", "streamlit-drawable-canvas", "pandas")
GOALS_FILE = "DIGIT_LAB_GOALS"  # the variable that names the file in which run.py collects all goals


@dataclass(frozen=True)
class Goal:
    """A figure with what it must be at least and, perhaps, what it should be; `more`: the higher is
    the better.
    """

    what: str
    measured: float
    least: float
    aim: float | None = None
    unit: str = ""
    digits: int = 2
    more: bool = False
    note: str = ""

    @property
    def reached(self) -> str:
        for goal, word in ((self.aim, "aim"), (self.least, "yes")):
            if goal is not None and (self.measured >= goal if self.more else self.measured <= goal):
                return word
        return "NO"

    def row(self) -> list[str]:
        """The cells: measurement, required value, aim, measured value, reached."""
        values = ["-" if goal is None else f"{goal:g}{self.unit}" for goal in (self.least, self.aim)]
        note = f" ({self.note})" if self.note else ""
        measured = f"{self.measured:,.{self.digits}f}{self.unit}" if math.isfinite(self.measured) else "not reached"
        return [self.what, *values, measured + note, self.reached]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def goals_table(goals: Iterable[Goal]) -> str:
    """A table of goals. `reached` is "aim", "yes" (the required value) or "NO"."""
    return table(["measurement", "required", "aim", "measured", "reached"], [goal.row() for goal in goals])


def begin(title: str, explanation: str = "") -> None:
    """A heading and, where one benchmark runs alone, the machine; run.py says that once for all."""
    print(f"## {title}\n")
    if GOALS_FILE not in os.environ:
        print(f"{machine()}\n")
    if explanation:
        print(f"{explanation}\n", flush=True)


def conclude(*goals: Goal) -> None:
    """Compare with the goals: in a table here, or with those of all benchmarks at the end of
    run.py.
    """
    if GOALS_FILE in os.environ:
        with Path(os.environ[GOALS_FILE]).open("a") as file:
            file.writelines(json.dumps(asdict(goal)) + "\n" for goal in goals)
    elif goals:
        print(f"\n{goals_table(goals)}")


def worst(
    goal: str,
    values: dict[str, float],
    least: float,
    aim: float | None,
    unit: str = "",
    digits: int = 2,
    *,
    more: bool = False,
) -> Goal:
    """The goal by the worst of several values, which is named."""
    name = (min if more else max)(values, key=lambda name: values[name])
    return Goal(goal, values[name], least, aim, unit, digits, more=more, note=name)


def machine() -> str:
    """Processor, memory, system and versions, in two lines."""
    hardware = f"{processor()}, {os.cpu_count()} cores, {memory()}, {platform.system()} {platform.release()}"
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"Machine: {hardware}.\nVersions: {', '.join(versions)}{kernels()}."


def kernels() -> str:
    """The kernels of OpenBLAS, which a variable may choose; empty before NumPy is loaded."""
    found = {info["architecture"] for info in threadpool_info() if "architecture" in info}
    return f"; OpenBLAS with kernels for {', '.join(sorted(found))}" if found else ""


def processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def memory() -> str:
    if not hasattr(os, "sysconf"):
        return "memory unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"


def main() -> None:
    """With a file of goals, their table; without, the machine."""
    import benchmarks.one_core  # noqa: F401  # isort: skip
    import numpy  # noqa: F401  so that its kernels are named

    if len(sys.argv) == 1:
        print(machine())
    else:
        lines = Path(sys.argv[1]).read_text().splitlines()
        print(f"## Goals\n\n{goals_table(Goal(**json.loads(line)) for line in lines)}")


if __name__ == "__main__":
    main()

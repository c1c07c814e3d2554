"""Server: forks a child for each damaged file, with limits of memory and time, and reports."""

import argparse
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np

from model import load_classifier
from reliability.fuzz.loaders import LOADERS, Loader, training
from reliability.fuzz.mutations import mutate
from reliability.fuzz.samples import use

MEMORY = 1 << 30  # bytes of data that a child may have
SECONDS = 10  # of processor time that a child may take
WALL_SECONDS = 60.0  # the same by the clock, for a child that waits; other programs may use the processor
READ, REFUSED, ESCAPED, KILLED = "read", "refused", "escaped", "killed"


@dataclass(frozen=True)
class Result:
    """The result of one damaged file."""

    number: int
    loader: str
    file: str
    how: str
    outcome: str
    seconds: float = 0.0  # of processor time
    bytes: int = 0  # the most memory
    evidence: str = ""  # the end of a traceback, or the signal


def main() -> int:
    """Damage the files with these numbers and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("numbers", type=int, nargs=3, help="first, end, step")
    arguments = parser.parse_args()
    use(arguments.root / "run")
    training()  # loaded once, for all children, like the modules that a loader imports at its first use
    for module in ("pandas", "PIL.PngImagePlugin", "PIL.JpegImagePlugin", "scipy.special", "scipy.ndimage"):
        importlib.import_module(module)
    load_classifier(arguments.root / "run/runs/some/best.npz").predict_proba(np.zeros((1, 28, 28), np.uint8))
    gc.freeze()  # a collection in a child would copy the memory of all objects
    bombs = {path.suffix[1:]: path.read_bytes() for path in (arguments.root / "bombs").iterdir()}
    for number in range(*arguments.numbers):
        print(json.dumps(asdict(damage_one(arguments.root, arguments.seed, number, bombs))), flush=True)
    return 0


def damage_one(root: Path, seed: int, number: int, bombs: dict[str, bytes]) -> Result:
    """Damage one file, let a child read it, and say how that went."""
    random = Random(f"{seed}-{number}")
    name = list(LOADERS)[number % len(LOADERS)]
    loader = LOADERS[name]
    file = random.choice(loader.files)
    folder = root / f"work-{number}"
    shutil.copytree(root / loader.folder, folder)
    try:
        content, how = mutate((folder / file).read_bytes(), file, random, bombs)
        (folder / file).write_bytes(content)
        about = Result(number, name, file, how, READ)
        return in_child(loader, folder, folder / file, about)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def in_child(loader: Loader, folder: Path, changed: Path, about: Result) -> Result:
    """Read the damaged file in a child process."""
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if not child:
        os.close(reading)
        report(loader, folder, changed, writing)
    os.close(writing)
    said = b"".join(received(reading, began + WALL_SECONDS))
    os.close(reading)
    if not said:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    outcome, _, evidence = said.decode(errors="replace").partition("\n")
    if not outcome:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        outcome, evidence = KILLED, f"signal {signal.Signals(number).name if number else status}"
    seconds, most = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    return Result(about.number, about.loader, about.file, about.how, outcome, seconds, most, evidence)


def received(pipe: int, deadline: float) -> Iterator[bytes]:
    """The bytes that come through a pipe until it is closed or the deadline has passed."""
    while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
        if not (data := os.read(pipe, 1 << 16)):
            return
        yield data


def report(loader: Loader, folder: Path, changed: Path, pipe: int) -> None:
    """Read the damaged file within the limits, and send the outcome. The process then ends."""
    outcome, evidence = KILLED, "it ended by itself"
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        use(folder)
        silence()
        warnings.simplefilter("ignore")
        outcome, evidence = (REFUSED if loader.check(folder, changed) else READ), ""
    except BaseException:
        outcome, evidence = ESCAPED, traceback.format_exc()[-3000:]
    finally:
        with open(pipe, "wb") as file:
            file.write(f"{outcome}\n{evidence}".encode(errors="replace"))
        os._exit(0)


def silence() -> None:
    """Send all that libraries print to nowhere: standard output is for the results."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


if __name__ == "__main__":
    sys.exit(main())

"""Damaged files: no loader may answer with anything but a sentence, within 1 GB and 10 seconds.

Each file is damaged at random (bits, ends, splices, types, nesting, bombs) and read in a child
process. A failure is printed with the command that repeats it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FILES = 10_000
SHOWN = 20  # failures
POLL_SECONDS, PROGRESS_SECONDS = 0.2, 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the campaign."""
    parser.add_argument("--files", type=int, default=FILES, help=f"how many damaged files ({FILES:,})")
    parser.add_argument("--seed", type=int, default=0, help="other seeds damage the files in other ways (0)")
    parser.add_argument("--only", type=int, help="repeat the file with this number alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="servers at once (one per core)")


def run(arguments: argparse.Namespace) -> int:
    """Run the campaign and print what failed; -> exit status."""
    began = time.monotonic()
    first, end = (0, arguments.files) if arguments.only is None else (arguments.only, arguments.only + 1)
    memory = Path("/dev/shm")  # a folder in memory: nothing here has to survive a power cut
    where = memory if memory.is_dir() else None
    with TemporaryDirectory(prefix="fuzz-", dir=where, ignore_cleanup_errors=True) as folder:
        prepare(Path(folder))
        results = read_all(Path(folder), arguments.seed, first, end, max(1, arguments.jobs))
    failures = [result for result in results if result["outcome"] not in ("read", "refused")]
    print_table(results)
    print(f"{len(results):,} files in {time.monotonic() - began:.0f} s, {len(failures):,} failures")
    print_failures(failures, arguments.seed)
    return int(bool(failures) or len(results) != end - first)


def prepare(root: Path) -> None:
    """Write the samples and the bombs below this folder."""
    from reliability.fuzz.samples import make_bombs, make_samples

    make_samples(root)
    (root / "bombs").mkdir()
    for suffix, content in make_bombs().items():
        (root / "bombs" / f"bomb.{suffix}").write_bytes(content)


def read_all(root: Path, seed: int, first: int, end: int, jobs: int) -> list[dict[str, Any]]:
    """The results of all files from some servers, which share the numbers among them."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-m", "reliability.fuzz.server", str(root), str(seed)]
    outputs, servers = [], []
    for job in range(jobs):
        outputs.append(root / f"results-{job}")
        with outputs[-1].open("w") as output:
            numbers = [str(first + job), str(end), str(jobs)]
            servers.append(subprocess.Popen([*command, *numbers], stdout=output, env=environment))
    began, shown = time.monotonic(), 0.0
    while any(server.poll() is None for server in servers):
        time.sleep(POLL_SECONDS)
        if (seconds := time.monotonic() - began) > shown + PROGRESS_SECONDS:
            done, shown = sum(len(output.read_bytes().splitlines()) for output in outputs), seconds
            print(f"{done:,} of {end - first:,} files after {seconds:.0f} s", file=sys.stderr)
    return [json.loads(line) for output in outputs for line in output.read_text().splitlines()]


def print_table(results: Iterable[dict[str, Any]]) -> None:
    """A line for each loader: how many files were read, refused or failed, and the most it took."""
    by_loader: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        by_loader[result["loader"]].append(result)
    print("| loader | files | read | refused | failed | most seconds | most memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for loader, of in by_loader.items():
        count = Counter(result["outcome"] for result in of)
        failed = len(of) - count["read"] - count["refused"]
        seconds, memory = max(result["seconds"] for result in of), max(result["bytes"] for result in of) / 1e6
        print(
            f"| {loader} | {len(of)} | {count['read']} | {count['refused']} | {failed} | {seconds:.1f} | {memory:.0f} |"
        )


def print_failures(failures: list[dict[str, Any]], seed: int) -> None:
    """The first failure of each kind, with the command that repeats it."""
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for failure in failures:
        kinds[failure["loader"], failure["evidence"].strip().rpartition("\n")[2][:80]].append(failure)
    for (loader, _), of in list(kinds.items())[:SHOWN]:
        one = of[0]
        print(f"\n{len(of)} times: {loader}, {one['file']}, {one['how']}: {one['outcome']}\n{one['evidence']}")
        print(f"Repeat it: python -m reliability fuzz --seed {seed} --only {one['number']}")

"""Damaged files: a part of the campaign `reliability fuzz`, and proof that it can fail."""

import argparse
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has no fork", allow_module_level=True)

from model.reading import DamagedError
from reliability.fuzz.loaders import Loader
from reliability.fuzz.mutations import STRUCTURES, mutate
from reliability.fuzz.server import ESCAPED, KILLED, READ, REFUSED, Result, in_child
from tests.conftest import ROOT

FILES = 1_000


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_damaged_files_are_read_or_refused() -> None:
    """The seed is fixed, so that a failure comes from a change of the code."""
    command = [sys.executable, "-m", "reliability", "fuzz", "--files", str(FILES), "--seed", "12"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{FILES:,} files" in done.stdout
    assert "0 failures" in done.stdout


def outcome(load: object, tmp_path: Path) -> str:
    loader = Loader("", (), (load,), (DamagedError,))  # type: ignore[arg-type]
    about = Result(0, "made", "file", "made", READ)
    return in_child(loader, tmp_path, tmp_path / "file", about).outcome


def refuse(path: Path) -> None:
    raise DamagedError("it is damaged.")


def fail(path: Path) -> None:
    raise TypeError("not declared")


def end(path: Path) -> None:
    os._exit(0)


def test_each_outcome_of_a_loader_is_recognised(tmp_path: Path) -> None:
    found = [outcome(load, tmp_path) for load in (str, refuse, fail, end)]
    assert found == [READ, REFUSED, ESCAPED, KILLED]


def take_memory(path: Path) -> None:
    raise DamagedError(str(len(bytearray(2_000_000_000))))


def test_a_loader_that_takes_more_than_a_gigabyte_fails(tmp_path: Path) -> None:
    assert outcome(take_memory, tmp_path) == ESCAPED  # a MemoryError, which is not declared


@pytest.mark.slow
def test_a_loader_that_takes_more_than_ten_seconds_fails(tmp_path: Path) -> None:
    def wait(path: Path) -> None:
        while True:
            pass

    assert outcome(wait, tmp_path) == KILLED


def test_the_same_seed_damages_a_file_in_the_same_way() -> None:
    content = b'{"a": [1, 2, 3], "b": "text"}'
    for suffix in ("json", "csv", "png", "bin"):
        first, second = (mutate(content, f"some.{suffix}", random.Random("1-2"), {}) for _ in range(2))
        assert first == second
    different = {mutate(content, "some.json", random.Random(f"1-{n}"), {})[0] for n in range(100)}
    assert len(different) > 50


@pytest.mark.parametrize("suffix", STRUCTURES)
def test_a_mutation_of_a_structure_takes_any_content(suffix: str) -> None:
    if suffix in ("gz", "log"):
        pytest.skip("these two are given whole files only")
    for content in (b"", b"{", b"PK\5\6", bytes(100), b'[[{"a": 1}]]'):
        for number in range(20):
            STRUCTURES[suffix](content or b"x", random.Random(number))


def test_the_command_declares_its_options() -> None:
    from reliability import fuzz

    parser = argparse.ArgumentParser()
    fuzz.add_arguments(parser)
    assert parser.parse_args([]).files == fuzz.FILES

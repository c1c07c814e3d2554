"""The command `digits sweep`: its output, its exit status, and a sentence for each mistake."""

import contextlib
import json
import os
import pty
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from experiments.runs.table import list_runs
from experiments.sweeps import list_sweeps, open_sweep, trainer

TOML = """
name = "Two rates"
data = "mnist-5k"
sampler = "grid"
[settings]
epochs = 1
[search]
learning_rate = [0.001, 0.01]
hidden = [[8], [16, 8]]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rates.toml"
    path.write_text(TOML)
    return path


@pytest.fixture
def digits_sweep(digits, monkeypatch):
    """Runs `digits sweep` in this process; -> exit status, standard output, standard error."""
    monkeypatch.setattr(trainer, "start_pool", ThreadPoolExecutor)
    return partial(digits, "sweep")


def test_a_sweep_ends_with_a_table_of_the_best_settings(digits_sweep, file):
    status, out, err = digits_sweep(file, "--workers", 2)
    sweep = open_sweep("two-rates")
    trials = {trial.number: trial for trial in sweep.trials()}
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert re.match(r"Sweep two-rates: 4 trials, grid, 2 at a time, about [\d.]+ s\.", lines[0])
    head = next(i for i, line in enumerate(lines) if line.split()[:2] == ["trial", "accuracy"])
    rows = [line.removeprefix("=").split() for line in lines[head + 1 : head + 5]]
    values = [trials[int(row[0])].value for row in rows]
    assert values == sorted(values, reverse=True)
    assert rows[0][1] == f"{100 * values[0]:.1f}"
    assert {row[4] for row in rows} == {"8", "16-8"}
    assert rows[0][-1] == trials[int(rows[0][0])].runs[0]
    assert f"digits runs --group {sweep.id}" in out
    assert "--trials" not in out  # a grid has no more


def test_a_sweep_as_json_prints_one_object(digits_sweep, file):
    status, out, err = digits_sweep(file, "--json", "--trials", 3)
    found = json.loads(out)
    assert (status, found["sweep"], found["state"], found["done"]) == (0, "two-rates", "finished", 3)
    assert [trial["number"] for trial in found["all"]] == [0, 1, 2]
    assert found["best"]["value"] == max(trial["value"] for trial in found["all"])
    assert "Sweep two-rates" in err


def test_the_same_file_goes_on_with_the_same_sweep(digits_sweep, file):
    digits_sweep(file, "--trials", 1)
    first = open_sweep("two-rates").trials()
    status, *_ = digits_sweep(file)
    assert status == 0
    assert open_sweep("two-rates").trials()[:1] == first
    assert len(open_sweep("two-rates").trials()) == 4


def test_a_random_search_says_how_to_go_on(digits_sweep, file):
    file.write_text(TOML.replace("grid", "random"))
    _, out, _ = digits_sweep(file, "--trials", 2)
    assert f"Continue with more trials: digits sweep {file} --trials 4" in out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--trials", "many"], "--trials takes a whole number, got 'many'."),
        (["--trials", "0"], "FILE: trials is a whole number from 1 to 100,000, got 0."),
        (["--workers", "-1"], "FILE: workers is a whole number from 0 to 256, got -1."),
        (["--executor", "cloud"], "--executor is local or dask://HOST:PORT, got 'cloud'."),
        (["--executor", "dask://"], "--executor is local or dask://HOST:PORT, got 'dask://'."),
        (["--storage", "nowhere"], "'nowhere' is not the address of a database, such as postgresql://USER@HOST/NAME."),
    ],
)
def test_a_wrong_option_is_one_line(digits_sweep, file, options, sentence):
    status, _, err = digits_sweep(file, *options)
    assert (status, err) == (2, f"digits: {sentence.replace('FILE', str(file))}\n")


def test_a_wrong_file_is_one_line_and_makes_nothing(digits_sweep, file):
    file.write_text(TOML.replace("learning_rate", "learning_rat"))
    status, out, err = digits_sweep(file)
    assert (status, out) == (2, "")
    assert err.startswith(f"digits: {file}: 'learning_rat' cannot be searched; what can be searched is ")
    assert err.count("\n") == 1
    assert list_sweeps() == []


def test_another_search_under_the_same_name_is_one_line(digits_sweep, file):
    digits_sweep(file, "--trials", 1)
    file.write_text(TOML.replace("epochs = 1", "epochs = 2"))
    status, _, err = digits_sweep(file)
    assert status == 2
    assert err == (
        "digits: There is a sweep two-rates already, which differs in epochs: give this one a name of its own.\n"
    )


def test_without_distributed_a_cluster_gives_a_sentence(digits_sweep, file, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = digits_sweep(file, "--executor", "dask://localhost:8786")
    assert status == 2
    assert "needs the package distributed: pip install 'digit-lab[scaling]'" in err


def in_a_terminal(file, ctrl_c=None):
    """The command in a real terminal; Ctrl-C comes `ctrl_c` seconds after the first output.

    -> exit status, all output.
    """
    pid, primary = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-m", "experiments", "sweep", str(file), "--workers", "2"])
    shown = os.read(primary, 65536)
    if ctrl_c is not None:
        time.sleep(ctrl_c)
        os.write(primary, b"\x03")
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(primary, 65536):
            shown += part
    os.close(primary)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.slow
def test_a_terminal_shows_a_bar(file):
    status, shown = in_a_terminal(file)
    assert status == 0
    assert all(words in shown for words in ("of 4 trials", "best", "Finished after"))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.4, 1.0])
def test_ctrl_c_at_any_moment_leaves_in_order(file, seconds):
    file.write_text(TOML.replace("epochs = 1", "epochs = 500"))
    status, shown = in_a_terminal(file, seconds)
    assert status == 130
    assert "Traceback" not in shown
    assert not open_sweep("two-rates").is_alive()
    assert not any(run.is_alive() for run in list_runs())

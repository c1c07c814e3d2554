"""`digits runs`: runs listed and compared in a terminal, narrow or wide, and as JSON."""

import json
import os
import pty
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from experiments.cli.naming import full_id, short_ids
from experiments.cli.runs import runs_table
from experiments.comparison import mcnemar
from experiments.runs.config import RunConfig
from experiments.runs.run import RunError, create_run, runs_folder
from experiments.runs.table import run_rows
from tests.small_runs import SMALL, finish, to_end


def ended(config=SMALL, name="quick", accuracy=0.9, **status):
    """A run that looks as if it had been trained."""
    run = create_run(config, name=name, group=status.pop("group", ""))
    status = {"epoch": 2.0, "epochs": 2.0, "step": 58, "total_steps": 58, "seconds": 3.21, "state": "finished"} | status
    loss = None if accuracy is None else 1 - accuracy
    best = {"validation_accuracy": accuracy, "best_validation_accuracy": accuracy, "best_validation_loss": loss}
    run.write_status(replace(run.stored(), pid=1, validation_loss=loss, best_epoch=1.0, **best, **status))
    return run


def short(run):
    return short_ids(run_rows())[run.id]


def listed(out):
    """The short ids in the order in which they stand."""
    known = set(short_ids(run_rows()).values())
    return [line.split()[0] for line in out.splitlines() if line.strip() and line.split()[0] in known]


def test_runs_are_listed_newest_first_with_the_settings_that_differ():
    first = ended(SMALL, name="quick", accuracy=0.974)
    second = ended(SMALL.replace(learning_rate=0.1), name="fast", accuracy=None, state="diverged", epoch=0.25, step=7)
    rows = run_rows()
    assert runs_table(rows, short_ids(rows), 65) == [
        "                           best                 learning",
        "run   name   state     accuracy  epochs   time      rate",
        f"{short(second)}  fast   diverged         –   0.2/2  3.2 s       0.1",
        f"{short(first)}  quick  finished    97.4 %       2  3.2 s     0.003",
    ]


def test_what_all_runs_have_in_common_is_said_once(digits):
    runs = [ended(SMALL.replace(seed=seed), accuracy=0.9 + seed / 100) for seed in range(3)]
    runs[1].set_label(name="best", starred=True)
    lines = digits("runs")[1].splitlines()
    assert lines[1].split() == ["run", "name", "accuracy", "time", "made", "seed"]
    made = time.strftime("%d %b %H:%M", time.localtime(runs[1].stored().created)).split()
    assert lines[3].split() == [short(runs[1]), "*", "best", "91.0", "%", "3.2", "s", *made, "1"]
    assert lines[-1] == "All are finished. Epochs of each: 2."


def test_without_runs_the_list_says_how_to_make_one(digits):
    assert digits("runs") == (0, f"There are no runs in {runs_folder()} yet. Make one: digits train\n", "")


def test_a_list_is_cut_to_the_newest_and_says_so(digits):
    runs = [ended() for _ in range(22)]
    out = digits("runs")[1]
    assert listed(out) == [short(run) for run in runs[:1:-1]]
    assert out.endswith("20 of 22 runs; --limit 0 lists all.\n")
    assert len(listed(digits("runs", "--limit", 0)[1])) == 22
    assert len(listed(digits("runs", "--limit", 3)[1])) == 3


def test_filters_and_sorting_choose_the_rows(digits):
    a = ended(SMALL.replace(optimizer="sgd", hidden=(16, 8)), name="Slow one", accuracy=0.7)
    b = ended(SMALL.replace(optimizer="sgd", learning_rate=0.1), accuracy=0.8, state="stopped")
    c = ended(SMALL.replace(learning_rate=0.1), accuracy=None, group="sweep-1")
    b.set_label(starred=True)
    for options, expected in (
        (["--filter", "optimizer=sgd"], [b, a]),
        (["--filter", "optimizer=sgd", "--filter", "learning-rate=1e-1"], [b]),
        (["--filter", "hidden=16,8"], [a]),
        (["--filter", "name=slow"], [a]),
        (["--filter", "state=stopped"], [b]),
        (["--filter", "starred=true"], [b]),
        (["--filter", "starred=false"], [c, a]),
        (["--group", "sweep-1"], [c]),
        (["--group", ""], [b, a]),
        (["--sort", "accuracy"], [b, a, c]),
        (["--sort", "loss"], [b, a, c]),
        (["--sort", "name"], [c, b, a]),
        (["--sort", "learning-rate"], [a, c, b]),
        (["--sort", "optimizer", "--filter", "hidden=8"], [c, b]),
    ):
        status, out, _ = digits("runs", *options)
        assert (status, listed(out)) == (0, [short(run) for run in expected]), options
    assert digits("runs", "--filter", "seed=5") == (0, "No run matches the filters.\n", "")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--filter", "adam"], "--filter takes KEY=VALUE, such as --filter optimizer=adam, got 'adam'."),
        (["--filter", "speed=3"], "--filter takes name, state, group, starred or a setting, got 'speed'."),
        (["--filter", "seed=x"], "seed is a whole number, got 'x'."),
        (
            ["--filter", "optimizer=adm"],
            "optimizer is one of sgd, momentum, nesterov, rmsprop, adam, adamw, got 'adm'.",
        ),
        (["--filter", "state=asleep"], "state is one of queued, running, paused, finished, "),
        (["--filter", "starred=yes"], "starred is one of true, false, got 'yes'."),
        (["--sort", "beauty"], "or a setting, got 'beauty'."),
        (["--limit", "-1"], "--limit takes how many runs to list, or 0 for all, got -1."),
        (["yesterday"], "There is no run yesterday in"),
        (["quick"], "2 runs are called quick: "),
    ],
)
def test_bad_input_is_a_sentence_with_its_cure(digits, options, sentence):
    ended(), ended()
    status, out, err = digits("runs", *options)
    assert (status, out) == (2, "")
    assert err.startswith("digits: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_damaged_folder_does_not_hide_the_others(digits):
    good, bad = ended(), ended()
    (bad.folder / "status.json").write_text("{")
    os.utime(bad.folder, (0, 0))
    status, out, err = digits("runs")
    assert (status, listed(out)) == (0, [short(good)])
    assert f"{bad.id} in {runs_folder()} is not a complete run." in err


def test_json_holds_everything_about_each_run(digits):
    run = ended(SMALL.replace(seed=3), accuracy=0.875, group="sweep-1")
    ended(SMALL)
    run.set_label(note="look again", starred=True)
    found = json.loads(digits("runs", "--json", "--filter", "seed=3")[1])
    assert (found["found"], found["differing"]) == (1, [])
    (row,) = found["runs"]
    assert row["id"] == run.id
    assert RunConfig.from_dict(row["config"]) == run.config
    assert (row["best_accuracy"], row["group"], row["note"], row["starred"]) == (0.875, "sweep-1", "look again", True)
    assert json.loads(digits("runs", "--json")[1])["differing"] == ["seed"]


# Names of runs.


def test_a_run_is_named_by_its_short_id_its_name_or_its_folder(digits):
    run, other = finish(SMALL), finish(SMALL.replace(seed=1))
    run.set_label(name="mine")
    for name in (run.id, short(run), "mine", run.folder):
        assert digits("test", "--run", name, "--data", "mnist-5k")[1] == digits("test", "--run", run.id)[1], name
    assert full_id(other.id, run_rows()) == other.id


def test_two_runs_with_the_same_short_id_get_longer_ones(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.5)
    one = create_run(SMALL, name="one")
    monkeypatch.setattr(time, "time", lambda: 1_800_000_001.5)
    two = create_run(SMALL, name="two")
    ids = short_ids(run_rows())
    assert ids == {one.id: "080000-8000", two.id: "080001-8000"}
    assert full_id("080001-8000", run_rows()) == two.id


def test_the_runs_of_a_sweep_are_named_by_sweep_trial_and_seed():
    ids = [
        "20261121-005754-rates-5-0",
        "20261121-005754-rates-5-1",
        "20261121-005754-beef-1-0",
        "20261121-005754-beef-2-0",
    ]
    for name in (*ids, "mine"):
        create_run(SMALL, folder=runs_folder() / name)
    found = short_ids(run_rows())
    assert [found[name] for name in (*ids, "mine")] == ["rates-5-0", "rates-5-1", "beef-1-0", "beef-2-0", "mine"]


def test_a_name_that_several_runs_have_is_refused_with_their_short_ids():
    runs = [ended() for _ in range(7)]
    with pytest.raises(RunError, match=f"7 runs are called quick: {short(runs[-1])}, .*, \\.\\.\\.\\. Say which one"):
        full_id("quick", run_rows())


# Deletion.


def test_deleted_runs_can_be_listed_and_brought_back(digits):
    runs = [ended(SMALL.replace(seed=seed), name=f"run {seed}") for seed in range(3)]
    ids = [short(run) for run in runs]
    status, out, err = digits("runs", "--delete", ids[0], "run 2")
    assert (status, err, listed(digits("runs")[1])) == (0, "", [ids[1]])
    assert out.splitlines()[1].endswith(f"{runs[2].id} is deleted. Bring it back: digits runs --restore {runs[2].id}")
    deleted = digits("runs", "--restore")[1]
    assert [line.split()[0] for line in deleted.splitlines()[2:4]] == [ids[2], ids[0]]
    assert digits("runs", "--restore", "run 2", runs[0].id)[0] == 0
    assert listed(digits("runs")[1]) == ids[::-1]
    assert digits("runs", "--restore") == (0, "No run is deleted.\n", "")


def test_a_damaged_run_is_deleted_by_its_id(digits):
    bad = ended()
    (bad.folder / "status.json").write_text("{")
    os.utime(bad.folder, (0, 0))
    assert digits("runs", "--delete", bad.id)[0] == 0
    assert digits("runs")[2] == ""
    assert digits("runs", "--restore", bad.id)[0] == 0
    assert bad.folder.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--delete"], "Say which runs to delete"),
        (["--delete", "yesterday"], "There is no run yesterday"),
        (["--delete", "busy"], "stop it first"),
        (["--restore", "yesterday"], "There is no deleted run 'yesterday'."),
        (["--delete", "--restore", "busy"], "not allowed with"),
    ],
)
def test_what_cannot_be_deleted_or_restored_is_a_sentence(digits, options, sentence):
    run = ended(name="busy", state="running")
    with run.hold():
        status, _, err = digits("runs", *options)
    assert (status, run.folder.exists()) == (2, True)
    assert sentence in err


# Width.


@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 200])
def test_a_table_is_as_wide_as_the_terminal_at_most_and_says_what_is_missing(width):
    for n in range(5):
        config = SMALL.replace(seed=n, learning_rate=10.0**-n, hidden=(8,) * (n + 1), dropout=n / 10, shift=n / 2)
        ended(config.replace(optimizer=("adam", "sgd")[n % 2], batch_size=n * 128), name="a rather long name for a run")
    rows = run_rows()
    lines = runs_table(rows, short_ids(rows), width)
    runs = lines[: lines.index("")]
    assert max(map(len, runs)) <= width
    settings = ["hidden", "dropout", "optimizer", "learning rate", "batch size", "shift", "seed"]
    there, words = " ".join(runs), lines[-1]
    assert all(name.split()[-1] in there or name in words for name in settings)
    assert ("No room for" in words) == (width < 120)


@pytest.mark.slow
def test_in_a_terminal_of_eighty_columns_no_line_is_longer():
    for n in range(3):
        ended(
            SMALL.replace(
                learning_rate=10.0**-n, dropout=n / 10, seed=n, shift=n / 2, batch_size=32 << n, hidden=(8 << n,)
            ),
            "name " * 9,
        )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", "runs"], stdout=theirs, env={**os.environ, "COLUMNS": "80"}
    )
    os.close(theirs)
    assert process.wait() == 0
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "No room for" in shown
    assert max(len(line) for line in shown.replace("\r", "").split("\n\n")[0].splitlines()) <= 80


# Comparison.


def test_two_runs_stand_beside_each_other_with_what_their_models_make_of_the_same_digits(digits):
    one, two = finish(SMALL.replace(epochs=1)), finish(SMALL.replace(learning_rate=0.01, seed=1))
    two.set_label(name="mine", note="Longer and faster.")
    status, out, err = digits("runs", short(one), "mine")
    lines = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert lines[0] == [short(one), short(two)]
    assert ["learning", "rate", "0.003", "0.01"] in lines
    assert ["epochs", "1", "2"] in lines
    assert ["seed", "0", "1"] in lines
    assert not any(line[:1] == ["hidden"] for line in lines)
    assert ["best", "epoch", "1", "2"] in lines
    assert "mine: Longer and faster." in out
    found = json.loads(digits("runs", one.id, two.id, "--json")[1])["comparison"]
    assert found["digits"] == 333
    assert found["p_value"] == pytest.approx(mcnemar(*found["only_right"]))
    assert np.trace(found["confusions"][1]) == found["correct"][1]
    assert f"They disagree on {len(found['disagreements'])} of 333 validation digits." in out
    assert f"{found['only_right'][1]} are read correctly only by {short(two)}" in out


def test_a_model_that_continues_from_one_that_knew_the_digits_is_named(digits):
    everything, one = finish(SMALL.replace(validation_share=0.0)), finish(SMALL)
    two = create_run(SMALL, start=everything.model)
    to_end(two)
    _, out, err = digits("runs", one.id, two.id)
    assert err == f"digits: {short(two)} began with weights that had been trained on 333 of these digits.\n"
    assert "They disagree on" in out


def test_models_that_cannot_be_compared_say_why_and_the_settings_are_still_shown(digits):
    one, two = finish(SMALL), ended(SMALL.replace(data="mnist", learning_rate=0.1), name="other")
    status, out, _ = digits("runs", one.id, two.id)
    assert status == 0
    assert ["data", "mnist-5k", "mnist"] in [line.split() for line in out.splitlines()]
    assert f"Their models are not compared: {short(two)} has none yet." in out
    assert json.loads(digits("runs", one.id, two.id, "--json")[1])["comparison"] is None


def test_runs_with_the_same_settings_say_so(digits):
    one, two = finish(SMALL), finish(SMALL)
    out = digits("runs", one.id, two.id)[1]
    assert "the same settings" in out
    assert "They disagree on 0 of 333 validation digits." in out


def test_one_run_and_three_are_shown_without_a_test(digits):
    runs = [ended(SMALL.replace(seed=seed)) for seed in range(3)]
    one, three = digits("runs", runs[1].id)[1], digits("runs", *(run.id for run in runs))[1]
    assert ["seed", "1"] in [line.split() for line in one.splitlines()]
    assert ["hidden", "8"] in [line.split() for line in one.splitlines()]  # unlike the default
    assert ["seed", "0", "1", "2"] in [line.split() for line in three.splitlines()]
    assert "disagree" not in one + three

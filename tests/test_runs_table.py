"""Run table: what it says of each run, what it reads again, labels, and deletion that can be
undone.
"""

import json
import os
import signal
import time
from dataclasses import replace

import pytest

from experiments.jobs.record import START_GRACE
from experiments.runs import table
from experiments.runs.config import differing
from experiments.runs.control import start_training
from experiments.runs.history import HISTORY_COLUMNS, append_row
from experiments.runs.run import Label, Run, RunError, create_run, open_run, runs_folder
from experiments.runs.table import fold_sweeps, run_rows, run_table, seed_groups
from experiments.runs.trash import (
    delete_run,
    delete_sweep,
    deleted_runs,
    deleted_sweeps,
    restore_run,
    restore_sweep,
)
from experiments.sweeps import Sweep, SweepError, list_sweeps, unused_name
from tests.made_trials import made_sweep
from tests.small_runs import SMALL, finish, to_end, until


def ended(config=SMALL, state="finished", **status):
    """A run that looks as if it had been trained."""
    run = create_run(config, name=status.pop("name", ""))
    run.write_status(replace(run.stored(), state=state, pid=1, **status))
    return run


def validated(run, *rows):
    """A history with these (epoch, loss, accuracy), empty where they are None."""
    for step, (epoch, loss, accuracy) in enumerate(rows, 1):
        append_row(run.folder, [step, epoch, 0.1, 2.0, 0.5, loss, accuracy, 1.0, 1e4, 0.1])


@pytest.fixture
def read(monkeypatch):
    """The ids of the runs that are read from disk."""
    ids = []
    original = table._row
    monkeypatch.setattr(table, "_row", lambda run: ids.append(run.id) or original(run))
    return ids


def test_a_row_says_what_the_run_folder_says():
    run = finish(SMALL)
    status, history = run.status(), run.history().dropna(subset="validation_loss")
    (row,) = run_rows()
    best = history.loc[history["validation_loss"].idxmin()]
    assert (row.id, row.name, row.status.state, row.config) == (run.id, run.id, "finished", SMALL)
    assert (row.status.epoch, row.status.seconds, row.status.parameters) == (2, status.seconds, SMALL.parameter_count())
    found = (row.status.best_epoch, row.status.best_validation_loss, row.status.best_validation_accuracy)
    assert found == pytest.approx((best["epoch"], best["validation_loss"], best["validation_accuracy"]))
    last = history.iloc[-1]
    assert (row.status.validation_loss, row.status.validation_accuracy) == pytest.approx(
        (last["validation_loss"], last["validation_accuracy"])
    )
    assert row.title == run.title


def test_the_newest_is_first():
    made = [create_run(SMALL).id for _ in range(5)]
    assert [row.id for row in run_rows()] == made[::-1]


def test_folded_rows_keep_of_each_sweep_the_best_run_the_starred_and_the_wanted_ones():
    alone = ended()
    _, best, starred, wanted = (
        ended(group="sweep", trial=number, best_validation_accuracy=accuracy, best_validation_loss=loss)
        for number, (accuracy, loss) in enumerate([(0.9, 0.2), (0.9, 0.1), (0.8, 0.3), (None, None)])
    )
    starred.set_label(starred=True)
    other = ended(group="other", trial=0)
    assert {row.id for row in fold_sweeps(run_rows(), [wanted.id])} == {
        run.id for run in (alone, best, starred, wanted, other)
    }


def test_without_a_runs_folder_there_are_no_rows():
    assert run_rows() == []
    assert run_table().damaged() == []


def test_best_is_the_epoch_with_the_lowest_loss_though_another_was_more_often_right():
    """Of a run from before the status told it, so from its history, whose last line is half
    written.
    """
    run = ended(validation_loss=0.5, validation_accuracy=0.97, best_epoch=3.0)
    validated(run, (0.5, None, None), (1, 0.4, 0.95), (2, 0.3, 0.96), (3, 0.5, 0.97), (4, None, None))
    with (run.folder / "history.csv").open("a") as file:
        file.write("6,5,0.1,2.0,0.5,0.1,0.99")
    (row,) = run_rows()
    assert (row.status.best_epoch, row.status.best_validation_loss, row.status.best_validation_accuracy) == (
        2,
        0.3,
        0.96,
    )
    assert (row.status.validation_loss, row.status.validation_accuracy) == (0.5, 0.97)


@pytest.mark.parametrize(
    "history", [None, "", "step,epoch\n1,2\n", "\x00\n\n,,\n", ",".join(HISTORY_COLUMNS) + "\nx\n"]
)
def test_without_a_history_that_can_be_read_there_is_no_best(history):
    run = ended(validation_loss=0.5, validation_accuracy=0.9)
    if history is not None:
        (run.folder / "history.csv").write_text(history)
    assert [row.status.best_validation_loss for row in run_rows()] == [None]


def test_only_what_changed_is_read_again(read):
    runs = [ended() for _ in range(4)]
    run_rows()
    assert sorted(read) == [run.id for run in runs]
    read.clear()
    run_rows()
    assert read == []
    runs[2].write_status(replace(runs[2].stored(), step=7))
    runs[1].set_label(note="odd")
    rows = {row.id: row for row in run_rows()}
    assert sorted(read) == [runs[1].id, runs[2].id]
    assert rows[runs[2].id].status.step == 7
    assert rows[runs[1].id].label.note == "odd"


def test_runs_that_are_gone_leave_the_table_and_new_ones_come(read):
    first, second = ended(), ended()
    run_rows()
    delete_run(first)
    third = ended()
    assert [row.id for row in run_rows()] == [third.id, second.id]
    assert read.count(second.id) == 1


def test_another_runs_folder_is_another_table(monkeypatch, tmp_path):
    ended()
    assert len(run_rows()) == 1
    monkeypatch.setenv("DIGITS_RUNS", str(tmp_path / "elsewhere"))
    assert run_rows() == []


def test_a_run_whose_worker_is_gone_is_interrupted_though_no_file_changed(read):
    run = ended(state="running", step=10)
    hold = run.lock
    hold.acquire(timeout=1)
    assert [row.status.state for row in run_rows()] == ["running"]
    hold.release()
    assert [(row.status.state, "resume" in row.status.reason) for row in run_rows()] == [("interrupted", True)]
    assert read == [run.id]


def test_a_queued_run_waits_until_no_worker_has_come():
    run = create_run(SMALL)
    assert [row.status.state for row in run_rows()] == ["queued"]
    run.write_status(replace(run.stored(), updated=time.time() - START_GRACE - 1))
    assert [row.status.state for row in run_rows()] == ["interrupted"]


@pytest.mark.slow
def test_the_table_follows_a_worker_to_its_sudden_end():
    run, other = start_training(SMALL.replace(epochs=1000, schedule="constant")), ended()

    def row():
        return next(row for row in run_rows() if row.id == run.id)

    until(lambda: row().status.state == "running" and row().status.best_validation_accuracy, "the first validation")
    epochs, best = row().status.epoch, row().status.best_validation_loss
    until(lambda: row().status.epoch > epochs, "another epoch")
    os.kill(row().status.pid, signal.SIGKILL)
    until(lambda: row().status.state == "interrupted", "the end of its process to show")
    assert row().status.best_validation_loss <= best
    assert {row.id for row in run_rows()} == {run.id, other.id}
    delete_run(run)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", '{"hidden": "many"}'),
        ("config.json", "{"),
        ("config.json", None),
        ("status.json", '{"state": "asleep"}'),
        ("status.json", '{"state": "finished", "created": "yesterday"}'),
        ("status.json", '{"state": "finished", "changes": 3}'),
        ("status.json", "[]"),
        ("status.json", b"\xff\xfe"),
        ("status.json", None),
    ],
)
def test_a_damaged_folder_is_listed_apart(file, content):
    good, bad = ended(), ended()
    if content is None:
        (bad.folder / file).unlink()
    else:
        (bad.folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert [row.id for row in run_rows()] == [good.id]
    assert run_table().damaged() == []  # it may just be being made
    os.utime(bad.folder, (0, 0))
    ((folder, why),) = run_table().damaged()
    assert folder == bad.folder
    assert why


def test_a_mended_folder_is_back(read):
    run = ended()
    whole = (run.folder / "config.json").read_text()
    (run.folder / "config.json").write_text("{")
    assert run_rows() == []
    (run.folder / "config.json").write_text(whole)
    assert [row.id for row in run_rows()] == [run.id]


def test_differing_settings_come_in_the_order_of_the_config():
    for changes in ({"seed": 1, "learning_rate": 0.1}, {"hidden": (16,)}, {}):
        ended(SMALL.replace(**changes))
    rows = run_rows()
    assert differing(row.config for row in rows) == ["hidden", "learning_rate", "seed"]
    assert differing(row.config for row in rows[:1]) == differing([]) == []


def test_runs_that_differ_by_their_seed_are_one_group():
    for rate in (0.1, 0.2):
        for seed in range(3):
            ended(SMALL.replace(learning_rate=rate, seed=seed))
    ended(SMALL.replace(learning_rate=0.1, seed=9, momentum=0.5))  # adam takes no momentum
    groups = seed_groups(run_rows())
    assert [sorted(row.config.seed for row in group) for group in groups] == [[0, 1, 2, 9], [0, 1, 2]]
    assert [{row.config.learning_rate for row in group} for group in groups] == [{0.1}, {0.2}]


# Labels.


def test_a_label_is_kept_beside_what_the_worker_writes():
    run = create_run(SMALL, name="quick")
    assert run.label() == Label()
    run.set_label(name="  best \n so far ", starred=True)
    run.set_label(note=" Look again.\nTomorrow. ")
    run.write_status(replace(run.stored(), name="quick", step=3))
    assert run.label() == Label("best so far", "Look again.\nTomorrow.", starred=True)
    assert run.name == open_run(run.id).name == "best so far"
    assert run.title.startswith("best so far, ")
    (row,) = run_rows()
    assert (row.name, row.label.note, row.label.starred) == ("best so far", "Look again.\nTomorrow.", True)
    run.set_label(name="", starred=False)
    assert (run.name, run.label().note) == ("quick", "Look again.\nTomorrow.")


def test_a_label_that_cannot_be_read_is_none():
    run = ended(name="quick")
    for content in ("{", "[]", '{"name": 3}'):
        (run.folder / "label.json").write_text(content)
        assert run_rows()[0].name in ("quick", "3")


# Deletion.


def test_a_deleted_run_comes_back_as_it_was():
    run = finish(SMALL)
    run.set_label(note="kept")
    files = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    moved = delete_run(run)
    assert (run_rows(), run.folder.exists()) == ([], False)
    assert [deleted.id for deleted in deleted_runs()] == [run.id]
    assert moved.folder == runs_folder() / ".deleted" / run.id
    assert restore_run(run.id) == run
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == files
    assert [row.id for row in run_rows()] == [run.id]
    assert deleted_runs() == []


def test_the_last_deleted_is_the_first_to_restore():
    runs = [ended() for _ in range(3)]
    for run in (runs[1], runs[0], runs[2]):
        delete_run(run)
        time.sleep(0.01)
    assert [run.id for run in deleted_runs()] == [runs[2].id, runs[0].id, runs[1].id]


def test_a_run_at_work_or_in_the_queue_is_not_deleted():
    running, queued = ended(state="running"), create_run(SMALL)
    with running.hold():
        for run in (running, queued):
            with pytest.raises(RunError, match="stop it first"):
                delete_run(run)
            assert run.folder.exists()
    delete_run(running)  # its worker is gone


def test_a_run_whose_worker_is_just_leaving_is_not_deleted(monkeypatch):
    monkeypatch.setattr("experiments.runs.trash.HOLD_SECONDS", 0.05)
    run = ended()
    with run.hold(), pytest.raises(RunError, match="stop it first"):
        delete_run(run)


def test_a_deleted_run_can_be_resumed_once_it_is_back():
    run = create_run(SMALL)
    run.request("stop")
    to_end(run)
    delete_run(run)
    restore_run(run.id).enqueue()
    assert to_end(run).state == "finished"


def test_nobody_asks_or_labels_what_is_deleted():
    run = ended()
    delete_run(run)
    for change in (lambda: run.request("stop"), lambda: run.set_label(starred=True)):
        with pytest.raises(RunError, match="no longer there"):
            change()
    assert not run.folder.exists()


def test_a_damaged_run_can_be_deleted_too():
    run = ended()
    (run.folder / "status.json").write_text("{")
    delete_run(run)
    assert [deleted.id for deleted in deleted_runs()] == [run.id]


def test_nothing_is_overwritten_by_what_is_deleted_or_restored():
    run = ended()
    (runs_folder() / ".deleted" / run.id).mkdir(parents=True)
    with pytest.raises(RunError, match="nothing is overwritten"):
        delete_run(run)
    (runs_folder() / ".deleted" / run.id).rmdir()
    delete_run(run)
    run.folder.mkdir()
    with pytest.raises(RunError, match="nothing is overwritten"):
        restore_run(run.id)
    assert json.loads((runs_folder() / ".deleted" / run.id / "config.json").read_text()) == SMALL.to_dict()


def test_a_sweep_is_deleted_with_its_runs_as_often_as_one_of_its_name_is_made():
    deleted = []
    for _ in range(2):
        sweep = made_sweep()
        deleted.append(delete_sweep(sweep))
        assert (list_sweeps(), run_rows()) == ([], [])
    assert [sweep.id for sweep in deleted_sweeps()] == [sweep.id for sweep in reversed(deleted)]
    assert unused_name("made") == "made 2"
    assert restore_sweep(deleted[0]) == sweep
    assert [row.id for row in run_rows()] == list(sweep.trials()[0].runs)
    with pytest.raises(SweepError, match="nothing is overwritten"):
        restore_sweep(deleted[1])


def test_a_sweep_that_is_underway_is_not_deleted(monkeypatch):
    monkeypatch.setattr(Sweep, "is_alive", lambda sweep: True)
    with pytest.raises(SweepError, match="The sweep made is underway: stop it first"):
        delete_sweep(made_sweep())
    assert run_rows()


def test_what_is_not_there_is_neither_deleted_nor_restored(tmp_path):
    with pytest.raises(RunError, match="no run"):
        delete_run(Run(runs_folder() / "yesterday"))
    with pytest.raises(RunError, match="Deleted are: none"):
        restore_run("../yesterday")
    elsewhere = create_run(SMALL, folder=tmp_path / "mine")
    with pytest.raises(RunError, match="delete that folder yourself"):
        delete_run(elsewhere)

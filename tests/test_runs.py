"""Runs: folders that say what is true now."""

import json
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from msgspec import UNSET

from experiments.jobs.record import START_GRACE
from experiments.runs.history import HISTORY_COLUMNS, append_row, cut_rows
from experiments.runs.run import Requests, RunError, create_run, open_run, runs_folder
from experiments.runs.table import list_runs, run_table
from model import load_classifier
from tests.small_runs import SMALL, finish


def test_ids_are_unique_and_sort_by_time():
    made = [create_run(SMALL, name=f"Näme {n % 3}!") for n in range(30)]
    ids = [run.id for run in made]
    assert len(set(ids)) == 30
    assert ids == sorted(ids)
    assert [run.id for run in list_runs()] == ids[::-1]


def test_a_run_can_be_repeated_from_its_folder():
    run = create_run(SMALL, name="first try")
    again = open_run(run.id)
    assert again.config == SMALL
    assert json.loads((run.folder / "config.json").read_text()) == SMALL.to_dict()
    assert again.name == "first try"
    assert again.title.startswith("first try, ")
    assert again.status().parameters == SMALL.parameter_count()


def test_two_threads_never_make_the_same_run():
    made = []
    threads = [threading.Thread(target=lambda: made.extend(create_run(SMALL).id for _ in range(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 40


def test_a_run_waits_for_its_worker_and_is_interrupted_when_none_comes():
    run = create_run(SMALL)
    assert run.status().state == "queued"
    run.write_status(replace(run.status(), updated=time.time() - START_GRACE - 1))
    assert run.status().state == "interrupted"
    assert "resume" in run.status().reason


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_run_whose_worker_is_gone_is_interrupted(state):
    run = create_run(SMALL)
    run.write_status(replace(run.status(), state=state, pid=1))
    assert run.status().state == "interrupted"
    with run.hold():
        assert run.is_alive()
        assert run.status().state == state


def test_looking_at_a_run_never_makes_it_look_alive():
    run = create_run(SMALL)
    (run.folder / "worker.lock").touch()
    seen = []
    threads = [threading.Thread(target=lambda: seen.extend(run.is_alive() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(seen)


def test_history_has_its_columns_before_the_first_row():
    history = create_run(SMALL).history()
    assert tuple(history.columns) == HISTORY_COLUMNS
    assert len(history) == 0


def test_history_ignores_a_torn_last_line():
    run = create_run(SMALL)
    append_row(run.folder, [1, 0.5, 0.01, 2.3, 0.1, None, float("nan"), 1.0, 1000.0, 0.1])
    with (run.folder / "history.csv").open("a") as file:
        file.write("2,0.6,0.0")
    history = run.history()
    assert history["step"].tolist() == [1]
    assert np.isnan(history["validation_accuracy"][0])


def test_cutting_the_history_removes_what_came_after_the_checkpoint():
    run = create_run(SMALL)
    for step in range(1, 6):
        append_row(run.folder, [step] + [0.0] * 9)
    with (run.folder / "history.csv").open("a") as file:
        file.write("torn")
    cut_rows(run.folder, 3)
    append_row(run.folder, [9] + [0.0] * 9)
    assert run.history()["step"].tolist() == [1, 2, 3, 9]


def test_what_is_asked_is_merged():
    run = create_run(SMALL)
    assert run.requests() == Requests("run", UNSET)
    run.request("pause")
    run.request(learning_rate=0.5)
    assert run.requests() == Requests("pause", 0.5)
    run.request("run")
    run.request(learning_rate=None)
    assert run.requests() == Requests("run", None)


def test_many_may_ask_at_once():
    run = create_run(SMALL)
    first = threading.Thread(target=lambda: [run.request("pause") for _ in range(50)])
    second = threading.Thread(target=lambda: [run.request(learning_rate=0.1) for _ in range(50)])
    for thread in (first, second):
        thread.start()
    for thread in (first, second):
        thread.join()
    assert run.requests() == Requests("pause", 0.1)


@pytest.mark.parametrize("wish", [{"action": "jump"}, {"learning_rate": -1.0}, {"learning_rate": float("nan")}])
def test_a_wish_that_cannot_be_is_refused(wish):
    with pytest.raises(RunError):
        create_run(SMALL).request(**wish)


def test_damaged_folders_are_listed_apart():
    good, bad, empty = create_run(SMALL), create_run(SMALL), runs_folder() / "notes"
    (bad.folder / "config.json").write_text('{"hidden": "many"}')
    empty.mkdir()
    for folder in (bad.folder, empty):
        os.utime(folder, (0, 0))
    assert [run.id for run in list_runs()] == [good.id]
    assert {folder for folder, _ in run_table().damaged()} == {bad.folder, empty}
    with pytest.raises(RunError, match="damaged"):
        open_run(bad.id)


@pytest.mark.parametrize(
    "text", ["../secrets", "/etc", "..", "", "a/b", "a\0b", "\udcff", "x" * 201, "x" * 300, "ü" * 150]
)
def test_the_id_of_a_run_never_leads_out_of_the_runs_folder(text):
    with pytest.raises(RunError):
        open_run(text)


def test_an_unknown_run_is_answered_with_the_newest():
    run = create_run(SMALL)
    with pytest.raises(RunError, match=run.id):
        open_run("yesterday")


def test_nothing_is_overwritten_by_a_folder_of_ones_own(tmp_path):
    folder = tmp_path / "mine"
    run = create_run(SMALL, folder=folder)
    assert open_run(folder).config == run.config
    with pytest.raises(RunError, match="not empty"):
        create_run(SMALL, folder=folder)


def test_a_runs_folder_that_cannot_be_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIGITS_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(RunError, match="cannot be saved"):
        create_run(SMALL)


def test_a_run_keeps_a_copy_of_the_model_it_starts_from():
    first = finish(SMALL)
    second = create_run(SMALL, start=first.model)
    first.best.unlink()
    assert second.config.start_from == load_classifier(second.start).fingerprint
    with pytest.raises(RunError, match="file of that model"):
        create_run(second.config)

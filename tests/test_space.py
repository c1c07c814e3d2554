"""The disk: what takes how much, what can go, and a trash that empties itself after 30 days."""

import json
import os
import time

import pytest

from dataset import cache_folder
from experiments.runs.run import Run, runs_folder
from experiments.runs.table import list_runs
from experiments.runs.trash import (
    KEPT_DAYS,
    delete_run,
    delete_sweep,
    deleted_runs,
    deleted_sweeps,
    empty_trash,
    restore_run,
)
from experiments.space import SpaceError, measure_space, remove_part
from experiments.sweeps import SweepSpec, create_sweep
from tests.made_drawings import append
from tests.page_without_browser import open_page
from tests.small_runs import SMALL, finish

DAY = 86_400


def parts():
    return {part.name: part for part in measure_space()}


def set_age(folder, days):
    moment = time.time() - days * DAY
    os.utime(folder, (moment, moment))


def delete_old(run, days=KEPT_DAYS + 1):
    deleted = delete_run(run)
    set_age(deleted.folder, days)
    return deleted


def test_every_file_counts_in_one_part():
    run = finish(SMALL)
    delete_run(finish(SMALL.replace(seed=1)))
    append(2)
    found = parts()
    assert found["checkpoints"].bytes == run.last.stat().st_size
    assert found["trash"].files > 3
    stored = sum(path.stat().st_size for path in runs_folder().rglob("*") if path.is_file() and path.suffix != ".lock")
    named = ("runs", "checkpoints", "logs", "trash", "sweeps", "fine-tunings", "results", "uploads")
    assert 0 <= stored - sum(found[name].bytes for name in named) < 100  # files of the queue
    assert found["drawings"].bytes > 0


def test_old_deleted_runs_go_and_the_log_says_so():
    old, young = delete_old(finish(SMALL)), delete_run(finish(SMALL.replace(seed=1)))
    assert empty_trash() == [old.id]
    assert [run.id for run in deleted_runs()] == [young.id]
    assert f"removed {old.id}, deleted on " in (runs_folder() / "removed.log").read_text()
    assert not list((runs_folder() / ".removed").iterdir())


@pytest.mark.parametrize("label", [{"name": "mine"}, {"note": "the best"}, {"starred": True}])
def test_a_run_that_a_person_named_noted_or_starred_stays_for_ever(label):
    run = finish(SMALL)
    run.set_label(**label)
    delete_old(run, 1000)
    assert empty_trash() == []
    assert remove_part("trash") == 0
    restore_run(run.id)


def test_a_run_whose_label_cannot_be_read_stays():
    run = finish(SMALL)
    (run.folder / "label.json").write_text("{")
    delete_old(run)
    assert empty_trash() == []


def test_what_is_not_in_the_trash_stays():
    run = finish(SMALL)
    set_age(run.folder, 1000)
    delete_old(finish(SMALL.replace(seed=1)), KEPT_DAYS - 1)
    assert empty_trash() == []
    assert [one.id for one in list_runs()] == [run.id]


def test_a_sweep_goes_only_after_its_last_run():
    sweep = create_sweep(SweepSpec(name="grid", base=SMALL, search={"hidden": ((8,), (4,))}, sampler="grid"))
    run = finish(SMALL)
    trial = {"number": 0, "params": {"hidden": [8]}, "runs": [run.id], "state": "done", "over": True}
    (sweep.folder / "trials.json").write_text(json.dumps([trial]))
    run.set_label(starred=True)
    set_age(delete_sweep(sweep).folder, 40)
    set_age(runs_folder() / ".deleted" / run.id, 40)
    assert empty_trash() == []
    Run(runs_folder() / ".deleted" / run.id).set_label(starred=False)
    set_age(runs_folder() / ".deleted" / run.id, 40)
    assert len(empty_trash()) == 2
    assert not deleted_sweeps()


def test_what_a_killed_process_left_is_removed_and_cannot_be_restored():
    left = runs_folder() / ".removed" / "a.123"
    left.mkdir(parents=True)
    (left / "config.json").write_text("{}")
    empty_trash()
    assert not left.exists()


def test_the_command_lists_and_removes(digits):
    run = finish(SMALL)
    delete_old(finish(SMALL.replace(seed=1)))
    status, out, err = digits("space", "--remove", "checkpoints")
    assert (status, err) == (0, "")
    assert "1 runs or sweeps that were deleted 30 days ago were removed" in out
    assert not run.last.exists()
    assert run.model.exists()
    assert {part["name"]: part["files"] for part in json.loads(digits("space", "--json")[1])["parts"]}["trash"] == 0
    assert digits("space", "--remove", "runs")[0] == 2
    with pytest.raises(SpaceError, match="trash, checkpoints"):
        remove_part("drawings")


def test_listing_runs_empties_the_trash(digits):
    delete_old(finish(SMALL))
    digits("runs")
    assert not deleted_runs()


def test_copies_of_data_files_can_go():
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / "old-file-1.npz").write_bytes(b"x" * 1000)
    assert remove_part("copies") >= 1000


def test_the_page_shows_the_parts_and_removes_one():
    run = finish(SMALL)
    app = open_page("data", part="Space")
    assert "Trash" in app.table[0].value.index
    next(button for button in app.button if button.key == "remove-checkpoints").click().run()
    assert not run.last.exists()
    assert "of checkpoints were removed" in app.markdown[-1].value

"""A backup is made while the app runs, and restored it is the same: runs, sweeps and drawings."""

import io
import random
import stat
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import msgspec
import numpy as np
import pytest

from dataset import DataError, append_drawing, drawings_file, drawings_version, edit_drawings, load_drawings
from dataset.corrections import RELABELLED, correct_label, load_corrections
from dataset.drawings import drawing_storage
from experiments.backups.archive import LIST, ArchiveWriter, BackupError, Contents, Entry
from experiments.backups.restore import restore_backup
from experiments.backups.save import save_backup
from experiments.runs.run import Run, create_run, runs_folder
from experiments.runs.table import run_rows
from experiments.runs.trash import delete_run, deleted_runs, restore_run
from experiments.sweeps import SweepSpec, create_sweep, driver, open_sweep
from experiments.sweeps.driver import run_sweep
from experiments.training import recording
from experiments.training.worker import train_run
from model import load_checkpoint
from tests.made_drawings import append, forget
from tests.postgres import postgres  # noqa: F401
from tests.small_runs import SMALL, finish, to_end
from tests.storages import home  # noqa: F401

GRID = {"learning_rate": (0.001, 0.01, 0.1), "hidden": ((8,), (16,))}


@pytest.fixture
def backup(tmp_path):
    return tmp_path / "backup.zip"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """From its call on, runs and drawings are in an empty place; -> that place."""

    def go(number=1):
        place = tmp_path / f"elsewhere-{number}"
        forget()
        monkeypatch.setenv("DIGITS_RUNS", str(place / "runs"))
        monkeypatch.setenv("DIGITS_DRAWINGS", str(place / "drawings.csv"))
        monkeypatch.delenv("DIGITS_DATABASE", raising=False)
        forget()
        return place

    yield go
    forget()


def contents(folder):
    """The bytes of all files in a folder, by their paths; without locks."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def weights(run):
    checkpoint = load_checkpoint(run.last)
    return {name: array.tobytes() for name, array in (checkpoint.weights | checkpoint.state).items()}


def save_often(monkeypatch):
    """The worker writes a checkpoint and the status with every step, or nearly so."""
    monkeypatch.setattr(recording, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(recording, "CHECKPOINT_SHARE", 1.0)
    monkeypatch.setattr(recording, "STATUS_SECONDS", 0.0)


def rewrite(path, change):
    """Rewrite a backup: `change(files)` changes the content of its members."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_what_was_restored_is_the_same_byte_for_byte(backup, elsewhere):
    finish(SMALL).set_label(name="mine", starred=True)
    delete_run(finish(SMALL.replace(seed=1)))
    append(3)
    edit_drawings(load_drawings().id[:1], label=9)
    correct_label("0" * 32, RELABELLED, given=1, label=7)
    before, drawings = contents(runs_folder()), contents(drawings_file().parent)
    deleted = runs_folder() / ".deleted" / deleted_runs()[0].id
    save_backup(backup)
    place = elsewhere()
    restore_backup(backup)
    before.pop("queue.version", None)  # for the processes of the moment
    assert contents(place / "runs") == before
    after = contents(place)
    names = ("drawings.csv", "drawings.log", "label_corrections.csv")
    assert [after[name] for name in names] == [drawings[name] for name in names]
    assert load_corrections().changed == 1
    assert run_rows()[0].name == "mine"
    assert (runs_folder() / ".deleted" / deleted.name).stat().st_mtime_ns == deleted.stat().st_mtime_ns
    restore_run(deleted.name)


def test_a_training_that_was_copied_midway_ends_with_the_weights_of_the_original(backup, elsewhere, monkeypatch):
    save_often(monkeypatch)
    run, config = create_run(SMALL.replace(epochs=4)), SMALL.replace(epochs=4)
    with closing(train_run(run)) as training:
        for status in training:
            if status.step > 40 and not backup.exists():
                save_backup(backup)
    assert run.status().state == "finished"
    elsewhere()
    restore_backup(backup)
    copy = Run(runs_folder() / run.id)
    assert copy.config == config
    assert copy.status().state == "interrupted"
    assert 0 < copy.status().step < run.status().total_steps
    copy.enqueue()
    assert to_end(copy).state == "finished"
    assert weights(copy) == weights(run)
    rows = [one.history().drop(columns=["images_per_second", "seconds"]) for one in (copy, run)]
    assert rows[0].equals(rows[1])


def test_the_history_has_all_rows_of_the_checkpoint_that_was_copied(backup, elsewhere, monkeypatch):
    """The worker writes both while they are copied, so the checkpoint is copied first."""
    run, add = create_run(SMALL), ArchiveWriter.add_file
    training = train_run(run)
    save_often(monkeypatch)
    next(status for status in training if status.step > 10)

    def add_slowly(archive, name, path):
        next(training)
        return add(archive, name, path)

    monkeypatch.setattr(ArchiveWriter, "add_file", add_slowly)
    save_backup(backup)
    training.close()
    elsewhere()
    restore_backup(backup)
    copy = Run(runs_folder() / run.id)
    saved = load_checkpoint(copy.last).progress["step"]
    known = {step for step in run.history()["step"] if step < saved}
    assert known
    assert known <= set(copy.history()["step"])
    assert len(copy.history()) < len(run.history())


def test_drawings_that_were_acknowledged_before_the_backup_are_in_it(home, backup, elsewhere):  # noqa: F811
    stop, stored = threading.Event(), []

    def draw():
        for number in range(1000):
            if stop.is_set():
                return
            image = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
            stored.append(append_drawing(image, number % 10))

    with ThreadPoolExecutor(1) as executor:
        drawing = executor.submit(draw)
        while len(stored) < 3:
            pass
        before = list(stored)
        save_backup(backup)
        stop.set()
        drawing.result()
    elsewhere()
    restore_backup(backup)
    ids = load_drawings().id.tolist()
    assert ids[: len(before)] == before
    assert ids == stored[: len(ids)]


def test_a_backup_moves_between_the_storages(home, backup, elsewhere, tmp_path, monkeypatch):  # noqa: F811
    append(4)
    edit_drawings(load_drawings().id[:1], state="set aside")
    correct_label("0" * 32, RELABELLED, given=1, label=7)
    version, lines = drawings_version(), drawing_storage().lines()
    save_backup(backup)
    place = elsewhere()
    restore_backup(backup)
    assert (drawings_version(), drawing_storage().lines()) == (version, lines)
    elsewhere(2)
    monkeypatch.setenv("DIGITS_DATABASE", f"sqlite:///{tmp_path / 'restored.db'}")
    restore_backup(backup)
    assert (drawings_version(), drawing_storage().lines(), load_corrections().changed) == (version, lines, 1)
    save_backup(tmp_path / "second.zip")
    back = elsewhere(3)
    restore_backup(tmp_path / "second.zip")
    for name in ("drawings.csv", "drawings.log", "label_corrections.csv"):
        assert (back / name).read_bytes() == (place / name).read_bytes()


@pytest.mark.parametrize("storage", ["", "sqlite"])
def test_a_sweep_that_was_copied_midway_ends_with_the_results_of_the_original(
    storage, backup, elsewhere, tmp_path, monkeypatch
):
    monkeypatch.setattr(driver, "STATUS_SECONDS", 0.0)
    address = f"sqlite:///{tmp_path / 'study.db'}" if storage else ""
    spec = SweepSpec(name="grid", base=SMALL.replace(epochs=12), search=GRID, sampler="grid", workers=2)
    sweep = create_sweep(spec, address)
    with ThreadPoolExecutor(2) as executor:
        for status in run_sweep(sweep, executor):
            if status.done >= 1 and not backup.exists():
                save_backup(backup)
        original = {trial.number: (trial.params, trial.value) for trial in sweep.trials()}
        elsewhere()
        restore_backup(backup)
        copy = open_sweep(sweep.id)
        assert copy.storage == ""
        assert 1 <= sum(trial.over for trial in copy.trials()) < 6
        *_, status = run_sweep(copy, executor)
    assert status.state == "finished"
    assert {trial.number: (trial.params, trial.value) for trial in copy.trials()} == original


def test_nothing_is_restored_over_data(backup, elsewhere):
    append(1)
    run = finish(SMALL)
    save_backup(backup)
    with pytest.raises(BackupError, match=r"is not empty .*DIGITS_RUNS"):
        restore_backup(backup)
    elsewhere()
    append(1, first=5)
    with pytest.raises(DataError, match="holds data already"):
        restore_backup(backup)
    assert len(load_drawings().id) == 1
    assert not (runs_folder() / run.id).exists()


def test_a_backup_replaces_no_file(backup):
    backup.write_text("mine")
    with pytest.raises(BackupError, match="exists already"):
        save_backup(backup)
    assert backup.read_text() == "mine"


def test_a_backup_that_fails_leaves_no_file(backup, monkeypatch):
    append(1)
    monkeypatch.setattr("experiments.backups.save.read_snapshot", lambda: (_ for _ in ()).throw(DataError("no")))
    with pytest.raises(DataError):
        save_backup(backup)
    assert not [path for path in backup.parent.iterdir() if "backup" in path.name]


def listed(**files):
    """A list of contents with these files, which have no content."""
    empty = Entry(0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0)
    names = {name.replace("__", "/"): empty for name in files}
    return Contents("digit-lab-backup", 1, "now", names, {})


HOSTILE = [
    "runs/../../outside",
    "/etc/outside",
    "runs//outside",
    "runs\\..\\outside",
    "elsewhere/outside",
    "drawings/../outside",
    "runs",
    "runs/" + 300 * "a",
    "runs/a\nb",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_outside_of_the_folder_is_refused(name, backup, tmp_path):
    with zipfile.ZipFile(backup, "w") as archive:
        archive.writestr(name, b"")
        archive.writestr(LIST, msgspec.json.encode(replace_files(listed(), {name: listed(a=1).files["a"]})))
    with pytest.raises(BackupError, match="no name of a file"):
        restore_backup(backup)
    assert not list(tmp_path.rglob("*outside*"))


def replace_files(contents, files):
    return msgspec.structs.replace(contents, files=files)


def test_links_bombs_and_lists_of_lies_are_refused(backup):
    link = zipfile.ZipInfo("runs/a/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(backup, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BackupError, match="no ordinary file"):
        restore_backup(backup)
    with zipfile.ZipFile(backup, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("runs/a/bomb", bytes(1 << 26))
    with pytest.raises(BackupError, match="is compressed"):
        restore_backup(backup)
    for change in (
        lambda files: files.pop("runs/a/b"),
        lambda files: files.update({"runs/a/b": b"x"}),
        lambda files: files.update({LIST: b"[" * 100_000}),
        lambda files: files.update({LIST: b"{}"}),
        lambda files: files.pop(LIST),
        lambda files: files.update({LIST: files[LIST].replace(b'"version":1', b'"version":2')}),
        lambda files: files.update({LIST: files[LIST].replace(b'"modified":0', b'"modified":-1')}),
    ):
        with zipfile.ZipFile(backup, "w") as archive:
            archive.writestr("runs/a/b", b"")
            archive.writestr(LIST, msgspec.json.encode(listed(runs__a__b=1)))
        rewrite(backup, change)
        with pytest.raises(BackupError):
            restore_backup(backup)
    assert not [path for path in runs_folder().rglob("*") if path.suffix != ".lock"]


def test_a_damaged_log_of_drawings_is_refused(backup, elsewhere):
    append(2)
    save_backup(backup)
    elsewhere()

    def damage(files):
        files["drawings/drawings.log"] = files["drawings/drawings.log"].replace(b"shipped", b"changed")
        about = msgspec.json.decode(files[LIST], type=Contents)
        from hashlib import sha256

        entry = about.files["drawings/drawings.log"]
        new = msgspec.structs.replace(entry, sha256=sha256(files["drawings/drawings.log"]).hexdigest())
        files[LIST] = msgspec.json.encode(replace_files(about, about.files | {"drawings/drawings.log": new}))

    rewrite(backup, damage)
    with pytest.raises(DataError, match=r"drawings\.log line 1"):
        restore_backup(backup)
    assert not drawings_file().exists()


def test_every_damaged_copy_is_a_sentence(backup, elsewhere):
    """Changed bytes and lost ends: nothing or everything is restored, and no other error comes."""
    append(1)
    create_run(SMALL)
    save_backup(backup)
    elsewhere()
    good, moments = backup.read_bytes(), random.Random(7)
    for _ in range(300):
        data = bytearray(good)
        if moments.random() < 0.3:
            data = data[: moments.randrange(len(data))]
        else:
            # the names, lengths and flags are at the end
            place = moments.choice([moments.randrange(len(data)), len(data) - 1 - moments.randrange(2000)])
            data[place] = moments.randrange(256)
        backup.write_bytes(data)
        try:
            restore_backup(backup)
        except (BackupError, DataError):
            continue
        assert len(load_drawings().id) == len(run_rows()) == 1
        elsewhere(moments.random())
    assert io.BytesIO(good)


def test_the_commands_say_what_they_did(digits, backup, elsewhere):
    finish(SMALL)
    append(2)
    status, out, err = digits("backup", backup)
    assert (status, err) == (0, "")
    assert out.startswith("1 run, 0 sweeps and ")
    assert digits("backup", backup)[0] == 2
    assert digits("restore", backup)[0] == 2
    elsewhere()
    status, out, err = digits("restore", backup)
    assert (status, err) == (0, "")
    assert "are now in" in out
    assert digits("restore", backup.with_name("no.zip"))[0] == 2


def test_a_killed_restoring_does_not_prevent_the_next(backup, elsewhere):
    finish(SMALL)
    save_backup(backup)
    place = elsewhere()
    left = place / "runs" / ".restore-12345678" / "runs" / "a"
    left.mkdir(parents=True)
    (left / "config.json").write_text("{}")
    restore_backup(backup)
    assert [path.name for path in (place / "runs").glob(".restore*")] == []
    assert len(run_rows()) == 1

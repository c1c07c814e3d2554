"""Damaged files: each is a sentence or is read without its damaged part, and a power cut costs
nothing.
"""

import json
import os
import shutil
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from dataset import load_drawings
from dataset.drawings.csv_rows import COLUMNS
from dataset.files import read_digits
from dataset.idx import read_idx
from dataset.sources import load_digits
from experiments.fine_tuning import read_result
from experiments.jobs.record import write_record
from experiments.runs.history import HEADER, append_row, cut_rows
from experiments.runs.run import Run, RunError, create_run
from experiments.sweeps import SweepError
from experiments.sweeps.spec import SweepSpec
from experiments.sweeps.sweep import Sweep, sweeps_folder
from experiments.training.data import trained_drawings
from experiments.training.worker import train_run
from model import CheckpointError, load_checkpoint
from model.errors import DigitLabError
from model.reading import DamagedError
from tests.digit_files import csv_lines
from tests.made_drawings import append, forget
from tests.small_runs import SMALL, finish, to_end

NESTED = "[" * 5000
JSON_DAMAGE = ["", "{", "[]", '"x"', "null", NESTED, '{"a": ' * 5000, "\udcfe", "9" * 5000]


@pytest.mark.parametrize(
    ("damage", "steps"),
    [
        (HEADER + "1,2\n", []),
        ("\0" * 300, []),
        (HEADER + "x" * 300 + "\n" + "4" + ",1" * 9 + "\n", [4]),
        ("\udcff\udcfe\n" + "4" + ",1" * 9 + "\n", [4]),
        ("step,other\n1,2\n", []),
        ("4" + ",1" * 9 + "\n" + "2" + ",1" * 9 + "\n4" + ",2" * 9 + "\n5" + ",2" * 9 + "\n", [4, 5]),
        ("1e400" + ",1" * 9 + "\nnan" + ",1" * 9 + "\n1.5" + ",1" * 9 + "\n", []),
    ],
)
def test_a_damaged_history_is_read_without_its_damaged_lines(damage: str, steps: list[int]) -> None:
    run = create_run(SMALL)
    (run.folder / "history.csv").write_bytes(damage.encode(errors="surrogateescape"))
    assert run.history()["step"].tolist() == steps


def test_a_history_of_far_too_many_bytes_is_a_sentence() -> None:
    run = create_run(SMALL)
    with (run.folder / "history.csv").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(RunError, match="expected at most"):
        run.history()


def test_a_resumed_run_cuts_the_history_by_step_however_many_rows_it_has() -> None:
    """After a power cut the file may have fewer rows than were written, or rows twice."""
    run = create_run(SMALL)
    for step in (1, 2, 5, 9, 5, 9, 12):
        append_row(run.folder, [step] + [0.0] * 9)
    cut_rows(run.folder, 9)
    assert (run.folder / "history.csv").read_text().count("\n") == 5
    assert run.history()["step"].tolist() == [1, 2, 5, 9]


def test_a_power_cut_that_takes_rows_of_the_history_makes_no_step_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of the first process are lost, and the second one is killed after its checkpoint."""
    monkeypatch.setattr("experiments.training.recording.STATUS_SECONDS", 0.0)  # a status at every step
    run = create_run(SMALL)
    for _ in islice(train_run(run), 20):
        pass
    assert run.stored().state == "interrupted"
    path = run.folder / "history.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-4]))
    checkpoint = (run.folder / "last.npz").read_bytes()
    to_end(run)
    (run.folder / "last.npz").write_bytes(checkpoint)
    run.write_status(replace(run.stored(), state="interrupted"))
    assert to_end(run).state == "finished"
    steps = run.history()["step"]
    assert steps.is_unique
    assert steps.is_monotonic_increasing
    assert steps.iloc[-1] == 58


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the path of an open file")
def test_the_history_is_on_the_disk_before_the_checkpoint_and_progress_need_not_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(file: object) -> None:
        number = file if isinstance(file, int) else file.fileno()  # type: ignore[attr-defined]
        synced.append(Path(f"/proc/self/fd/{number}").readlink().name)
        real(number)

    run = create_run(SMALL)
    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr("experiments.training.recording.STATUS_SECONDS", 0.0)  # a status at every step
    statuses = list(train_run(run))
    assert len(statuses) > 40
    names = [name.split(".")[1] if name.startswith(".") else name for name in synced]
    for place, name in enumerate(names):
        if name == "last" and place > 1:  # the first checkpoint is written before the first row
            assert "history.csv" in names[:place][-2:], names[: place + 1]
    assert names.count("status") <= 4  # queued, running, finished
    assert names[-1] == "status"


def test_a_status_that_a_power_cut_left_empty_is_an_interrupted_run() -> None:
    run = create_run(SMALL)
    for _ in islice(train_run(run), 4):
        pass
    for content in (b"", bytes(500)):
        (run.folder / "status.json").write_bytes(content)
        assert run.status().state == "interrupted"
    assert to_end(run).state == "finished"


@pytest.mark.parametrize("content", [*JSON_DAMAGE, '{"learning_rate": 1e400}', '{"action": "fly"}', '{"action": []}'])
def test_a_run_whose_requests_are_damaged_can_be_stopped(content: str) -> None:
    run = create_run(SMALL)
    (run.folder / "control.json").write_bytes(content.encode(errors="surrogateescape"))
    run.request("stop")
    assert run.requests().action == "stop"


@pytest.mark.parametrize("content", JSON_DAMAGE)
@pytest.mark.parametrize("name", ["status.json", "config.json", "lesson.json"])
def test_a_damaged_file_of_a_run_is_a_sentence(name: str, content: str) -> None:
    run = create_run(SMALL)
    (run.folder / name).write_bytes(content.encode(errors="surrogateescape"))
    blank_status = name == "status.json" and not content
    for read in (lambda: Run(run.folder).config, lambda: read_result(run), run.stored):
        try:
            read()
        except RunError:
            continue
    if not blank_status:
        with pytest.raises(RunError):
            (Run(run.folder).config, run.stored(), read_result(run))


@pytest.mark.parametrize("created", ["1e300", "-1", "NaN", "1e999"])
def test_a_time_that_no_calendar_has_is_a_damaged_status(created: str) -> None:
    run = create_run(SMALL)
    (run.folder / "status.json").write_text(f'{{"created": {created}}}')
    with pytest.raises(RunError):
        run.title  # noqa: B018


@pytest.mark.parametrize("content", [*JSON_DAMAGE, '{"spec": {}}', '{"spec": [], "storage": "", "created": 1}'])
def test_a_damaged_sweep_is_a_sentence(content: str) -> None:
    sweep = Sweep(sweeps_folder() / "some")
    sweep.folder.mkdir(parents=True)
    for name in ("sweep.json", "trials.json"):
        (sweep.folder / name).write_bytes(content.encode(errors="surrogateescape"))
        with pytest.raises(SweepError):
            _ = sweep.spec if name == "sweep.json" else sweep.published_trials()
        if content == "[]":
            break  # no trials


def test_a_value_that_no_setting_has_is_a_damaged_trial() -> None:
    sweep = Sweep(sweeps_folder() / "some")
    sweep.folder.mkdir(parents=True)
    write_record(sweep.folder / "trials.json", [{"number": 1, "params": {"hidden": [[1], [2]]}}])
    with pytest.raises(SweepError, match="is damaged"):
        sweep.published_trials()


@pytest.mark.parametrize(
    "text",
    [
        "a = " + NESTED,
        "preset = []",
        "name = 1979-05-27",
        "trials = 1\n[search]\nlearning_rate = " + "{low = 1" + "0" * 400 + ", high = 2}",
        'sampler = "grid"\n[search]\nlearning_rate = {low = 0.1, high = 0.2, points = 1000000000}',
        "x = " + "9" * 5000,
        "trials = 1\n[search]\nhidden = [[[[64]]]]",
    ],
)
def test_a_sweep_file_of_a_stranger_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.toml").write_text(text)
    with pytest.raises(DigitLabError):
        SweepSpec.from_toml(tmp_path / "sweep.toml")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITS_RUNS", str(tmp_path_factory.mktemp("runs")))
        return finish(SMALL).folder


META = ("config", "progress", "about")


@pytest.mark.parametrize(
    "change",
    [
        *({name: value} for name in META for value in ([], None, "x", 10**400, [[1]])),
        *({"config": {"seed": value}} for value in (10**400, 1e999, [], {}, "x")),
        *({"progress": {"step": value}} for value in (10**400, -1, [], "x", 10**6)),
        *({"progress": {"tallies": value}} for value in ([], None, [{}, {}], [{"x": 1}] * 3, [1, 2, 3])),
        *({"progress": {"images": value}} for value in ([], None, "x")),
        *({"about": {"classes": value}} for value in (5, "x", [1])),
        *({"about": {"rejects_above": value}} for value in ([], None, "x")),
        *({"about": {"held_row": value}} for value in ([1], "x", 5)),
        {"about": {"seconds": "x"}},
    ],
    ids=lambda change: str(change)[:50],
)
def test_a_checkpoint_with_a_damaged_description_is_a_sentence(finished: Path, tmp_path: Path, change: dict) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    run = Run(folder)
    with np.load(run.last) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays["meta"]))
    for name, value in change.items():
        meta[name] = {**meta[name], **value} if isinstance(value, dict) else value
    np.savez(run.last, **(arrays | {"meta": np.array(json.dumps(meta))}))
    run.write_status(replace(run.stored(), state="interrupted"))
    status = to_end(run)
    assert status.state == "failed"
    assert "Error" not in status.reason, status.reason
    if set(change) != {"about"} and "progress" not in change:
        with pytest.raises(CheckpointError):
            load_checkpoint(run.last)


def test_damaged_drawings_of_a_run_are_a_sentence() -> None:
    run = create_run(SMALL)
    for content in (b"", b"PK\5\6" + bytes(18), bytes(1000)):
        (run.folder / "drawings.npz").write_bytes(content)
        with pytest.raises(RunError, match="is damaged"):
            trained_drawings(run)
        with pytest.raises(DamagedError):
            read_digits(run.folder / "drawings.npz")


def test_a_byte_in_an_id_that_no_page_can_show_is_shown_as_its_number() -> None:
    """Byte 0xFE in one row broke the Data page for everyone, for ever: the log had it too."""
    append(2)
    path = Path(os.environ["DIGITS_DRAWINGS"])
    header, first, second, _ = path.read_bytes().split(b"\n")
    cells = first.split(b",")
    cells[COLUMNS.index("id")] = b"a\xfeb"
    cells[COLUMNS.index("model")] = b"\xfe"
    path.write_bytes(b"\n".join([header, b",".join(cells), second, b""]))
    forget()
    assert r"a\udcfeb" in load_drawings().id
    for drawings in (load_drawings(deleted=True), load_drawings(deleted=True)):
        assert drawings.table.to_json().encode()
        assert "".join([*drawings.id, *drawings.model]).encode()
        forget()


def test_an_id_that_an_earlier_version_stored_with_such_a_byte_is_shown_as_its_number() -> None:
    append(1)
    log = Path(os.environ["DIGITS_DRAWINGS"]).with_suffix(".log")
    entry = json.loads(log.read_text())
    entry["stored"][0]["id"] = "a\udcfeb"
    text = json.dumps({**entry, "version": ""}, separators=(",", ":"))
    from dataset.drawings.log import VERSION_TEXT, digest

    log.write_text(text.replace(VERSION_TEXT % "", VERSION_TEXT % f"1-{digest(text)}", 1) + "\n")
    Path(os.environ["DIGITS_DRAWINGS"]).unlink()
    forget()
    assert "".join(load_drawings(deleted=True).id).encode() == rb"a\udcfeb"


def test_gzip_data_that_unpack_to_far_more_than_digits_are_a_sentence(tmp_path: Path) -> None:
    import gzip

    packed = b"".join(gzip.compress(b"\n" * (1 << 20)) for _ in range(100))
    (tmp_path / "some.csv.gz").write_bytes(packed)
    with pytest.raises(DigitLabError, match="unpacks to more than"):
        load_digits(tmp_path / "some.csv.gz")
    (tmp_path / "some.csv.gz").write_bytes(gzip.compress("\n".join(csv_lines(20)).encode()))
    assert len(load_digits(tmp_path / "some.csv.gz", "all")) == 20


@pytest.mark.parametrize("sizes", [[2**32 - 1], [0, 2**32 - 1, 2**32 - 1], [1] * 200, [], [2**31, 28, 28]])
def test_an_idx_header_that_cannot_be_is_a_sentence(tmp_path: Path, sizes: list[int]) -> None:
    header = b"\0\0\x08" + bytes([len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)
    (tmp_path / "some-idx3-ubyte").write_bytes(header + bytes(100))
    with pytest.raises(DigitLabError):
        read_idx(tmp_path / "some-idx3-ubyte")

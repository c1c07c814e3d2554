"""Loaders: everything that reads a file of a run, a sweep or a person, and what it promises."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from dashboard.charts.images import strokes_image
from dashboard.draw.received import read_canvas
from dashboard.theme import LIGHT
from dataset import Digits, append_drawing, check_csv, drawings_history, load_digits, load_drawings, load_training
from dataset.corrections import export_corrections, import_corrections, load_corrections
from dataset.drawings.exchange import import_drawings
from dataset.drawings.strokes import pack_strokes, unpack_strokes
from dataset.files import read_digits
from dataset.image_files import read_image
from dataset.sources import load_upload
from experiments.backups.archive import open_archive
from experiments.fine_tuning import read_result
from experiments.formats import duration
from experiments.jobs.record import read_record
from experiments.label_errors import Search, SearchRequest
from experiments.range_test import config_tested
from experiments.robustness import Robustness
from experiments.runs.config import RunConfig
from experiments.runs.history import best_validation, cut_rows
from experiments.runs.run import Run, open_run, runs_folder
from experiments.runs.table import row_of, run_table
from experiments.sweeps import SweepSpec, list_sweeps, open_sweep
from experiments.sweeps.findings import find_ties
from experiments.training.data import trained_drawings
from experiments.training.recording import Recorder, StatusWriter
from model import BlankDrawing, build_trainer, center_ink, load_classifier
from model.errors import DigitLabError
from model.reading import parse_json
from reliability.fuzz.samples import SMALL

Load = Callable[[Path], object]


@dataclass(frozen=True)
class Loader:
    """Files of one sample folder, and the functions that read them.

    Each function may raise `declared`, and nothing else.
    """

    folder: str
    files: tuple[str, ...]
    loads: tuple[Load, ...]
    declared: tuple[type[Exception], ...] = (DigitLabError,)

    def check(self, folder: Path, changed: Path) -> bool:
        """Read the damaged file in every way; -> whether any of them refused it.

        A load gets the path of the damaged file. Raises what is not declared.
        """
        refused = False
        for load in self.loads:
            try:
                load(changed)
            except self.declared as error:
                refused = True
                str(error).encode()  # a page could not show it otherwise
                if not str(error):
                    raise AssertionError(f"{type(error).__name__} has no message") from error
        return refused


@cache
def training() -> tuple[Digits, Digits]:
    """The digits of the sample run, loaded before the first child is forked."""
    return load_training(SMALL.data, SMALL.validation_share)


def _texts(run: Run) -> str:
    """Texts of a run as pages show them."""
    status = run.status()
    numbers = f"{status.step:,} {status.progress:.1%} {duration(status.seconds)} {duration(status.seconds_left or 0)}"
    text = f"{run.title} {run.name} {status.reason} {numbers} {run.label()}"
    text.encode()
    return text


def _stop(path: Path) -> None:
    """A run can always be stopped, whatever its other files say."""
    run = Run(path.parent)
    run.request("stop")
    assert run.requests().action == "stop", run.requests()


def _list_runs(path: Path) -> None:
    table = run_table()
    assert len(table.rows()) + len(table.damaged()) <= 1
    row_of(Run(path.parent))


def _resume(path: Path) -> None:
    """Go on from the checkpoint, as a worker does."""
    run, (train, validation) = Run(runs_folder() / "some"), training()
    trainer = build_trainer(SMALL, train, validation)
    about = {"data_fingerprint": train.fingerprint, "validation_fingerprint": validation.fingerprint}
    recorder = Recorder(run, StatusWriter(run), trainer, validation, about)
    recorder.load_checkpoint()
    cut_rows(run.folder, trainer.step)


def _predict(path: Path) -> None:
    classifier = load_classifier(path)
    probabilities = classifier.predict_proba(np.zeros((1, 28, 28), np.uint8))
    assert np.isfinite(probabilities).all()
    RunConfig.from_dict(classifier.settings)
    classifier.knows(probabilities)
    str(classifier.classes).encode()


def _result(run: Run) -> None:
    if (result := read_result(run)) is not None:
        f"{result.refusal} {result.interpolation} {result.corrected.intervals} {result.old.shares}".encode()


def _sweeps(path: Path) -> None:
    for sweep in list_sweeps():
        status = open_sweep(sweep.id).status()
        f"{status.share:.0%} {duration(status.seconds_left or 0)} {sweep.run_ids(3)}".encode()
        trials = sweep.trials()
        find_ties(trials, images=300)
        assert SweepSpec.from_dict(sweep.spec.to_dict()) == sweep.spec
        sweep.spec.expected_seconds(3667)


def _toml(path: Path) -> None:
    spec = SweepSpec.from_toml(path)
    spec.expected_seconds(3667)
    assert SweepSpec.from_dict(spec.to_dict()) == spec


def _drawings(path: Path) -> None:
    for deleted in (False, True):
        drawings = load_drawings(deleted=deleted)
        texts = [*drawings.id, *drawings.model, *drawings.time, *drawings.session, *drawings.strokes]
        "".join(texts).encode()
        drawings.table.to_json().encode()
    " ".join(f"{entry.number:,} {entry.action} {entry.time}" for entry in drawings_history()).encode()
    append_drawing(np.eye(28, dtype=np.uint8) * 255, 3)  # storing goes on
    assert len(load_drawings().id)


def _corrections(path: Path) -> None:
    load_corrections().apply(load_digits("mnist-5k")[:20])
    export_corrections()


def _picture(path: Path) -> None:
    center_ink(read_image(path.read_bytes(), name=path.name))


def _canvas(path: Path) -> None:
    read_canvas(parse_json(path.read_bytes()))


def _strokes(path: Path) -> None:
    text = path.read_text(errors="replace")
    strokes_image(text, LIGHT)
    unpack_strokes(pack_strokes(text)).encode()
    unpack_strokes(text)


def _backup(path: Path) -> None:
    with open_archive(path) as archive:
        archive.extract(path.with_name("restored"))


def _of_run(read: Callable[[Run], object]) -> Load:
    return lambda path: read(Run(path.parent))


RUN = "runs/some/"
SWEEP = "runs/.sweeps/some-sweep/"
LOADERS: dict[str, Loader] = {
    "run": Loader(
        "run",
        tuple(RUN + name for name in ("config.json", "status.json", "label.json", "history.csv")),
        (
            *(_list_runs, lambda path: open_run(path.parent), _of_run(_texts), _of_run(lambda run: run.config)),
            *(_of_run(lambda run: run.history().to_json()), _of_run(lambda run: best_validation(run.folder))),
            *(_of_run(lambda run: cut_rows(run.folder, 20)), _stop),
        ),
    ),
    "requests": Loader("run", (RUN + "control.json",), (_of_run(lambda run: run.requests()), _stop)),
    "checkpoint": Loader("run", (RUN + "last.npz", RUN + "best.npz"), (_predict, _resume)),
    "job": Loader(
        "run",
        tuple(RUN + name for name in ("lesson.json", "tested.json", "counts.json", "asked.json")),
        (
            *(_of_run(_result), _of_run(config_tested)),
            *(lambda path: Robustness(path.parent).curves(), lambda path: read_record(path, SearchRequest)),
        ),
    ),
    "arrays": Loader(
        "run",
        (RUN + "drawings.npz", RUN + "answers.npz"),
        (_of_run(trained_drawings), read_digits, lambda path: Search(path.parent).answers()),
    ),
    "sweep": Loader("sweep", tuple(SWEEP + name for name in ("sweep.json", "status.json", "trials.json")), (_sweeps,)),
    "sweep file": Loader("sweep", ("some.toml",), (_toml,)),
    "drawings": Loader("drawings", ("drawings.csv", "drawings.log"), (_drawings,)),
    "corrections": Loader(
        "drawings", ("label_corrections.csv", "corrected.csv"), (_corrections, import_corrections, _corrections)
    ),
    "import": Loader(
        "drawings",
        (
            *("exported.csv", "plain.csv", "plain.csv.gz", "pictures.zip"),
            *("some-images-idx3-ubyte", "some-labels-idx1-ubyte", "some-images-idx3-ubyte.gz"),
        ),
        (
            *(check_csv, lambda path: load_digits(path, "all"), import_drawings, _drawings),
            lambda path: import_drawings(path.with_name("some-images-idx3-ubyte")),
        ),
    ),
    "upload": Loader(
        "drawings", ("exported.csv", "plain.csv", "plain.csv.gz"), (lambda p: load_upload(p.read_bytes(), p.name),)
    ),
    "picture": Loader(
        "uploads",
        tuple(f"some.{kind}" for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm")),
        (_picture,),
        (DigitLabError, BlankDrawing),
    ),
    "canvas": Loader("uploads", ("some.canvas", "strokes.json"), (_canvas, _strokes), (DigitLabError, ValueError)),
    "backup": Loader("backup", ("some.backup",), (_backup,)),
}

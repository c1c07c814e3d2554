"""Samples: a folder for each loader with whole files, which the campaign then damages."""

import base64
import gzip
import io
import json
import os
import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from dataset import append_drawing, load_digits
from dataset.corrections import correct_label, export_corrections, image_hashes
from dataset.drawings.exchange import csv_bytes, kept_drawings, zip_bytes
from dataset.idx import idx_bytes
from experiments.backups.save import save_backup
from experiments.fine_tuning import FineTuningResult, Score
from experiments.jobs.record import write_record
from experiments.label_errors import NETWORKS, Search
from experiments.robustness import points
from experiments.runs.config import RunConfig
from experiments.runs.run import create_run, runs_folder
from experiments.sweeps import SweepSpec, create_sweep
from experiments.sweeps.trials import Trial
from experiments.training.worker import train_run

SMALL = RunConfig(data="mnist-5k", hidden=(8,), epochs=2, dropout=0.1)
ZEROS = 1_500_000_000  # bytes that a bomb unpacks to
STROKES = json.dumps({"objects": [{"type": "path", "path": [["M", 10, 20], ["L", 30, 40]], "strokeWidth": 20}]})
SWEEP = """name = "some sweep"
preset = "quick"
data = "mnist-5k"
sampler = "random"
trials = 4
seeds = 2
[settings]
epochs = 1
[search]
learning_rate = {low = 0.001, high = 0.1, log = true, points = 3}
hidden = [[64], [128, 64]]
optimizer = ["adam", "sgd"]
"""


def make_samples(root: Path) -> None:
    """Write all samples below this folder."""
    use(root / "run")
    _make_run()
    _make_sweep(root / "sweep")
    _make_drawings(root / "drawings")
    _make_uploads(root / "uploads")
    use(root / "run")
    shutil.copytree(root / "run", root / "backup")
    use(root / "backup")
    save_backup(root / "some.backup")
    shutil.rmtree(root / "backup")
    (root / "backup").mkdir()
    (root / "some.backup").rename(root / "backup" / "some.backup")


def use(folder: Path) -> None:
    """Let runs and drawings of this process live in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["DIGITS_RUNS"] = str(folder / "runs")
    os.environ["DIGITS_DRAWINGS"] = str(folder / "drawings.csv")


def make_bombs() -> dict[str, bytes]:
    """Small files that unpack to 1.5 GB, by the ends of their names."""
    member = io.BytesIO()
    np.savez(member, meta=np.array("{}"))
    header = b"\x93NUMPY\x01\x00v\0" + f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({ZEROS},), }}".encode()
    packed, extra = io.BytesIO(), "weights/dense1.W.npy"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("1/bomb.png", bytes(ZEROS // 5))
    with (
        zipfile.ZipFile(member, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(extra, "w") as file,
    ):
        file.write(header.ljust(127) + b"\n")
        for _ in range(ZEROS // 1_000_000):
            file.write(bytes(1_000_000))
    block = gzip.compress(b"\n" * 1_000_000)
    lists = b"[" + b"[]," * 4_000_000 + b"[]]"
    chunk = b"zTXt" + b"x\0\0" + zlib.compress(bytes(100_000_000))
    text = len(chunk[4:]).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    picture = png(np.zeros((28, 28), np.uint8))
    return {
        "npz": member.getvalue(),
        "zip": packed.getvalue(),
        "gz": block * (ZEROS // 1_000_000),
        "json": lists,
        "png": picture[:33] + text + picture[33:],
        "canvas": lists,
    }


def png(image: np.ndarray) -> bytes:
    """An image as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _make_run() -> None:
    """A finished run with every file that a run, a fine-tuning or a job can have."""
    run = create_run(SMALL, name="some run", folder=runs_folder() / "some")
    for _ in train_run(run):
        pass
    run.request("pause")
    run.request("run", learning_rate=0.01)
    run.set_label(name="a name", note="a note", starred=True)
    score = Score(5, 7, 10)
    write_record(run.folder / "lesson.json", FineTuningResult(score, score, score, ((0, 1, 2),)))
    write_record(run.folder / "tested.json", SMALL.to_dict())
    write_record(run.folder / "counts.json", dict.fromkeys(list(points())[:9], 5))
    digits = load_digits("mnist-5k")[:60]
    np.savez(run.folder / "drawings.npz", images=digits.images, labels=digits.labels)
    Search(run.folder).save_answers(NETWORKS, digits.labels, np.full((60, 10), 0.1, np.float32))
    write_record(run.folder / "asked.json", {"source": "mnist-5k", "part": "all"})


def _make_sweep(folder: Path) -> None:
    use(folder)
    (folder / "some.toml").write_text(SWEEP)
    sweep = create_sweep(SweepSpec.from_toml(folder / "some.toml"))
    params = {"learning_rate": 0.01, "hidden": (64,), "optimizer": "adam"}
    trials = [Trial(number, params, "done", over=True, values=(0.9, 0.8 + number / 100)) for number in range(8)]
    sweep.publish_trials([*trials, Trial(8, params)])
    sweep.set_begun(1)


def _make_drawings(folder: Path) -> None:
    use(folder)
    digits = load_digits("mnist-5k")[:12]
    for image, label in zip(digits.images, digits.labels, strict=True):
        append_drawing(image, int(label), predicted=7, confidence=0.25, model="shipped", session="s", strokes=STROKES)
    for image in image_hashes(digits.images[:3]):
        correct_label(image, "relabelled", given=1, label=2, session="s")
    drawings, images, labels = kept_drawings()
    exported = csv_bytes(drawings, images)
    plain = b"".join(b",".join(line.split(b",")[:785]) + b"\n" for line in exported.splitlines())
    files = {
        "exported.csv": exported,
        "plain.csv": plain,
        "plain.csv.gz": gzip.compress(plain),
        "corrected.csv": export_corrections(),
        "pictures.zip": zip_bytes(images, labels),
        "some-images-idx3-ubyte": idx_bytes(images),
        "some-labels-idx1-ubyte": idx_bytes(labels),
        "some-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images)),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _make_uploads(folder: Path) -> None:
    use(folder)
    image = np.kron(load_digits("mnist-5k").images[0], np.ones((10, 10), np.uint8))
    for name in ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm"):
        Image.fromarray(image).save(folder / f"some.{name}")
    url = "data:image/png;base64," + base64.b64encode(png(np.dstack([image] * 4))).decode()
    sent = {"drawing": {"raw": json.loads(STROKES), "data": url}}
    (folder / "some.canvas").write_text(json.dumps(sent))
    (folder / "strokes.json").write_text(STROKES)

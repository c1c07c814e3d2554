"""Exchange: export drawings and import digits, in the format that the file name gives."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataset.csv_format import LONGEST_LINE, check_csv, is_number, read_csv, split_line
from dataset.digits import UNLABELLED, DataError
from dataset.drawings.csv_rows import FORMER, HEADER, KAGGLE, decode, encode_lines, new_drawing, read_rows, row
from dataset.drawings.editing import append_drawings
from dataset.drawings.log import VISITOR, Drawing, NewDrawing
from dataset.drawings.preparation import assign_ids
from dataset.drawings.storage import drawing_storage
from dataset.files import open_data, path_of, write_new
from dataset.idx import idx_bytes, idx_name, is_idx, locate_idx, read_idx_pair
from dataset.image_files import MAX_BYTES, read_image
from model.reading import decoding

TEXTS = ("id", "time", "predicted", "confidence", "model", "duplicate_of")  # columns with any text
FORMULA_SIGNS = tuple("=+-@")  # a tab or a line end cannot be at the start: storing removes them
FILE_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that the same drawings give the same archive


def export_drawings(path: str | Path) -> int:
    """Write all kept drawings to a new file: .csv, .zip or a pair of IDX files; -> their number.

    A file whose name ends in .gz is compressed. Raises DataError for an unknown format or an
    existing file.
    """
    target = path_of(path)
    name = target.name.removesuffix(".gz")
    drawings, images, labels = kept_drawings()
    if name.endswith(".csv"):
        files = {target: csv_bytes(drawings, images)}
    elif name.endswith(".zip"):
        files = {target: zip_bytes(images, labels)}
    elif "images" in name and "idx3" in name:
        files = {target: idx_bytes(images), labels_path(target): idx_bytes(labels)}
    else:
        raise DataError(
            f"The name {target.name} has no known format. Give drawings.csv, drawings.zip (pictures in a folder "
            "for each digit) or drawings-images-idx3-ubyte."
        )
    write_new(files)
    return len(labels)


def export_csv() -> bytes:
    """All kept drawings as the bytes of a CSV file."""
    drawings, images, _ = kept_drawings()
    return csv_bytes(drawings, images)


def kept_drawings() -> tuple[list[Drawing], NDArray[np.uint8], NDArray[np.uint8]]:
    """All kept drawings, their images (n, 28, 28) and their labels (n,)."""
    with drawing_storage().reading() as log:
        drawings = [drawing for drawing in log.drawings.values() if drawing.state == "kept"]
        images = log.images[np.array([drawing.row for drawing in drawings], np.intp)].reshape(-1, 28, 28)
    return drawings, images, np.array([drawing.label for drawing in drawings], np.uint8)


def csv_bytes(drawings: list[Drawing], images: NDArray[np.uint8]) -> bytes:
    """Drawings with their images (n, 28, 28) as the bytes of a CSV file."""
    rows = (row(for_export(drawing), image.tobytes()) for drawing, image in zip(drawings, images, strict=True))
    return encode_lines([HEADER, *rows])


def for_export(drawing: Drawing) -> Drawing:
    """The drawing without its session, and with texts that no spreadsheet runs as a formula.

    An export must not show which drawings one person made.
    """
    changes: dict[str, Any] = {name: neutral(getattr(drawing, name)) for name in TEXTS}
    return replace(drawing, session=VISITOR if drawing.session.startswith(VISITOR) else "", **changes)


def neutral(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if is_formula(text) else text


def original(text: str) -> str:
    """The text that `neutral` was given, from its result."""
    return text[1:] if text[:1] == "'" and is_formula(text[1:]) else text


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a cell with this text, perhaps after some apostrophes.

    The apostrophes count, so that a text that has one already gets another one.
    """
    return text.lstrip("'")[:1] in FORMULA_SIGNS and not is_number(text)


def import_drawings(path: str | Path) -> int:
    """Store the digits of a CSV file, an IDX file with labels, or a zip file of pictures.

    -> the number of new digits. Digits that an earlier import of the same file stored are left out.
    Raises DataError.
    """
    path = path_of(path)
    if path.suffix.lower() == ".zip":
        new_drawings = read_zip(path)
    elif is_idx(path):
        new_drawings = imported(*read_idx_pair(path, locate_idx(path.parent, idx_name(labels_path(path)))), path)
    else:
        new_drawings = read_any_csv(path)
    return len(append_drawings(assign_ids(new_drawings), f"imported from {path.name}"))


def read_any_csv(path: Path) -> list[NewDrawing]:
    """The rows of a CSV file: drawings with their provenance, or other digits with labels."""
    with open_data(path) as file:
        first = file.readline(LONGEST_LINE)
        is_own_format = len(split_line(decode(first))) >= len(KAGGLE) + len(FORMER)
        contents = read_rows(first + file.read()) if is_own_format else None
    if contents is None:
        return imported(*read_csv(path), path)
    if contents.damaged:
        problem = next(iter(check_csv(path, limit=1)), None)
        raise DataError(str(problem or f"{path.name} has a damaged row: {contents.damaged[0][:40]!r}."))
    return [new_drawing(contents, place, restore=original) for place in range(len(contents.lines))]


def imported(images: NDArray[np.uint8], labels: NDArray[np.uint8], path: Path) -> list[NewDrawing]:
    """Images (n, 28, 28) and labels (n,) as drawings. Raises DataError if a label is missing."""
    if (labels == UNLABELLED).any():
        cure = f"Put {labels_path(path).name} beside it" if "idx" in path.name else "Add a column named label"
        raise DataError(f"{path.name} has no labels. {cure}.")
    return [
        NewDrawing(image=image, label=int(label), source="imported")
        for image, label in zip(images, labels, strict=True)
    ]


def read_zip(path: Path) -> list[NewDrawing]:
    """The pictures of a zip file: 28x28 pixels, light ink on dark paper, in folders 0 to 9."""
    new_drawings = []
    damaged = decoding(path.name, "get the file again.", DataError)
    with open_data(path) as file, damaged, zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            place = PurePosixPath(entry.filename)
            if not entry.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in place.parts):
                new_drawings.append(read_picture(archive, entry, f"{path.name}: {entry.filename}"))
    if not new_drawings:
        raise DataError(f"{path.name} holds no pictures. Put PNG files into folders named 0 to 9.")
    return new_drawings


def read_picture(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> NewDrawing:
    """One picture of a zip file as a drawing. Raises DataError, which begins with `name`."""
    folder = PurePosixPath(entry.filename).parent.name
    if folder not in tuple("0123456789"):
        raise DataError(f"{name}: expected a folder named 0 to 9, got {folder!r}.")
    if entry.file_size > MAX_BYTES:
        raise DataError(f"{name} is larger than 5 MB; it should be a picture of 28 x 28 pixels.")
    try:
        content = archive.read(entry)
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise DataError(f"{name} cannot be unpacked ({error}). Pack the pictures again without a password.") from error
    except Exception as error:  # decoders of damaged files raise many types of errors
        raise DataError(f"{name} is damaged ({error or 'it is cut off'}). Get the archive again.") from error
    pixels = read_image(content, name=name)
    if pixels.shape[:2] != (28, 28):
        height, width = pixels.shape[:2]
        raise DataError(f"{name}: expected a picture of 28 x 28 pixels, got {width} x {height}.")
    image = pixels if pixels.ndim == 2 else pixels[..., 0]
    if pixels.ndim == 3 and ((pixels[..., :3] != image[..., None]).any() or (pixels[..., 3] != 255).any()):
        raise DataError(f"{name}: expected grey pixels, light ink on dark paper, got colours or transparency.")
    return NewDrawing(image=image.copy(), label=int(folder), source="imported")


def zip_bytes(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bytes:
    """A zip file with each digit as <label>/<number>.png."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # PNG is compressed already
        for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
            picture = io.BytesIO()
            Image.fromarray(image).save(picture, "PNG")
            archive.writestr(zipfile.ZipInfo(f"{label}/{number:06}.png", FILE_DATE), picture.getvalue())
    return packed.getvalue()


def labels_path(path: Path) -> Path:
    """The name of the labels file that belongs to an IDX file of images."""
    return path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))

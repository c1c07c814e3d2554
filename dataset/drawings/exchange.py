"""Exchange: drawings to a file and digits from one, in the format that the file's name says."""

import io
import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataset.csv_format import LONGEST_LINE, check_csv, read_csv, split_line
from dataset.digits import UNLABELLED, DataError
from dataset.drawings.changing import append_drawings
from dataset.drawings.home import store
from dataset.drawings.log import Drawing, NewDrawing
from dataset.drawings.rows import FORMER, HEADER, KAGGLE, lines_bytes, new_drawing, read_rows, row, text
from dataset.drawings.storing import numbered
from dataset.files import open_data, path_of, write_new
from dataset.idx import find_idx, idx_bytes, idx_name, is_idx, read_idx_pair
from dataset.image_files import MAX_BYTES, read_image

THE_DAY = (1980, 1, 1, 0, 0, 0)  # the same drawings make the same archive, whenever that is


def export_drawings(path: str | Path) -> int:
    """Write every drawing that counts to a new file: .csv, .zip or a pair of IDX files, packed for .gz; -> how many."""
    target = path_of(path)
    name = target.name.removesuffix(".gz")
    drawings, images, labels = what_counts()
    if name.endswith(".csv"):
        files = {target: csv_bytes(drawings, images)}
    elif name.endswith(".zip"):
        files = {target: zip_bytes(images, labels)}
    elif "images" in name and "idx3" in name:
        files = {target: idx_bytes(images), labels_path(target): idx_bytes(labels)}
    else:
        raise DataError(
            f"The name {target.name} says no format. Give drawings.csv, drawings.zip (pictures in a folder for each "
            "digit) or drawings-images-idx3-ubyte."
        )
    write_new(files)
    return len(labels)


def export_csv() -> bytes:
    """Every drawing that counts, as a CSV file."""
    drawings, images, _ = what_counts()
    return csv_bytes(drawings, images)


def what_counts() -> tuple[list[Drawing], NDArray[np.uint8], NDArray[np.uint8]]:
    """Drawings, their images (n, 28, 28) and their labels (n,)."""
    with store().reading() as log:
        drawings = [drawing for drawing in log.drawings.values() if drawing.state == "kept"]
        images = log.images[np.array([drawing.row for drawing in drawings], np.intp)].reshape(-1, 28, 28)
    return drawings, images, np.array([drawing.label for drawing in drawings], np.uint8)


def csv_bytes(drawings: list[Drawing], images: NDArray[np.uint8]) -> bytes:
    rows = (row(drawing, image.tobytes()) for drawing, image in zip(drawings, images, strict=True))
    return lines_bytes([HEADER, *rows])


def import_drawings(path: str | Path) -> int:
    """Add the digits of a file: a CSV, an IDX file with its labels beside it, or a zip of pictures; -> how many.

    Those that are there already, from the same file at another time, are left out.
    """
    path = path_of(path)
    if path.suffix.lower() == ".zip":
        news = read_zip(path)
    elif is_idx(path):
        news = imported(*read_idx_pair(path, find_idx(path.parent, idx_name(labels_path(path)))), path)
    else:
        news = read_any_csv(path)
    return len(append_drawings(numbered(news), f"imported from {path.name}"))


def read_any_csv(path: Path) -> list[NewDrawing]:
    """A file of drawings with all that is known of them, or any digits with labels."""
    with open_data(path) as file:
        first = file.readline(LONGEST_LINE)
        ours = len(split_line(text(first))) >= len(KAGGLE) + len(FORMER)
        contents = read_rows(first + file.read()) if ours else None
    if contents is None:
        return imported(*read_csv(path), path)
    if contents.damaged:
        problem = next(iter(check_csv(path, limit=1)), None)
        raise DataError(str(problem or f"{path.name} has a damaged row: {contents.damaged[0][:40]!r}."))
    return [new_drawing(contents, place) for place in range(len(contents.lines))]


def imported(images: NDArray[np.uint8], labels: NDArray[np.uint8], path: Path) -> list[NewDrawing]:
    if (labels == UNLABELLED).any():
        cure = f"Put {labels_path(path).name} beside it" if "idx" in path.name else "Add a column named label"
        raise DataError(f"{path.name} has no labels. {cure}.")
    return [
        NewDrawing(image=image, label=int(label), source="imported")
        for image, label in zip(images, labels, strict=True)
    ]


def read_zip(path: Path) -> list[NewDrawing]:
    """Pictures of 28 x 28 pixels in folders named 0 to 9, ink light on dark as in MNIST."""
    news = []
    with open_data(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                for entry in archive.infolist():
                    place = PurePosixPath(entry.filename)
                    if not entry.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in place.parts):
                        news.append(read_picture(archive, entry, f"{path.name}: {entry.filename}"))
        except (zipfile.BadZipFile, NotImplementedError) as error:  # also of a version that is not there yet
            raise DataError(f"{path.name} is a damaged zip file or none ({error}). Get the file again.") from error
    if not news:
        raise DataError(f"{path.name} holds no pictures. Put PNG files into folders named 0 to 9.")
    return news


def read_picture(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> NewDrawing:
    folder = PurePosixPath(entry.filename).parent.name
    if folder not in tuple("0123456789"):
        raise DataError(f"{name}: expected a folder named 0 to 9, got {folder!r}.")
    if entry.file_size > MAX_BYTES:
        raise DataError(f"{name} is larger than 5 MB; it should be a picture of 28 x 28 pixels.")
    try:
        content = archive.read(entry)
    except (RuntimeError, NotImplementedError) as error:  # locked by a password, or packed in a way of its own
        raise DataError(f"{name} cannot be unpacked ({error}). Pack the pictures again without a password.") from error
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
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
    """Each digit as <label>/<number>.png."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # PNG is packed in itself
        for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
            picture = io.BytesIO()
            Image.fromarray(image).save(picture, "PNG")
            archive.writestr(zipfile.ZipInfo(f"{label}/{number:06}.png", THE_DAY), picture.getvalue())
    return packed.getvalue()


def labels_path(path: Path) -> Path:
    """The name of the labels that go with an IDX file of images."""
    return path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))

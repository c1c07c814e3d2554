"""Exchange: what is exported comes back byte for byte, and a bad file is a sentence that says where
it is bad.
"""

import gzip
import io
import zipfile
import zlib
from base64 import b64encode
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset import DataError, append_drawings, drawings_file, drawings_history, edit_drawings, load_drawings
from dataset.csv_format import is_number, read_csv
from dataset.drawings import NewDrawing, drawing_storage, open_storage
from dataset.drawings.csv_rows import HEADER
from dataset.drawings.exchange import export_drawings, import_drawings, neutral, original
from dataset.transfer import move
from tests.digit_files import csv_lines, images_of, labels_of, write_csv, write_idx
from tests.made_drawings import append

NAMES = ("mine.csv", "mine.csv.gz", "mine.zip", "mine-images-idx3-ubyte", "mine-images.idx3-ubyte.gz")


def elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DRAWINGS", str(folder / "elsewhere" / "drawings.csv"))


@pytest.mark.parametrize("name", NAMES)
def test_export_then_import_then_export_gives_the_same_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = append(12)
    append_drawings([NewDrawing(image=images_of(1)[0], label=0, strokes='{"objects":[]}')])  # a double of the first
    edit_drawings(ids[3:5], label=9)
    edit_drawings(ids[5:6], state="set aside")
    before = load_drawings().kept
    assert export_drawings(tmp_path / name) == 12
    elsewhere(tmp_path, monkeypatch)
    assert import_drawings(tmp_path / name) == 12
    assert import_drawings(tmp_path / name) == 0
    np.testing.assert_array_equal(load_drawings().digits.images, before.images)
    np.testing.assert_array_equal(load_drawings().digits.labels, before.labels)
    (tmp_path / "again").mkdir()
    assert export_drawings(tmp_path / "again" / name) == 12
    for file in (tmp_path / "again").iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()
    assert drawings_history()[0].action == f"imported from {name}"


def test_a_csv_file_carries_all_that_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(60, session="")
    strokes = '{"objects":[1,2,3]}'
    append_drawings([NewDrawing(image=images_of(1)[0], label=0, strokes=strokes, source="uploaded", confidence=0.5)])
    before = load_drawings()
    export_drawings(tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").read_bytes() == drawings_file().read_bytes()
    elsewhere(tmp_path, monkeypatch)
    import_drawings(tmp_path / "mine.csv")
    after = load_drawings()
    for name in ("id", "time", "predicted", "confidence", "model", "session", "source", "is_held_out", "duplicate_of"):
        assert getattr(after, name).tolist() == getattr(before, name).tolist()
    assert list(after.strokes) == list(before.strokes)
    assert after.strokes[-1] == strokes


def test_sessions_are_in_no_export_and_a_visitor_stays_a_visitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(1, session="visitor-0123456789")
    append(1, first=1, session="abcdefabcdef")
    for name in (*NAMES, "my.csv.gz"):
        export_drawings(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        content = gzip.decompress(content) if name.endswith(".gz") else content
        assert not any(session in content for session in (b"0123456789", b"abcdefabcdef"))
    elsewhere(tmp_path, monkeypatch)
    import_drawings(tmp_path / "my.csv.gz")
    assert load_drawings().session.tolist() == ["visitor-", ""]
    export_drawings(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == gzip.decompress((tmp_path / "my.csv.gz").read_bytes())


FORMULAS = ["=cmd|' /C calc'!A0", "@SUM(1)", "+x", "-x", "=" * 100, "'=x", "''@x", "'-5", "\t=x", "\r@x", " =x"]
HARMLESS = ["-5", "+0.5", "5", "a=b", "'a", "a@b"]


def test_no_export_has_a_cell_that_a_spreadsheet_runs_and_an_import_restores_every_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*FORMULAS, *HARMLESS]
    about = [
        {"id": f"{text}{place}", "time": text, "predicted": text, "confidence": text, "model": text}
        for place, text in enumerate(texts)
    ]
    images = images_of(len(texts))
    append_drawings([NewDrawing(image=image, label=1, **of) for image, of in zip(images, about, strict=True)])
    export_drawings(tmp_path / "mine.csv")
    cells = [cell for line in (tmp_path / "mine.csv").read_text().splitlines() for cell in line.split(",")]
    assert all(is_number(cell) for cell in cells if cell.startswith(("=", "@", "+", "-")))
    with drawing_storage().reading() as log:
        before = list(log.drawings.values())
    assert [drawing.model for drawing in before] == [text.strip() for text in texts]
    elsewhere(tmp_path, monkeypatch)
    import_drawings(tmp_path / "mine.csv")
    with drawing_storage().reading() as log:
        assert list(log.drawings.values()) == before
    export_drawings(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "mine.csv").read_bytes()


def test_a_text_for_export_is_no_formula_and_comes_back() -> None:
    for length in range(6):
        for signs in product("'=+-@5a", repeat=length):
            text = "".join(signs)
            written = neutral(text)
            assert not written.startswith(("=", "@", "+", "-")) or is_number(written)
            assert original(written) == text


def test_an_export_may_be_gzipped_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(3)
    (tmp_path / "mine.csv.gz").write_bytes(gzip.compress(drawings_file().read_bytes()))
    elsewhere(tmp_path, monkeypatch)
    assert import_drawings(tmp_path / "mine.csv.gz") == 3


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_exported_as_nothing(name: str, tmp_path: Path) -> None:
    assert export_drawings(tmp_path / name) == 0


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    append(1)
    for name in ("mine.csv", "your-labels-idx1-ubyte"):
        (tmp_path / name).write_text("precious")
    with pytest.raises(DataError, match=r"mine\.csv exists already"):
        export_drawings(tmp_path / "mine.csv")
    with pytest.raises(DataError, match="your-labels-idx1-ubyte exists already"):
        export_drawings(tmp_path / "your-images-idx3-ubyte")
    assert not (tmp_path / "your-images-idx3-ubyte").exists()
    with pytest.raises(DataError, match=r"The name mine\.xls has no known format\. Give drawings\.csv"):
        export_drawings(tmp_path / "mine.xls")
    with pytest.raises(DataError, match="cannot be written: No such file"):
        export_drawings(tmp_path / "nowhere" / "mine.csv")


def test_digits_of_any_csv_file_are_imported_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "kaggle.csv", csv_lines(12))
    assert import_drawings(path) == 12
    assert import_drawings(path) == 0
    drawings = load_drawings()
    np.testing.assert_array_equal(drawings.digits.images, images_of(12))
    assert set(drawings.source) == {"imported"}
    assert set(drawings.predicted) == {-1}


def test_what_a_strange_file_says_of_its_drawings_does_no_harm(tmp_path: Path) -> None:
    rows = csv_lines(3)[1:]
    bomb = b64encode(zlib.compress(bytes(100_000_000))).decode()
    about = [["x" * 30_000, *[""] * 7, bomb[:30_000]], ["2", "\x00\x07", *[""] * 6, bomb], ["3", *[""] * 7, "!?"]]
    lines = [",".join([row, *words, "imported"]) for row, words in zip(rows, about, strict=True)]
    assert import_drawings(write_csv(tmp_path / "strange.csv", [HEADER, *lines])) == 3
    drawings = load_drawings()
    assert drawings.id.tolist() == ["x" * 100, "2", "3"]
    assert list(drawings.strokes) == [""] * 3
    assert len(read_csv(drawings_file())[1]) == 3


def archive(path: Path, *entries: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in entries:
            packed.writestr(name, data)
    return path


def png(image: np.ndarray, mode: str = "L") -> bytes:
    picture = io.BytesIO()
    Image.fromarray(image).convert(mode).save(picture, "PNG")
    return picture.getvalue()


def test_pictures_packed_by_other_programs_are_imported(tmp_path: Path) -> None:
    picture = images_of(1)[0]
    path = archive(
        tmp_path / "mine.zip",
        ("digits/", b""),
        ("digits/7/a.png", png(picture)),
        ("digits/3/b.png", png(picture, "RGB")),
        ("__MACOSX/digits/7/._a.png", b"nothing"),
        ("digits/.DS_Store", b"nothing"),
    )
    assert import_drawings(path) == 2
    assert load_drawings().digits.labels.tolist() == [7, 3]
    np.testing.assert_array_equal(load_drawings().digits.images, [picture, picture])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([csv_lines(2)[0], csv_lines(2)[1] + ",1"], "other.csv line 2: expected 785 values, got 786"),
        ([line.partition(",")[2] for line in csv_lines(2)], r"other.csv has no labels. Add a column named label"),
        ([HEADER, "1,2,3"], "other.csv line 2: expected 795 values, got 3"),
    ],
    ids=["damaged", "unlabelled", "damaged drawings"],
)
def test_a_csv_file_with_a_problem_is_not_imported_at_all(tmp_path: Path, lines: list[str], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        import_drawings(write_csv(tmp_path / "other.csv", lines))
    assert not drawings_file().exists()


GOOD = ("7/good.png", png(images_of(1)[0]))
BAD_ENTRIES = {
    "folder": (("seven/a.png", GOOD[1]), r"bad.zip: seven/a.png: expected a folder named 0 to 9, got 'seven'"),
    "no folder": (("a.png", GOOD[1]), "bad.zip: a.png: expected a folder named 0 to 9, got ''"),
    "size": (("7/a.png", png(np.zeros((280, 140), np.uint8))), "expected a picture of 28 x 28 pixels, got 140 x"),
    "no picture": (("7/a.txt", b"seven"), "bad.zip: 7/a.txt is not an image"),
    "damaged": (("7/a.png", GOOD[1][:300]), "bad.zip: 7/a.png is a damaged image"),
    "colours": (("7/a.png", png(np.eye(28, dtype=np.uint8)[..., None] * np.uint8([9, 0, 9]), "RGB")), "got colours"),
    "large": (("7/a.png", bytes(5_000_001)), "bad.zip: 7/a.png is larger than 5 MB"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_ENTRIES)
def test_an_archive_with_a_bad_entry_is_not_imported_at_all(kind: str, tmp_path: Path) -> None:
    entry, reason = BAD_ENTRIES[kind]
    with pytest.raises(DataError, match=reason):
        import_drawings(archive(tmp_path / "bad.zip", GOOD, entry))
    assert not drawings_file().exists()


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_entry_is_named_however_it_is_packed(packed: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", packed) as made:
        made.writestr("7/a.bmp", GOOD[1] * 20)
    content = (tmp_path / "bad.zip").read_bytes()
    (tmp_path / "BAD.ZIP").write_bytes(content[:60] + bytes(40) + content[100:])
    with pytest.raises(DataError, match=r"BAD\.ZIP: 7/a\.bmp is damaged .* Get the archive again"):
        import_drawings(tmp_path / "BAD.ZIP")


def test_what_is_no_archive_or_no_pair_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "words.zip").write_text("words")
    with pytest.raises(DataError, match=r"words\.zip is damaged \(File is not a zip file\)"):
        import_drawings(tmp_path / "words.zip")
    with pytest.raises(DataError, match=r"empty\.zip holds no pictures"):
        import_drawings(archive(tmp_path / "empty.zip"))
    whole = archive(tmp_path / "whole.zip", GOOD).read_bytes()
    (tmp_path / "flipped.zip").write_bytes(whole.replace(whole[100:110], bytes(10)))
    with pytest.raises(DataError, match=r"flipped\.zip"):
        import_drawings(tmp_path / "flipped.zip")
    write_idx(tmp_path / "a-images-idx3-ubyte", images_of(3))
    with pytest.raises(DataError, match=r"no labels\. Put a-labels-idx1-ubyte beside it"):
        import_drawings(tmp_path / "a-images-idx3-ubyte")
    write_idx(tmp_path / "a-labels-idx1-ubyte", labels_of(4))
    with pytest.raises(DataError, match="expected 3 labels"):
        import_drawings(tmp_path / "a-images-idx3-ubyte")
    with pytest.raises(DataError, match="cannot be read"):
        import_drawings(tmp_path / "nowhere.zip")
    assert not drawings_file().exists()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("mysql://localhost/digits", "Drawings cannot be stored in mysql. Give a database of PostgreSQL or SQLite"),
        ("nonsense", "is not an address of a database. Write it like postgresql"),
        ("postgresql://me:secret@host:port/digits", "The address of the postgresql database is malformed"),
        ("postgresql://me:secret@127.0.0.1:1/digits", r"postgresql://me:\*\*\*@127.0.0.1:1/digits cannot be reached"),
        ("postgres://me:secret@127.0.0.1:1/digits", r"postgresql://me:\*\*\*@127.0.0.1:1/digits cannot be reached"),
        ("sqlite://", "sqlite:// names no file"),
        ("sqlite:////nowhere/at/all.db", "cannot be reached: unable to open database file"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence_without_its_password(
    address: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DATABASE", address)
    with pytest.raises(DataError, match=reason) as problem:
        append(1)
    assert "secret" not in str(problem.value)
    with pytest.raises(DataError, match=reason):
        load_drawings()
    open_storage.cache_clear()


def test_moving_to_a_place_that_cannot_be_leaves_all_as_it_is(tmp_path: Path) -> None:
    append(1)
    with pytest.raises(DataError, match="cannot be reached"):
        move("sqlite:////nowhere/at/all.db")
    for name in ("mine.log", "label_corrections.csv"):
        with pytest.raises(DataError, match=f"{name} cannot be a file of drawings"):
            move(str(tmp_path / name))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot be written"):
        move(str(tmp_path / "file" / "drawings.csv"))
    assert len(load_drawings().digits) == 1
    open_storage.cache_clear()

"""Drawings: stored once and never lost, changed and changed back, in each of the places where they
may live.
"""

import json
import signal
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from dataset import (
    DataError,
    Drawings,
    NewDrawing,
    append_drawing,
    append_drawings,
    count_by_digit,
    drawings_history,
    drawings_version,
    edit_drawings,
    load_drawings,
    undo_change,
    undo_drawing,
)
from dataset.drawings import drawing_storage, drawings_file, editing, open_storage
from dataset.drawings.editing import MANY
from dataset.drawings.log import Log, pack
from dataset.drawings.near_duplicates import NearDuplicates, with_arrivals
from dataset.drawings.preparation import Comparison, prepare_drawings
from dataset.transfer import move
from tests.digit_files import images_of, labels_of
from tests.made_digits import made_digits
from tests.made_drawings import append, forget, program

pytest_plugins = ["tests.postgres", "tests.storages"]
pytestmark = pytest.mark.usefixtures("home")


def as_another_program_sees_it(version: str | None = None, *, deleted: bool = False) -> Drawings:
    """Read anew: nothing is remembered."""
    forget()
    return load_drawings(version, deleted=deleted)


def facts(drawings: Drawings) -> list[tuple[str, int, str, bool, str, bytes]]:
    """Everything about each drawing that can matter."""
    columns = (drawings.id, drawings.digits.labels, drawings.state, drawings.is_held_out, drawings.duplicate_of)
    return [
        (*(column[row].item() for column in columns), drawings.digits.images[row].tobytes())  # type: ignore[misc]
        for row in range(len(drawings.id))
    ]


def test_a_drawing_is_read_back_pixel_for_pixel_with_all_that_is_known_of_it() -> None:
    ids = append(12)
    for drawings in (load_drawings(), as_another_program_sees_it()):
        np.testing.assert_array_equal(drawings.digits.images, images_of(12))
        np.testing.assert_array_equal(drawings.digits.labels, labels_of(12))
        assert drawings.id.tolist() == ids
        assert set(drawings.predicted) == {7}
        assert set(drawings.confidence) == {0.25}
        assert (drawings.model[0], drawings.session[0]) == ("shipped", "s")
        assert (drawings.source[0], drawings.state[0]) == ("drawn", "kept")
        assert drawings.time[0].endswith("Z")
        assert drawings.damaged == 0


def test_strokes_come_back_as_the_canvas_had_them() -> None:
    strokes = {"version": "4.4.0", "objects": [{"type": "path", "path": [["M", 1.5, 2], ["Q", 3, 4, 5, 6.25]]}]}
    (image,) = images_of(1)
    about = {"predicted": 1, "confidence": 0.5, "model": "m", "session": "s"}
    append_drawing(image, 3, **about, strokes=json.dumps(strokes))  # type: ignore[arg-type]
    append_drawing(image, 3, **about, strokes=json.dumps(list(np.random.default_rng(0).random(20_000))))  # type: ignore[arg-type]
    first, endless = as_another_program_sees_it().strokes
    assert json.loads(first) == strokes
    assert endless == ""


LONG = {"objects": [{"type": "path", "path": [["M", 1, 2]] * 40_000}]}  # packs to a few hundred characters


def test_strokes_that_unpack_to_too_much_are_not_stored() -> None:
    for strokes in (json.dumps(LONG), json.dumps("x" * 15_000_000)):
        append_drawings([NewDrawing(image=images_of(1)[0], label=3, strokes=strokes)])
    with drawing_storage().reading() as log:
        assert [drawing.strokes for drawing in log.drawings.values()] == ["", ""]


def test_strokes_that_an_earlier_version_stored_are_unpacked_one_at_a_time_and_only_so_far() -> None:
    short, bomb = pack(b'{"objects":[]}'), pack(bytes(15_000_000))
    assert len(bomb) < 40_000
    storage = drawing_storage()
    with storage.writing() as log:
        new = [NewDrawing(image=image, label=3) for image in images_of(20)]
        prepared = [
            (replace(drawing, strokes=bomb if place % 2 else short), ink)
            for place, (drawing, ink) in enumerate(prepare_drawings(log, new))
        ]
        storage.write(log.next_line("stored", stored=prepared))
    drawings = load_drawings()
    tracemalloc.start()
    try:
        assert [drawings.strokes[row] for row in range(20)] == ['{"objects":[]}', ""] * 10
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def with_copies(count: int, first: int = 0) -> list[NewDrawing]:
    """Drawings of which every other one is a near-duplicate of the one before."""
    images = images_of(first + count)[first:].copy()
    images[1::2] = images[::2][: len(images) // 2]
    images[1::2, 0, 0] ^= 1
    return [NewDrawing(image=image, label=place % 10, id=f"{first}-{place}") for place, image in enumerate(images)]


def test_an_import_does_not_lock_the_storage_while_it_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawings stored meanwhile are found as near-duplicates all the same."""
    compare, images = editing.compare, images_of(MANY + 2)

    def slow_compare(log: Log, new: Sequence[NewDrawing]) -> Comparison:
        found = compare(log, new)
        with ThreadPoolExecutor(1) as other:  # would wait for ever if this thread held the lock
            assert other.submit(append_drawing, images[1], 1, id="meanwhile").result(timeout=20) == "meanwhile"
        return found

    append_drawing(images[0], 0, id="before")
    monkeypatch.setattr(editing, "compare", slow_compare)
    new = [
        NewDrawing(image=images[0], label=0),
        NewDrawing(image=images[1], label=1),
        NewDrawing(image=images[0], label=0),
    ]
    new += [NewDrawing(image=image, label=2) for image in images[2 : MANY + 2]]
    append_drawings(new)
    drawings = load_drawings()
    assert drawings.id[:2].tolist() == ["before", "meanwhile"]
    assert drawings.duplicate_of[2:5].tolist() == ["before", "meanwhile", "before"]
    assert not drawings.duplicate_of[5:].any()


def test_an_import_of_which_a_part_was_stored_meanwhile_is_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    new, compare = with_copies(MANY), editing.compare

    def slow_compare(log: Log, drawings: Sequence[NewDrawing]) -> Comparison:
        found = compare(log, drawings)
        monkeypatch.setattr(editing, "compare", compare)
        append_drawings(new[:7])
        return found

    monkeypatch.setattr(editing, "compare", slow_compare)
    append_drawings(new)
    drawings = load_drawings()
    assert drawings.id.tolist() == [drawing.id for drawing in new]
    assert (drawings.duplicate_of[1::2] == drawings.id[::2]).all()


def test_comparing_only_what_came_meanwhile_gives_the_same_as_comparing_all() -> None:
    known = np.stack([drawing.image.reshape(-1) for drawing in with_copies(40)])
    new = np.concatenate([known[25:35], known[5:15], known[25:35]]) ^ 1
    everything = NearDuplicates().search(known, new)
    assert sum(map(len, everything)) > 60
    for compared in (0, 10, 30, 40):
        before = NearDuplicates().search(known[:compared], new)
        assert with_arrivals(before, known, new, compared=compared) == everything


def test_a_drawing_that_waits_for_review_does_not_rewrite_the_file() -> None:
    append(3)
    file = drawings_file()
    if not file.exists():
        pytest.skip("only a CSV file can be rewritten")
    before, size = file.stat().st_ino, file.stat().st_size
    append(2, first=3, state="waiting")
    assert (file.stat().st_ino, file.stat().st_size) == (before, size)
    append(1, first=5)
    assert file.stat().st_ino == before
    edit_drawings(load_drawings().id.tolist(), state="kept")
    assert as_another_program_sees_it().state.tolist() == ["kept"] * 6


def test_before_the_first_drawing_there_is_nothing() -> None:
    assert len(load_drawings().digits) == count_by_digit().sum() == 0
    assert len(load_drawings().training) == len(load_drawings().held_out) == 0
    assert not undo_drawing("none")
    assert undo_change() is None
    assert edit_drawings(["none"], state="deleted") is None
    assert (drawings_version(), drawings_history()) == ("0", [])
    assert append_drawings([]) == []


@pytest.mark.parametrize("word", ["a, b", 'say "7"', "two\nlines", "\r\n", "ø7️", "\udc80", "=1+1", "\x00"])
def test_no_word_can_break_a_drawing(word: str) -> None:
    append(1, model=word, session=word)
    append(1, first=1)
    drawings = as_another_program_sees_it()
    assert (len(drawings.digits), drawings.damaged) == (2, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": images_of(1)[0].astype(np.float32)}, "must be uint8"),
        ({"image": images_of(1)}, r"got uint8 \(1, 28, 28\)"),
        ({"label": 10}, "label must be 0 to 9, got 10"),
        ({"label": -1}, "label must be 0 to 9, got -1"),
        ({"source": "found"}, "drawn, uploaded, imported, got 'found'"),
        ({"state": "lost"}, "kept, waiting, set aside, deleted, got 'lost'"),
    ],
)
def test_what_is_no_drawing_is_refused_with_all_that_come_with_it(changes: dict[str, object], reason: str) -> None:
    good = NewDrawing(image=images_of(1)[0], label=3)
    with pytest.raises(DataError, match=reason):
        append_drawings([good, NewDrawing(**{"image": good.image, "label": 3, **changes})])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="label must be"):
        edit_drawings(["none"], label=11)
    with pytest.raises(DataError, match="got 'gone'"):
        edit_drawings(["none"], state="gone")
    assert drawings_history() == []


def test_every_fifth_drawing_of_each_digit_is_held_out_and_never_trained_on() -> None:
    append(60)
    append_drawings([NewDrawing(image=image, label=3) for image in images_of(10, seed=1)])
    drawings = as_another_program_sees_it()
    assert Counter(drawings.held_out.labels.tolist()) == {digit: 1 + 2 * (digit == 3) for digit in range(10)}
    assert drawings.is_held_out[:50].tolist() == [False] * 40 + [True] * 10
    seen = {image.tobytes() for image in drawings.training.images}
    assert len(seen) == len(drawings.training) == 70 - 12
    assert not any(image.tobytes() in seen for image in drawings.held_out.images)


def test_a_double_is_found_and_on_the_same_side_as_its_original() -> None:
    images = made_digits(60).images[:5]
    ids = append_drawings([NewDrawing(image=image, label=2) for image in images])
    nearly = images.copy()
    nearly[nearly > 0] -= 5
    again = append_drawings([NewDrawing(image=image, label=7) for image in (*images, *nearly)])
    drawings = as_another_program_sees_it()
    assert drawings.duplicate_of.tolist() == [""] * 5 + ids + ids
    assert drawings.is_held_out.tolist() == 3 * [False, False, False, False, True]
    edit_drawings([ids[0]], state="deleted")
    edit_drawings([again[0]], state="deleted")
    edit_drawings([again[5]], state="deleted")
    append_drawings([NewDrawing(image=images[0], label=2)])
    assert load_drawings().duplicate_of[-1] == ""


def test_only_what_is_kept_counts_and_is_trained_on() -> None:
    ids = append(10)
    append(1, first=10, state="waiting")
    edit_drawings(ids[:2], state="set aside")
    edit_drawings(ids[2:4], state="deleted")
    for drawings in (load_drawings(), as_another_program_sees_it()):
        assert drawings.kept.labels.tolist() == drawings.training.labels.tolist() == [4, 5, 6, 7, 8, 9]
        assert Counter(drawings.state.tolist()) == {"kept": 6, "set aside": 2, "waiting": 1}
    assert len(load_drawings(deleted=True).digits) == 11
    assert count_by_digit().tolist() == [0] * 4 + [1] * 6
    edit_drawings(ids, state="kept")
    assert as_another_program_sees_it().kept.labels.tolist() == list(range(10))
    np.testing.assert_array_equal(load_drawings().kept.images, images_of(10))


def test_many_are_changed_at_once_and_the_change_is_taken_back_as_one() -> None:
    ids = append(10)
    before = facts(load_drawings())
    change = edit_drawings([*ids[:6], "none"], label=5)
    assert change is not None
    assert (change.action, change.ids) == ("relabelled as 5", ids[:5])  # the sixth is a five already
    assert as_another_program_sees_it().digits.labels.tolist() == [5] * 6 + [6, 7, 8, 9]
    assert count_by_digit()[5] == 6
    assert edit_drawings(ids[:6], label=5) is None
    back = undo_change(change.number)
    assert back is not None
    assert back.took_back == change.number
    assert facts(as_another_program_sees_it()) == before
    assert undo_change(change.number) is None


def test_undoing_again_and_again_goes_back_to_the_beginning() -> None:
    ids = append(3)
    edit_drawings(ids, label=9)
    edit_drawings(ids[:1], state="deleted")
    labels = []
    while undo_change():
        labels.append(load_drawings().digits.labels.tolist())
    assert labels == [[9, 9, 9], [0, 1, 2], [0, 1], [0], []]
    assert len(load_drawings(deleted=True).digits) == 3


def test_what_was_changed_again_since_is_not_taken_back() -> None:
    ids = append(3)
    change = edit_drawings(ids, label=9)
    assert change is not None
    edit_drawings(ids[:1], label=4)
    undo_change(change.number)
    assert load_drawings().digits.labels.tolist() == [4, 1, 2]


def test_the_last_drawing_can_be_taken_back_by_its_id_once() -> None:
    ids = append(2)
    assert undo_drawing(ids[1])
    assert not any(undo_drawing(identity) for identity in (ids[1], "", "0" * 32))
    assert load_drawings().id.tolist() == ids[:1]


def test_every_earlier_version_can_be_rebuilt() -> None:
    seen = {drawings_version(): facts(load_drawings())}

    def remember() -> None:
        seen[drawings_version()] = facts(load_drawings())

    ids = append(6)
    remember()
    for changes in ({"state": "set aside"}, {"state": "deleted"}, {"label": 3}, {"state": "kept", "label": 4}):
        edit_drawings(ids[1:4], **changes)  # type: ignore[arg-type]
        remember()
    append_drawings([NewDrawing(image=image, label=8) for image in images_of(5, seed=3)])
    remember()
    undo_change()
    remember()
    assert len(seen) == 8
    for version, found in seen.items():
        assert facts(as_another_program_sees_it(version)) == found
        assert load_drawings(version).version == version


def test_a_version_that_never_was_is_a_sentence() -> None:
    append(1)
    with pytest.raises(DataError, match=r"no version '7-00000000' of the drawings; the present one is 1-"):
        load_drawings("7-00000000")


def test_history_says_what_was_done_when() -> None:
    ids = append(2)
    edit_drawings(ids, state="set aside")
    undo_change()
    history = drawings_history()
    assert [change.action for change in history] == ["stored", "stored", "set aside", "undone: set aside"]
    assert [len(change.ids) for change in history] == [1, 1, 2, 2]
    assert [change.number for change in history] == [1, 2, 3, 4]
    assert all(change.time.endswith("Z") for change in history)
    assert history[-1].version == drawings_version()


def test_what_another_program_did_is_seen(home: str) -> None:
    append(1)
    with program(5, 2) as other:
        assert other.stdout is not None
        ids = other.stdout.read().split()
    assert load_drawings().id[1:].tolist() == ids
    append(1, first=1)
    assert len(as_another_program_sees_it().digits) == 4
    elsewhere = open_storage.__wrapped__(home)
    with elsewhere.writing() as log:
        elsewhere.write(log.next_line("relabelled as 9", changes={ids[0]: {"label": 9}}))
    elsewhere.close()
    assert load_drawings().digits.labels.tolist() == [0, 9, 6, 1]


def test_drawings_that_were_put_in_place_of_others_are_seen(home: str, tmp_path: Path) -> None:
    append(3)
    forget()
    version = drawings_version()
    if home.endswith(".csv"):
        for path in tmp_path.glob("drawings.*"):
            path.unlink()
    else:
        with create_engine(home, poolclass=NullPool).begin() as connection:
            connection.execute(text("DELETE FROM drawing_log"))
    assert len(load_drawings().digits) == 0
    append(2, first=5)
    assert load_drawings().digits.labels.tolist() == [5, 6]
    with pytest.raises(DataError, match=version):
        load_drawings(version)


def test_many_threads_of_one_program_lose_nothing() -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = [identity for found in threads.map(lambda n: append(2, first=2 * n), range(20)) for identity in found]
    assert sorted(as_another_program_sees_it().id.tolist()) == sorted(ids)
    assert [change.number for change in drawings_history()] == list(range(1, 41))


@pytest.mark.slow
def test_twenty_programs_at_once_lose_nothing() -> None:
    programs = [program(50 * number, 50) for number in range(20)]
    written = [identity for other in programs for identity in other.communicate()[0].split()]
    assert all(other.returncode == 0 for other in programs)
    drawings = load_drawings()
    assert len(written) == len(set(written)) == len(drawings.id) == 1000
    assert set(drawings.id.tolist()) == set(written)
    assert drawings.damaged == 0
    numbers = drawings.session.astype(int)
    assert sorted(numbers) == list(range(1000))
    for number, label, image in zip(numbers, drawings.digits.labels, drawings.digits.images, strict=True):
        assert label == number % 10
        np.testing.assert_array_equal(image, np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8))
    assert count_by_digit().tolist() == [100] * 10
    assert np.bincount(drawings.held_out.labels, minlength=10).tolist() == [20] * 10


@pytest.mark.slow
def test_programs_killed_at_random_moments_leave_every_drawing_they_reported() -> None:
    reported: list[str] = []
    for number in range(6):
        with program(1000 * number, 1000) as other:
            assert other.stdout is not None
            reported.append(other.stdout.readline().strip())
            time.sleep(0.013 * number)
            other.send_signal(signal.SIGKILL)
            reported += other.stdout.read().split()
    drawings = load_drawings()
    assert set(reported) <= set(drawings.id.tolist())
    # one may be stored and its program killed before it says so
    assert len(drawings.id) <= len(reported) + 6


def test_drawings_move_there_and_back_and_every_byte_is_the_same(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGITS_DATABASE", raising=False)
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "from.csv"))
    ids = append(12)
    edit_drawings(ids[2:5], label=9)
    edit_drawings(ids[4:6], state="deleted")
    before, version = facts(load_drawings(deleted=True)), drawings_version()
    assert move(home) == (12, 0)
    append(1, first=12)
    assert move(home) == (13, 0)  # what has come since
    monkeypatch.setenv("DIGITS_DRAWINGS" if home.endswith(".csv") else "DIGITS_DATABASE", home)
    assert facts(load_drawings(version, deleted=True)) == before
    assert move(str(tmp_path / "back.csv")) == (13, 0)
    for ending in (".csv", ".log"):
        assert (tmp_path / f"back{ending}").read_bytes() == (tmp_path / f"from{ending}").read_bytes()
    with pytest.raises(DataError, match=r"are in .+ already"):
        move(home)
    append(1, first=20)
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "other.csv"))
    monkeypatch.delenv("DIGITS_DATABASE", raising=False)
    append(1)
    with pytest.raises(DataError, match="has other drawings already"):
        move(home)


def test_the_name_of_a_place_is_no_secret(home: str) -> None:
    assert drawing_storage().name == home

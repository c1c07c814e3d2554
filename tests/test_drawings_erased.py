"""Erased drawings: their content leaves the log for ever, and everything else stays as it was."""

import json
from pathlib import Path

import numpy as np
import pytest

from dataset import DataError, NewDrawing, append_drawings, drawings_history, load_drawings, undo_change
from dataset.drawings import drawing_storage, drawings_file, edit_drawings, erase_drawings, log
from dataset.transfer import move
from tests.digit_files import images_of
from tests.made_drawings import append, forget

pytest_plugins = ["tests.postgres", "tests.storages"]
pytestmark = pytest.mark.usefixtures("home")
SECRET = {"model": "known by its model", "strokes": json.dumps({"objects": ["known by its strokes"]})}


def stored() -> list[str]:
    """Two entries of one drawing, one entry of three, and a change of the label of all."""
    ids = append(2, session="visitor-1", **SECRET)
    many = [NewDrawing(image=image, label=5, session="visitor-1", **SECRET) for image in images_of(5)[2:]]
    ids += append_drawings(many)
    edit_drawings(ids, label=9)
    return ids


def test_the_content_of_an_erased_drawing_is_nowhere_any_more() -> None:
    ids = stored()
    packed = [log.pack(image.tobytes()) for image in images_of(5)]
    assert erase_drawings([ids[0], ids[3], "none"], "by a test") == 2
    text = "\n".join(drawing_storage().lines())
    file = drawings_file().read_text() if drawings_file().exists() else ""
    assert [part in text for part in packed] == [False, True, True, False, True]
    assert [identity in file for identity in ids] == ([False, True, True, False, True] if file else [False] * 5)
    for _ in range(2):
        drawings = load_drawings(deleted=True)
        assert drawings.id.tolist() == [ids[1], ids[2], ids[4]]
        np.testing.assert_array_equal(drawings.digits.images, images_of(5)[[1, 2, 4]])
        assert set(drawings.digits.labels) == {9}
        forget()  # then as another program sees it
    last = drawings_history()[-1]
    assert (last.action, last.ids) == ("erased: by a test", [ids[0], ids[3]])


def test_versions_keep_their_names_and_lose_only_what_was_erased() -> None:
    ids = stored()
    versions = [entry.version for entry in drawings_history()]
    erase_drawings(ids[:1], "by a test")
    assert [entry.version for entry in drawings_history()][:-1] == versions
    assert load_drawings(versions[2]).id.tolist() == ids[1:]
    assert load_drawings(versions[0]).id.tolist() == []


def test_an_erasure_is_not_undone_and_the_change_before_it_is() -> None:
    ids = stored()
    erase_drawings(ids[:1], "by a test")
    undone = undo_change()
    assert undone is not None
    assert undone.ids == ids[1:]
    assert undo_change(len(drawings_history()) - 1) is None
    assert load_drawings(deleted=True).id.tolist() == ids[1:]


def test_an_interrupted_erasure_is_completed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, storage = stored(), drawing_storage()
    with monkeypatch.context() as patch:
        patch.setattr(type(storage), "rewrite", lambda *_: None)
        erase_drawings(ids[:1], "by a test")
    assert load_drawings(deleted=True).id.tolist() == ids[1:]
    forget()
    assert load_drawings(deleted=True).id.tolist() == ids[1:]
    erase_drawings(ids[1:2], "by a test")
    text = "\n".join(drawing_storage().lines())
    assert not any(log.pack(image.tobytes()) in text for image in images_of(2))


def test_a_log_with_erased_drawings_moves_and_is_still_protected(tmp_path: Path) -> None:
    ids = stored()
    erase_drawings(ids[:2], "by a test")
    move(str(tmp_path / "copy" / "drawings.csv"))
    copied = (tmp_path / "copy" / "drawings.log").read_text()
    assert copied.splitlines() == drawing_storage().lines()
    with pytest.raises(ValueError, match="damaged"):
        log.Log().append(copied.splitlines()[0].replace('"id":"', '"id":"x'))


def test_drawings_stored_after_an_erasure_are_compared_with_the_others() -> None:
    ids = stored()
    erase_drawings(ids[:1], "by a test")
    again = append_drawings([NewDrawing(image=image, label=1) for image in images_of(2)])
    drawings = load_drawings()
    assert drawings.id.tolist() == [*ids[1:], *again]
    assert drawings.duplicate_of[-2:].tolist() == ["", ids[1]]


def test_nothing_is_erased_by_an_id_that_is_not_there() -> None:
    stored()
    before = drawing_storage().lines()
    assert erase_drawings(["none"], "by a test") == 0
    assert drawing_storage().lines() == before
    with pytest.raises(DataError, match="There is no version"):
        load_drawings("99-00000000")

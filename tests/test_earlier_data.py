"""Data made by an earlier version: every file in tests/fixtures opens, and work on it goes on."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset import (
    append_drawing,
    drawings_history,
    edit_drawings,
    load_digits,
    load_drawings,
    undo_change,
)
from dataset.corrections import correct_label, image_hashes, load_corrections
from experiments.fine_tuning import accept_fine_tuning, open_fine_tuning, read_result
from experiments.range_test import config_tested, open_range_test, read_range_test
from experiments.runs.config import RunConfig
from experiments.runs.trash import deleted_sweeps, restore_sweep
from experiments.sweeps import open_sweep
from model import load_checkpoint, load_classifier
from tests.made_drawings import forget

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
CLOSE = 2  # images that another processor may read otherwise, because it rounds otherwise
Digits = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def earlier(tmp_path: Path) -> Iterator[Path]:
    """A copy of the fixtures at the places where tests/conftest.py lets runs and drawings live."""
    shutil.copytree(FIXTURES, tmp_path, dirs_exist_ok=True)
    for folder in EXPECTED["empty_folders"]:  # Git stores none
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    yield tmp_path
    forget()


@pytest.fixture(params=["csv", "sqlite"])
def drawings(request: pytest.FixtureRequest, earlier: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the earlier version had stored, in its file and in its database."""
    if request.param == "csv":
        return dict(EXPECTED["drawings"])
    monkeypatch.setenv("DIGITS_DATABASE", f"sqlite:///{earlier / 'drawings.db'}")
    return dict(EXPECTED["database"])


def as_json(digits: Digits, *arguments: object) -> dict[str, Any]:
    """The object that a command prints with --json; the command must succeed."""
    status, out, err = digits(*arguments, "--json")
    assert status == 0, err
    return dict(json.loads(out))


def listing(digits: Digits, *options: object) -> dict[str, dict[str, Any]]:
    """All runs that `digits runs` lists, by id."""
    return {row["id"]: row for row in as_json(digits, "runs", "--limit", 0, *options)["runs"]}


def history(run: Path) -> list[list[str]]:
    """The rows of a run's history.csv, without the head, without what depends on the machine's
    speed.
    """
    return [line.split(",")[:8] for line in (run / "history.csv").read_text().splitlines()[1:]]


def folder(earlier: Path, which: str) -> Path:
    """The folder of a run by its name in expected.json."""
    return earlier / "runs" / str(EXPECTED[which]["id"])


def arrays(path: Path) -> dict[str, bytes]:
    checkpoint = load_checkpoint(path)
    return {name: array.tobytes() for name, array in (checkpoint.weights | checkpoint.state).items()}


# Runs


def test_every_run_is_listed_as_before(digits: Digits) -> None:
    now = listing(digits)
    assert list(now) == [row["id"] for row in EXPECTED["listing"]]
    for row in EXPECTED["listing"]:
        found = now[row["id"]]
        assert {key: found[key] for key in row} == row


def test_the_label_of_a_run_is_read_and_its_star_filtered(digits: Digits) -> None:
    (row,) = listing(digits, "--filter", "starred=true").values()
    assert row["id"] == EXPECTED["finished"]["id"]
    assert (row["name"], row["note"]) == ("my first run", "Looks good.\nTry more units.")


@pytest.mark.parametrize("which", ["finished", "lesson"])
def test_the_model_of_an_earlier_run_reads_digits_as_before(digits: Digits, which: str) -> None:
    run, expected = EXPECTED[which]["id"], EXPECTED[which]["test"]
    found = as_json(digits, "test", "--run", run, "--data", "mnist-5k", "--split", "validation")
    assert found["total"] == expected["total"]
    assert abs(found["correct"] - expected["correct"]) <= CLOSE


def test_a_finished_run_is_not_trained_again_but_continued_in_a_new_one(digits: Digits, earlier: Path) -> None:
    run, rows = EXPECTED["finished"]["id"], history(folder(earlier, "finished"))
    status, out, _ = digits("resume", run)
    assert (status, "there is nothing to resume" in out) == (0, True)
    assert history(folder(earlier, "finished")) == rows
    options = ("--data", "mnist-5k", "--set", "hidden=8", "--set", "training_images=200", "--epochs", 2)
    assert as_json(digits, "train", "--from", run, *options)["state"] == "finished"


def test_a_run_that_was_stopped_by_hand_goes_on_with_its_drawings_and_label_corrections(
    digits: Digits, earlier: Path
) -> None:
    before, run = EXPECTED["stopped"], folder(earlier, "stopped")
    rows = history(run)
    assert len(rows) == before["history_rows"]
    found = as_json(digits, "resume", before["id"])
    assert (found["state"], found["step"]) == ("finished", before["total_steps"])
    assert history(run)[: len(rows)] == rows
    config = json.loads((run / "config.json").read_text())
    assert config["drawings_version"] == before["drawings_version"]
    assert config["label_corrections"] == before["label_corrections"]
    status = json.loads((run / "status.json").read_text())
    assert [list(change) for change in status["changes"]] == before["changes"]


def test_a_killed_run_is_interrupted_and_its_history_goes_beyond_its_checkpoint(digits: Digits, earlier: Path) -> None:
    before, run = EXPECTED["killed"], folder(earlier, "killed")
    assert listing(digits)[run.name]["state"] == "interrupted"
    rows = load_checkpoint(run / "last.npz").about["history_rows"]
    assert (rows, len(history(run))) == (before["checkpoint_rows"], before["history_rows"])
    assert rows < len(history(run))


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_nobody_disturbed(digits: Digits, earlier: Path) -> None:
    before, run = EXPECTED["killed"], folder(earlier, "killed")
    whole = _train_alike(digits, run)
    kept = history(run)[: before["checkpoint_rows"]]
    found = as_json(digits, "resume", run.name)
    assert (found["state"], found["step"]) == ("finished", before["total_steps"])
    assert history(run)[: len(kept)] == kept
    assert [row[0] for row in history(run)] == [row[0] for row in history(whole)]
    if history(whole)[: len(kept)] == kept:  # this processor rounds as the one that trained the first part
        assert history(run) == history(whole)
        assert arrays(run / "last.npz") == arrays(whole / "last.npz")
        assert arrays(run / "best.npz") == arrays(whole / "best.npz")
    else:
        other = json.loads((whole / "status.json").read_text())
        assert found["validation_accuracy"] == pytest.approx(other["validation_accuracy"], abs=0.1)


def _train_alike(digits: Digits, run: Path) -> Path:
    """A run with the same config, trained without interruption; -> its folder."""
    fresh = RunConfig().to_dict()
    config = RunConfig.from_dict(json.loads((run / "config.json").read_text())).to_dict()
    texts = {key: ",".join(map(str, value)) if isinstance(value, list) else value for key, value in config.items()}
    options = [f"--set={key}={texts[key]}" for key in config if config[key] != fresh.get(key) and key != "data"]
    return Path(as_json(digits, "train", "--data", config["data"], *options)["folder"])


def test_a_deleted_run_comes_back(digits: Digits, earlier: Path) -> None:
    run = EXPECTED["deleted"]["id"]
    assert run not in listing(digits)
    assert digits("runs", "--restore", run)[0] == 0
    row, before = listing(digits)[run], EXPECTED["deleted"]["result"]
    assert (row["state"], row["name"]) == ("finished", "deleted")
    assert row["last_accuracy"] == before["validation_accuracy"]
    assert not (earlier / "runs" / ".deleted" / run).exists()


# Fine-tuning and range tests


def test_a_fine_tuned_model_that_nobody_has_decided_on_is_taken_over(digits: Digits) -> None:
    before = EXPECTED["undecided_lesson"]
    run = open_fine_tuning(before["id"])
    lesson = read_result(run)
    assert lesson is not None
    assert lesson.refusal == before["refusal"] == ""
    for name in ("corrected", "held_out", "old"):
        score = getattr(lesson, name)
        assert [score.before, score.after, score.total] == [
            before["lesson"][name][k] for k in ("before", "after", "total")
        ]
    assert [list(answer) for answer in lesson.answers] == before["lesson"]["answers"]
    accept_fine_tuning(run)
    assert before["id"] in listing(digits)


def test_a_fine_tuned_model_learns_again(digits: Digits) -> None:
    before = EXPECTED["lesson"]["result"]
    status, out, err = digits("learn", "--run", before["run"], "--json")
    assert status in (0, 1), err  # 1: the new weights are worse
    found = json.loads(out)
    for name in ("corrected_drawings", "held_out_drawings", "old_digits"):
        assert found[name]["total"] == before[name]["total"]
    assert abs(found["old_digits"]["before"] - before["old_digits"]["after"]) <= CLOSE


def test_a_range_test_is_read_as_before() -> None:
    before = EXPECTED["range_test"]
    run = open_range_test(before["id"])
    history = run.history()
    assert len(history) == before["points"]
    assert config_tested(run).hidden == (8,)
    found = read_range_test(history, run.config, diverged=run.stored().state == "diverged")
    for name in ("suggested", "suggested_low", "suggested_high", "diverges_at"):
        assert getattr(found, name) == before["result"][name]


# Sweeps


def sweep_trials(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Of each trial: number, settings, state, value, values and runs."""
    names = ("number", "params", "state", "value", "values", "runs")
    return [tuple(trial[name] for name in names) for trial in sorted(found["all"], key=lambda trial: trial["number"])]


def test_a_finished_sweep_has_its_trials(digits: Digits, earlier: Path) -> None:
    before = EXPECTED["finished_sweep"]
    found = as_json(digits, "sweep", earlier / "finished.toml")  # nothing is left to try
    assert (found["sweep"], found["state"], found["done"], found["pruned"]) == (
        *(before["sweep"], "finished", before["done"], before["pruned"]),
    )
    assert sweep_trials(found) == sweep_trials(before)
    runs = {run for trial in before["all"] for run in trial["runs"]}
    assert set(listing(digits, "--group", before["sweep"])) == runs


def test_a_killed_sweep_is_interrupted() -> None:
    before = EXPECTED["killed_sweep"]
    status = open_sweep(before["id"]).status()
    for name in ("state", "trials", "done", "running", "pruned", "failed", "epochs", "share"):
        assert getattr(status, name) == before["status"][name], name
    assert status.best is not None
    assert status.best.value == before["status"]["best"]["value"]


def test_a_deleted_sweep_comes_back_with_its_runs(digits: Digits) -> None:
    before = EXPECTED["deleted_sweep"]
    assert not listing(digits, "--group", before["id"])
    (deleted,) = deleted_sweeps()
    assert restore_sweep(deleted).id == before["id"]
    assert set(listing(digits, "--group", before["id"])) == {run for trial in before["trials"] for run in trial["runs"]}
    assert not deleted_sweeps()


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command `digits` in a process of its own: a sweep starts others."""
    line = [sys.executable, "-m", "experiments", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=120, cwd=FIXTURES.parents[1])


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_tries_nothing_twice(digits: Digits, earlier: Path) -> None:
    before = EXPECTED["killed_sweep"]
    over = [trial for trial in before["trials"] if trial["over"]]
    assert 0 < len(over) < before["status"]["trials"]
    done = json.loads(command("sweep", earlier / "killed.toml", "--workers", 2, "--json").stdout)
    assert (done["state"], done["done"] + done["pruned"]) == ("finished", before["status"]["trials"])
    found = sweep_trials(done)
    for trial in sweep_trials({"all": over}):
        assert trial in found
    for trial in before["trials"]:  # also those at work when it was killed keep their settings and runs
        assert found[trial["number"]][1] == trial["params"]
        assert set(trial["runs"]) <= set(found[trial["number"]][5])
    assert all(len(trial["runs"]) == 2 for trial in done["all"] if trial["state"] == "done")
    assert set(listing(digits, "--group", before["id"])) == {run for trial in done["all"] for run in trial["runs"]}


@pytest.mark.slow
def test_a_finished_sweep_takes_more_trials(earlier: Path) -> None:
    before = EXPECTED["finished_sweep"]
    more = json.loads(command("sweep", earlier / "finished.toml", "--trials", 6, "--workers", 2, "--json").stdout)
    assert sweep_trials(more)[: len(before["all"])] == sweep_trials(before)
    assert more["done"] + more["pruned"] == 6


# Label errors


def test_ranked_label_errors_are_those_of_before_and_nothing_is_trained(digits: Digits, earlier: Path) -> None:
    before = EXPECTED["suspects"]
    answers = earlier / "runs" / ".suspects" / before["id"] / "answers.npz"
    changed, searches = answers.stat().st_mtime_ns, sorted(answers.parents[1].iterdir())
    found = as_json(digits, "data", "suspects", earlier / "digits.csv", "--limit", 10)
    assert [row["row"] for row in found["suspects"]] == [row["row"] for row in before["suspects"]]
    assert found["suspects"] == before["suspects"]
    assert (found["digits"], found["read_otherwise"]) == (before["digits"], before["read_otherwise"])
    assert answers.stat().st_mtime_ns == changed
    assert sorted(answers.parents[1].iterdir()) == searches  # no second search beside it


@pytest.mark.slow
def test_a_search_for_label_errors_goes_on_after_its_whole_networks(digits: Digits, earlier: Path) -> None:
    before = EXPECTED["suspects_left"]
    answers = earlier / "runs" / ".suspects" / before["id"] / "answers.npz"
    with np.load(answers) as file:
        assert int(file["networks"]) == before["networks"]
        first = file["answers"]
    judged = first.any(axis=1)
    status, out, err = digits("data", "suspects", earlier / "other.csv", "--json")
    assert status == 0, err
    assert "network 1 of" not in err
    assert len(json.loads(out)["suspects"]) == 20
    with np.load(answers) as file:
        assert int(file["networks"]) == 5
        expected = first[judged] / first[judged].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(file["answers"][judged], expected, rtol=1e-6)


# Drawings and label corrections


def as_stored() -> list[dict[str, Any]]:
    """The drawings as expected.json describes them."""
    found = load_drawings(deleted=True)
    return [
        {
            "id": str(found.id[row]),
            "label": int(found.digits.labels[row]),
            "state": str(found.state[row]),
            "held_out": bool(found.is_held_out[row]),
            "duplicate_of": str(found.duplicate_of[row]),
            "source": str(found.source[row]),
            "predicted": int(found.predicted[row]),
            "strokes": found.strokes[row],
        }
        for row in range(len(found.id))
    ]


def test_drawings_and_their_history_are_as_before(drawings: dict[str, Any]) -> None:
    assert load_drawings().version == drawings["version"]
    assert as_stored() == drawings["drawings"]
    assert load_drawings().kept.fingerprint == drawings["fingerprint_of_kept"]
    assert [[change.version, change.action] for change in drawings_history()] == drawings["history"]
    assert len({row["state"] for row in drawings["drawings"]}) == 3
    assert any(row["held_out"] for row in drawings["drawings"])
    assert any(row["duplicate_of"] for row in drawings["drawings"])


def test_drawings_of_an_earlier_version_are_loaded(drawings: dict[str, Any]) -> None:
    sizes = [len(load_drawings(version, deleted=True).id) for version, _ in drawings["history"]]
    assert sizes[-1] == len(drawings["drawings"])
    assert sizes == sorted(sizes)


def test_drawings_are_stored_changed_and_taken_back_after_those_of_before(drawings: dict[str, Any]) -> None:
    before = drawings["drawings"]
    image = load_digits("mnist-5k", "all").images[4444]
    new = append_drawing(image, 8, predicted=8, confidence=0.5, model="shipped", session="visitor0")
    near = append_drawing(
        *(load_drawings().digits.images[4], 3), predicted=3, confidence=0.5, model="shipped", session="visitor0"
    )
    edit_drawings([before[0]["id"]], label=9)
    assert undo_change() is not None
    found = as_stored()
    assert found[: len(before)] == before
    assert [row["id"] for row in found[len(before) :]] == [new, near]
    assert found[-1]["duplicate_of"] == before[4]["id"]
    assert found[-1]["held_out"] == before[4]["held_out"]
    assert [[c.version, c.action] for c in drawings_history()][: len(drawings["history"])] == drawings["history"]


def test_drawings_are_listed_and_exported(digits: Digits, drawings: dict[str, Any], tmp_path: Path) -> None:
    kept = sum(row["state"] == "kept" for row in drawings["drawings"])
    assert f"drawings ({kept} in " in digits("data", "list")[1]
    file = tmp_path / "exported.csv"
    assert digits("data", "export", file)[0] == 0
    assert digits("data", "check", file)[0] == 0
    assert sorted(load_digits(file, "all").labels.tolist()) == sorted(
        row["label"] for row in drawings["drawings"] if row["state"] == "kept"
    )


def test_a_damaged_row_that_was_set_aside_stays_there(earlier: Path) -> None:
    assert load_drawings().damaged == 0
    assert "not a pixel" in (earlier / "drawings.damaged.csv").read_text()
    assert "not a pixel" not in (earlier / "drawings.csv").read_text()


def test_label_corrections_are_as_before_and_take_more(
    digits: Digits, drawings: dict[str, Any], tmp_path: Path
) -> None:
    before = drawings["label_corrections"]
    found = load_corrections()
    assert found.version == before["version"]
    assert {image: [said.verdict, said.label] for image, said in found.by_image.items()} == before["of"]
    (image,) = image_hashes(load_digits("mnist-5k", "all").images[4444:4445])
    correct_label(image, "relabelled", given=8, label=3, session="visitor0")
    now = load_corrections()
    assert (now.by_image[image].label, len(now.by_image)) == (3, len(before["of"]) + 1)
    assert load_corrections(before["version"]).by_image == found.by_image
    folder = tmp_path / "export"
    folder.mkdir()
    assert digits("data", "export", folder / "label_corrections.csv")[0] == 0
    assert image in (folder / "label_corrections.csv").read_text()


def test_drawings_of_before_move_into_a_database(
    digits: Digits, earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"sqlite:///{earlier / 'new.db'}"
    assert digits("data", "move", address)[0] == 0
    monkeypatch.setenv("DIGITS_DATABASE", address)
    assert as_stored() == EXPECTED["drawings"]["drawings"]
    assert load_drawings().version == EXPECTED["drawings"]["version"]


def test_a_small_csv_file_is_whole(digits: Digits, earlier: Path) -> None:
    status, out, _ = digits("data", "check", earlier / "digits.csv")
    assert (status, f"{EXPECTED['suspects']['digits']} digits" in out) == (0, True)


# Checkpoints


@pytest.mark.parametrize("kind", EXPECTED["checkpoints"])
def test_a_checkpoint_of_each_kind_of_layer_is_opened_and_trained_on(digits: Digits, earlier: Path, kind: str) -> None:
    before, file = EXPECTED["checkpoints"][kind], earlier / "checkpoints" / f"{kind}.npz"
    classifier = load_classifier(file)
    assert classifier.fingerprint == before["fingerprint"]
    assert RunConfig.from_dict(classifier.settings) == RunConfig.from_dict(before["config"])
    images = load_digits("mnist-5k", "all").images[::500]
    np.testing.assert_allclose(classifier.predict_proba(images), before["probabilities"], atol=1e-4)
    found = as_json(digits, "test", "--model", file, "--data", "mnist-5k", "--split", "validation")
    assert found["total"] == before["total"]
    assert abs(found["correct"] - before["correct"]) <= CLOSE
    network = [f"--set=hidden={','.join(map(str, before['config']['hidden']))}"]
    if layers := before["config"]["image_layers"]:
        network += [f"--set=image_layers={', '.join(layers)}", "--set=batch_norm=true"]
    options = ("--data", "mnist-5k", "--set", "training_images=100", "--epochs", 1, *network)
    assert as_json(digits, "train", "--from", file, *options)["state"] == "finished"


def test_nothing_in_the_fixtures_names_the_machine_that_made_them() -> None:
    files = [path for path in FIXTURES.rglob("*") if path.suffix in (".json", ".csv", ".log", ".txt", ".toml")]
    assert len(files) > 50
    assert not [path for path in files if "/tmp/" in path.read_text() or "/home/" in path.read_text()]

"""Fine-tuning: a model learns from corrected drawings, is compared with itself before, and is kept
or not.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fine_tuning import MANNER, gone_interval, misread, taking_turns
from benchmarks.fine_tuning import learn as learn_from_writer
from dataset import DataError, Digits, append_drawing, load_drawings, load_training
from dataset.download import SHIPPED
from experiments import fine_tuning
from experiments.cli.main import main
from experiments.fine_tuning import (
    FineTuningResult,
    Score,
    accept_fine_tuning,
    create_fine_tuning,
    fine_tuning_config,
    read_result,
)
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import Run, RunError
from experiments.runs.table import list_runs
from experiments.training.data import jittered, load_data, trained_drawings
from experiments.training.worker import train_run
from model import Checkpoint, load_checkpoint, load_classifier, save_checkpoint
from model.classifier import SHIPPED as SHIPPED_FILE
from pretraining.pens import MANNERS, load_pens, pen_images
from tests.small_runs import finish, to_end

ONE = Score(1, 1, 1)
PRACTISED = fine_tuning.PRACTISED


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small network that reads mnist-5k."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITS_RUNS", str(folder))
        return finish(RunConfig(data="mnist-5k", hidden=(32,), epochs=4)).model


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_tuning, "PRACTISED", (400, 3000))


def upside_down(count: int) -> Digits:
    """Digits as nobody writes them, so there is much to learn."""
    digits = load_training("mnist-5k")[0][:count]
    return Digits(np.ascontiguousarray(digits.images[:, ::-1]), digits.labels)


def store(digits: Digits, *, wrong: bool = True) -> None:
    for image, label in zip(digits.images, digits.labels, strict=True):
        said = (int(label) + wrong) % 10
        append_drawing(image, int(label), predicted=said, confidence=0.9, model="", session="")


def learn(model: Path) -> tuple[Run, FineTuningResult]:
    run = create_fine_tuning(model)
    status = to_end(run)
    assert status.state == "finished", status
    result = read_result(run)
    assert result is not None
    return run, result


def test_fine_tuning_mends_what_was_corrected_and_says_so(model: Path):
    store(upside_down(50))
    _, result = learn(model)
    drawings = load_drawings()
    assert result.corrected.total == len(drawings.training) == len(result.answers)
    assert result.held_out.total == len(drawings.held_out) > 0
    assert result.old.total == 333
    assert result.corrected.after > result.corrected.before + 5
    before = load_classifier(model).predict_proba(drawings.held_out.images).argmax(axis=1)
    assert result.held_out.before == np.count_nonzero(before == drawings.held_out.labels)


def test_fine_tuning_that_costs_old_digits_is_taken_over_in_part(model: Path, monkeypatch: pytest.MonkeyPatch):
    store(upside_down(50))
    monkeypatch.setattr(fine_tuning, "INTERPOLATE_FROM", 1.0)  # however many are lost
    first, whole = learn(model)
    monkeypatch.setattr(fine_tuning, "INTERPOLATE_FROM", -1.0)  # as if any at all were too many
    run, result = learn(model)
    assert (whole.part, result.part) == (1.0, fine_tuning.PART)
    start, all_of_it, end = (load_checkpoint(file) for file in (run.start, first.model, run.model))
    assert result.old.before == whole.old.before
    assert not whole.interpolation
    assert "70 %" in result.interpolation
    assert read_result(run) == result
    assert end.about["validation_accuracy"] == run.status().best_validation_accuracy == result.old.shares[1]
    for name, W in start.weights.items():
        expected = W + fine_tuning.PART * (all_of_it.weights[name] - W)
        np.testing.assert_allclose(end.weights[name], expected, atol=1e-6)


def test_no_drawing_that_is_held_out_teaches(model: Path):
    store(upside_down(60))
    run, _ = learn(model)
    taught = {image.tobytes() for image in load_data(run)[0].images}
    assert not any(image.tobytes() in taught for image in load_drawings().held_out.images)


def test_old_digits_for_comparison_are_neither_learned_now_nor_were_they_before(model: Path):
    store(upside_down(20))
    run, _ = learn(model)
    learned, compared = load_data(run)
    seen = {image.tobytes() for image in (*learned.images, *load_training("mnist-5k")[0].images)}
    assert not any(image.tobytes() in seen for image in compared.images)


def test_only_answers_that_were_wrong_count_as_corrected(model: Path):
    digits = upside_down(20)
    store(digits[:10])
    store(digits[10:], wrong=False)
    _, result = learn(model)
    assert 0 < result.corrected.total <= 10


def test_a_single_drawing_can_be_learned_from(model: Path):
    store(upside_down(1))
    run, result = learn(model)
    assert (result.corrected.total, result.held_out.total) == (1, 0)
    assert run.config.drawings_weight == 100


def test_without_drawings_the_sentence_says_what_to_do(model: Path):
    with pytest.raises(DataError, match="draw a digit and say which it was"):
        create_fine_tuning(model)


def test_a_model_of_clothing_does_not_learn_from_digits(model: Path, tmp_path: Path):
    store(upside_down(5))
    other = load_checkpoint(model)
    path = tmp_path / "clothing.npz"
    save_checkpoint(path, replace(other, about=other.about | {"classes": list("abcdefghij")}))
    with pytest.raises(DataError, match="does not read digits"):
        create_fine_tuning(path)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (FineTuningResult(ONE, Score(5, 5, 10), Score(990, 988, 1000), ()), ""),
        (FineTuningResult(ONE, Score(5, 5, 10), Score(990, 987, 1000), ()), "more than 0.2 points"),
        (FineTuningResult(ONE, Score(5, 4, 10), Score(990, 990, 1000), ()), "4 of 10 held-out drawings, before 5"),
        (FineTuningResult(ONE, Score(0, 0, 0), Score(990, 999, 1000), ()), ""),
    ],
)
def test_weights_are_refused_where_old_digits_or_held_out_drawings_are_read_worse(result: FineTuningResult, says: str):
    assert bool(result.refusal) == bool(says)
    assert says in result.refusal


def test_wrong_labels_are_refused(model: Path):
    digits = load_training("mnist-5k")[0][:200]
    store(Digits(digits.images, (digits.labels + 1) % 10))
    run, result = learn(model)
    assert result.refusal
    with pytest.raises(RunError, match="cannot be used"):
        accept_fine_tuning(run)
    assert list_runs() == []


def test_fine_tuning_is_in_no_list_until_it_is_kept_and_then_leads_back(model: Path, monkeypatch: pytest.MonkeyPatch):
    store(upside_down(40))
    monkeypatch.setattr(FineTuningResult, "refusal", "")
    run, result = learn(model)
    assert list_runs() == []
    assert fine_tuning.open_fine_tuning(run.id) == run
    kept = accept_fine_tuning(run)
    assert [kept] == list_runs()
    assert accept_fine_tuning(kept) == kept == fine_tuning.open_fine_tuning(run.id)
    assert read_result(kept) == result
    assert fine_tuning.model_before(kept) == load_checkpoint(model).about["run"]
    assert load_checkpoint(kept.start).fingerprint == load_checkpoint(model).fingerprint


def test_no_text_from_an_address_leaves_the_folder_of_fine_tuning():
    for which in ("", "..", "../runs", "/tmp"):
        with pytest.raises(RunError):
            fine_tuning.open_fine_tuning(which)


def test_interrupted_fine_tuning_goes_on_exactly(model: Path):
    store(upside_down(30))
    whole, result = learn(model)
    broken = create_fine_tuning(model)
    work = train_run(broken)
    for status in work:
        if status.step:
            break
    work.close()
    assert broken.stored().state == "interrupted"
    broken.enqueue()
    assert to_end(broken).state == "finished"
    assert load_checkpoint(broken.model).fingerprint == load_checkpoint(whole.model).fingerprint
    assert read_result(broken) == result


def test_a_model_that_knows_what_is_no_digit_still_does(tmp_path: Path, model: Path):
    checkpoint = load_checkpoint(model)
    path = tmp_path / "knowing.npz"
    save_checkpoint(
        path, Checkpoint(checkpoint.settings, checkpoint.weights, about=checkpoint.about | {"rejects_above": 1.1})
    )
    store(upside_down(5))
    run, _ = learn(path)
    assert load_classifier(run.model).rejects_above == 1.1


def test_a_second_fine_tuning_learns_from_the_drawings_there_are_by_then(model: Path):
    store(upside_down(10))
    first, _ = learn(model)
    store(upside_down(30)[10:])
    second, _ = learn(first.model)
    assert len(trained_drawings(second)) > len(trained_drawings(first))


def test_cheap_networks_go_over_more_old_digits_and_few_drawings_come_more_often(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fine_tuning, "PRACTISED", PRACTISED)
    small, large = fine_tuning_config(PRESETS["quick"], 40), fine_tuning_config(PRESETS["cnn"], 40)
    assert small.training_images > large.training_images > 1000
    assert fine_tuning_config(PRESETS["quick"], 400).drawings_weight < small.drawings_weight
    assert fine_tuning_config(PRESETS["quick"], 100_000).drawings_weight == 1


@pytest.mark.parametrize("preset", ["quick", "cnn"])
def test_fine_tuning_on_many_drawings_takes_as_long_as_one_on_few(preset: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fine_tuning, "PRACTISED", PRACTISED)

    def images(drawings: int) -> tuple[float, float]:
        """Seen in all, and the share of drawings among them."""
        config = fine_tuning_config(PRESETS[preset], drawings)
        together = config.training_images + drawings * config.drawings_weight
        return config.batch_size * config.total_steps(together), drawings * config.drawings_weight / together

    few, many = images(40), images(10_000)
    assert many[0] == pytest.approx(few[0], rel=0.05)
    assert many[1] == pytest.approx(0.25, abs=0.1)


def test_the_same_image_drawn_twice_is_counted_once(model: Path):
    digits = upside_down(10)
    store(digits)
    store(digits)
    _, result = learn(model)
    assert 0 < result.corrected.total <= len(digits)
    assert result.corrected.total == len(result.answers)


def test_copies_of_a_drawing_differ_a_little_and_are_the_same_each_time():
    digits = load_training("mnist-5k")[0][:3]
    copies = jittered(digits, 4, seed=1)
    assert copies.labels.tolist() == np.repeat(digits.labels, 4).tolist()
    assert len({image.tobytes() for image in copies.images}) == 12
    assert copies.fingerprint == jittered(digits, 4, seed=1).fingerprint != jittered(digits, 4, seed=2).fingerprint
    assert len(jittered(digits, 0, seed=1)) == 0


def test_a_damaged_result_is_a_sentence(model: Path):
    store(upside_down(3))
    run = create_fine_tuning(model)
    assert read_result(run) is None
    (run.folder / "lesson.json").write_text('{"corrected": 3}')
    with pytest.raises(RunError, match="Learn again"):
        read_result(run)


def test_the_command_learns_keeps_and_says_what_it_did(model: Path, capsys: pytest.CaptureFixture[str]):
    store(upside_down(40))
    code = main(["learn", "--model", str(model), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["kept"] is (code == 0)
    assert found["corrected_drawings"]["total"] > 20
    assert (found["run"] in {run.id for run in list_runs()}) is found["kept"]
    assert Path(found["model"]).is_file()


def test_the_command_without_drawings_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert main(["learn"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_interval_of_errors_gone_is_wide_for_few_drawings_and_holds_the_share():
    before = np.zeros(100, np.int64)
    before[:10] = 1
    after = before * (np.arange(100) % 2)
    low, high = gone_interval(before, after)
    assert 0 < low < 0.5 < high < 1
    more = gone_interval(np.tile(before, 20), np.tile(after, 20))
    assert low < more[0] < 0.5 < more[1] < high


@pytest.mark.slow
@pytest.mark.parametrize(("turned", "gone"), [(0, 0.0), (30, 0.5)])
def test_real_strokes_that_were_corrected_help_with_the_writers_other_drawings(
    reference_data: Path, monkeypatch: pytest.MonkeyPatch, turned: float, gone: float
):
    """Of the writers held out, one read badly: small with a thick pen, upright or on a tablet that
    lies askew. Upright only 3 errors are left to mend, so there it must only do no harm.
    """
    monkeypatch.setattr(fine_tuning, "PRACTISED", PRACTISED)
    monkeypatch.setenv("DIGITS_DATA", str(reference_data))
    pens = load_pens(reference_data / "pen-drawings" / "pendigits_orig_train.npz").of_writers([12]).turned(turned)
    drawn = Digits(pen_images(pens, MANNERS[MANNER]), pens.labels)
    order = taking_turns(drawn.labels, np.random.default_rng(0))
    classifier, old = load_classifier(), load_training(SHIPPED)[1]
    found = learn_from_writer(SHIPPED_FILE, drawn, order, 50, order[50:], old)
    before = misread(classifier, drawn[order[50:]])
    assert found.wrong.sum() <= (1 - gone) * before.sum()
    assert found.old_wrong - misread(classifier, old).sum() <= fine_tuning.ALLOWED_LOSS * len(old)

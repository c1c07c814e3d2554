"""Fine-tuning: a model learns from corrected drawings, is compared with itself before, and is kept or not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.learning import MANNER, gone_interval, misread, taking_turns
from benchmarks.learning import learn as learn_from_writer
from dataset import DataError, Digits, append_drawing, load_drawings, load_training
from dataset.download import SHIPPED
from experiments import fine_tuning as finetune
from experiments.cli.main import main
from experiments.fine_tuning import Lesson, Score, keep_lesson, lesson_config, make_lesson, read_lesson
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import Run, RunError, list_runs
from experiments.training.data import jittered, load_data
from experiments.training.worker import train_run
from model import Checkpoint, load_checkpoint, load_classifier, save_checkpoint
from model.classifier import SHIPPED as SHIPPED_FILE
from pretraining.pens import MANNERS, load_pens, pen_images
from tests.small_runs import finish, to_end

ONE = Score(1, 1, 1)
OLD_DIGITS = finetune.OLD_DIGITS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small network that reads mnist-5k."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITS_RUNS", str(folder))
        return finish(RunConfig(data="mnist-5k", hidden=(32,), epochs=4)).model


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune, "OLD_DIGITS", (400, 3000))


def upside_down(count: int) -> Digits:
    """Digits as nobody writes them, so there is much to learn."""
    digits = load_training("mnist-5k")[0][:count]
    return Digits(np.ascontiguousarray(digits.images[:, ::-1]), digits.labels)


def store(digits: Digits, *, wrong: bool = True) -> None:
    for image, label in zip(digits.images, digits.labels, strict=True):
        said = (int(label) + wrong) % 10
        append_drawing(image, int(label), predicted=said, confidence=0.9, model="", session="")


def learn(model: Path) -> tuple[Run, Lesson]:
    run = make_lesson(model)
    status = to_end(run)
    assert status.state == "finished", status
    lesson = read_lesson(run)
    assert lesson is not None
    return run, lesson


def test_a_lesson_mends_what_was_corrected_and_says_so(model: Path):
    store(upside_down(50))
    _, lesson = learn(model)
    drawings = load_drawings()
    assert lesson.corrected.total == len(drawings.training) == len(lesson.answers)
    assert lesson.held_out.total == len(drawings.held_out) > 0
    assert lesson.old.total == 333
    assert lesson.corrected.after > lesson.corrected.before + 5
    before = load_classifier(model).predict_proba(drawings.held_out.images).argmax(axis=1)
    assert lesson.held_out.before == np.count_nonzero(before == drawings.held_out.labels)


def test_a_lesson_that_costs_old_digits_is_taken_over_in_part(model: Path, monkeypatch: pytest.MonkeyPatch):
    store(upside_down(50))
    first, whole = learn(model)
    monkeypatch.setattr(finetune, "SOFTENED_FROM", -1.0)  # as if any at all were too many
    run, lesson = learn(model)
    assert (whole.part, lesson.part) == (1.0, finetune.PART)
    start, all_of_it, end = (load_checkpoint(file) for file in (run.start, first.model, run.model))
    assert lesson.old.before == whole.old.before
    assert not whole.softening
    assert "70 %" in lesson.softening
    assert read_lesson(run) == lesson
    assert end.about["validation_accuracy"] == run.status().best_validation_accuracy == lesson.old.shares[1]
    for name, W in start.weights.items():
        expected = W + finetune.PART * (all_of_it.weights[name] - W)
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
    _, lesson = learn(model)
    assert 0 < lesson.corrected.total <= 10


def test_a_single_drawing_can_be_learned_from(model: Path):
    store(upside_down(1))
    run, lesson = learn(model)
    assert (lesson.corrected.total, lesson.held_out.total) == (1, 0)
    assert run.config.drawings_weight == 100


def test_without_drawings_the_sentence_says_what_to_do(model: Path):
    with pytest.raises(DataError, match="draw a digit and say which it was"):
        make_lesson(model)


def test_a_model_of_clothing_does_not_learn_from_digits(model: Path, tmp_path: Path):
    store(upside_down(5))
    other = load_checkpoint(model)
    path = tmp_path / "clothing.npz"
    save_checkpoint(path, replace(other, about=other.about | {"classes": list("abcdefghij")}))
    with pytest.raises(DataError, match="does not read digits"):
        make_lesson(path)


@pytest.mark.parametrize(
    ("lesson", "says"),
    [
        (Lesson(ONE, Score(5, 5, 10), Score(990, 988, 1000), ()), ""),
        (Lesson(ONE, Score(5, 5, 10), Score(990, 987, 1000), ()), "more than 0.2 points"),
        (Lesson(ONE, Score(5, 4, 10), Score(990, 990, 1000), ()), "4 of 10 drawings held out, before 5"),
        (Lesson(ONE, Score(0, 0, 0), Score(990, 999, 1000), ()), ""),
    ],
)
def test_weights_are_refused_where_old_digits_or_held_out_drawings_are_read_worse(lesson: Lesson, says: str):
    assert bool(lesson.refusal) == bool(says)
    assert says in lesson.refusal


def test_wrong_labels_are_refused(model: Path):
    digits = load_training("mnist-5k")[0][:200]
    store(Digits(digits.images, (digits.labels + 1) % 10))
    run, lesson = learn(model)
    assert lesson.refusal
    with pytest.raises(RunError, match="cannot be taken over"):
        keep_lesson(run)
    assert list_runs() == []


def test_a_lesson_is_in_no_list_until_it_is_kept_and_then_leads_back(model: Path, monkeypatch: pytest.MonkeyPatch):
    store(upside_down(40))
    monkeypatch.setattr(Lesson, "refusal", "")
    run, lesson = learn(model)
    assert list_runs() == []
    assert finetune.open_lesson(run.id) == run
    kept = keep_lesson(run)
    assert [kept] == list_runs()
    assert keep_lesson(kept) == kept == finetune.open_lesson(run.id)
    assert read_lesson(kept) == lesson
    assert finetune.model_before(kept) == load_checkpoint(model).about["run"]
    assert load_checkpoint(kept.start).fingerprint == load_checkpoint(model).fingerprint


def test_no_text_from_an_address_leaves_the_folder_of_lessons():
    for which in ("", "..", "../runs", "/tmp"):
        with pytest.raises(RunError):
            finetune.open_lesson(which)


def test_an_interrupted_lesson_goes_on_exactly(model: Path):
    store(upside_down(30))
    whole, lesson = learn(model)
    broken = make_lesson(model)
    work = train_run(broken)
    for status in work:
        if status.step:
            break
    work.close()
    assert broken.stored().state == "interrupted"
    broken.queue()
    assert to_end(broken).state == "finished"
    assert load_checkpoint(broken.model).fingerprint == load_checkpoint(whole.model).fingerprint
    assert read_lesson(broken) == lesson


def test_a_model_that_knows_what_is_no_digit_still_does(tmp_path: Path, model: Path):
    checkpoint = load_checkpoint(model)
    path = tmp_path / "knowing.npz"
    save_checkpoint(
        path, Checkpoint(checkpoint.settings, checkpoint.weights, about=checkpoint.about | {"rejects_above": 1.1})
    )
    store(upside_down(5))
    run, _ = learn(path)
    assert load_classifier(run.model).rejects_above == 1.1


def test_a_second_lesson_learns_from_the_drawings_there_are_by_then(model: Path):
    store(upside_down(10))
    first, _ = learn(model)
    store(upside_down(30)[10:])
    second, _ = learn(first.model)
    assert len(finetune.learned_from(second)) > len(finetune.learned_from(first))


def test_cheap_networks_go_over_more_old_digits_and_few_drawings_come_more_often(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finetune, "OLD_DIGITS", OLD_DIGITS)
    small, large = lesson_config(PRESETS["quick"], 40), lesson_config(PRESETS["cnn"], 40)
    assert small.training_images > large.training_images > 1000
    assert lesson_config(PRESETS["quick"], 400).drawings_weight < small.drawings_weight
    assert lesson_config(PRESETS["quick"], 100_000).drawings_weight == 1


@pytest.mark.parametrize("preset", ["quick", "cnn"])
def test_a_lesson_on_many_drawings_takes_as_long_as_one_on_few(preset: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finetune, "OLD_DIGITS", OLD_DIGITS)

    def images(drawings: int) -> tuple[float, float]:
        """Seen in all, and the share of drawings among them."""
        config = lesson_config(PRESETS[preset], drawings)
        together = config.training_images + drawings * config.drawings_weight
        return config.batch_size * config.total_steps(together), drawings * config.drawings_weight / together

    few, many = images(40), images(10_000)
    assert many[0] == pytest.approx(few[0], rel=0.05)
    assert many[1] == pytest.approx(0.25, abs=0.1)


def test_the_same_image_drawn_twice_is_counted_once(model: Path):
    digits = upside_down(10)
    store(digits)
    store(digits)
    _, lesson = learn(model)
    assert 0 < lesson.corrected.total <= len(digits)
    assert lesson.corrected.total == len(lesson.answers)


def test_copies_of_a_drawing_differ_a_little_and_are_the_same_each_time():
    digits = load_training("mnist-5k")[0][:3]
    copies = jittered(digits, 4, seed=1)
    assert copies.labels.tolist() == np.repeat(digits.labels, 4).tolist()
    assert len({image.tobytes() for image in copies.images}) == 12
    assert copies.fingerprint == jittered(digits, 4, seed=1).fingerprint != jittered(digits, 4, seed=2).fingerprint
    assert len(jittered(digits, 0, seed=1)) == 0


def test_a_damaged_result_is_a_sentence(model: Path):
    store(upside_down(3))
    run = make_lesson(model)
    assert read_lesson(run) is None
    (run.folder / "lesson.json").write_text('{"corrected": 3}')
    with pytest.raises(RunError, match="Learn again"):
        read_lesson(run)


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
@pytest.mark.parametrize(("turned", "gone"), [(0, 0.01), (30, 0.5)])
def test_real_strokes_that_were_corrected_help_with_the_writers_other_drawings(
    reference_data: Path, monkeypatch: pytest.MonkeyPatch, turned: float, gone: float
):
    """Of the writers held out, one read badly: small with a thick pen, upright or on a tablet that lies askew."""
    monkeypatch.setattr(finetune, "OLD_DIGITS", OLD_DIGITS)
    monkeypatch.setenv("DIGITS_DATA", str(reference_data))
    pens = load_pens(reference_data / "pen-drawings" / "pendigits_orig_train.npz").by([12]).turned(turned)
    drawn = Digits(pen_images(pens, *MANNERS[MANNER]), pens.labels)
    order = taking_turns(drawn.labels, np.random.default_rng(0))
    classifier, old = load_classifier(), load_training(SHIPPED)[1]
    found = learn_from_writer(SHIPPED_FILE, drawn, order, 50, order[50:], old)
    before = misread(classifier, drawn[order[50:]])
    assert found.wrong.sum() <= (1 - gone) * before.sum()
    assert found.old_wrong - misread(classifier, old).sum() <= finetune.LOST * len(old)

"""The Evaluate page: numbers that belong to the weights and digits shown, and a sentence wherever
there are none.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.components.evaluation import evaluation
from dataset import DataError, append_drawing, load_digits
from experiments import robustness
from experiments.formats import percent
from experiments.runs.run import Run, RunError, create_run
from model import Checkpoint, load_checkpoint, load_classifier, save_checkpoint
from model.metrics import wilson_interval
from tests.page_without_browser import open_page
from tests.small_runs import SMALL, finish

HEADER = "label," + ",".join(f"pixel{place}" for place in range(784))


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(autouse=True)
def _measured_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement of robustness happens in this process."""

    def start(*subject: Any, **options: Any) -> None:
        for _ in robustness.run_robustness(robustness.create_robustness(*subject, **options)):
            pass

    monkeypatch.setattr("dashboard.evaluate.robustness.start_robustness", start)


@pytest.fixture
def run() -> Run:
    return finish(SMALL)


def opened(**address: str) -> AppTest:
    return open_page("evaluate", **address)


def metrics(app: AppTest) -> list[tuple[str, str]]:
    return [(metric.value, metric.delta) for metric in app.metric]


def said(app: AppTest) -> str:
    return " ".join(element.value for kind in (app.warning, app.info, app.error, app.caption) for element in kind)


def test_the_score_is_that_of_the_model_with_its_interval_and_n(run: Run):
    digits = load_digits("mnist-5k", "test")
    right = int((load_classifier(run.model).predict_proba(digits.images).argmax(1) == digits.labels).sum())
    low, high = wilson_interval(right, 1000)
    shown = metrics(opened(model=run.id, data="mnist-5k", split="test"))
    assert shown[0] == (percent(right / 1000, 2), f"95 % interval: {100 * low:.2f} to {100 * high:.2f} %")
    assert shown[1] == (f"{1000 - right}", "of n = 1,000 images")


def test_changed_weights_never_show_old_numbers(run: Run):
    app = opened(model=run.id, split="test")
    before = metrics(app)
    other = finish(SMALL.replace(steps=3))
    shutil.copyfile(other.model, run.best)
    app.run()
    assert metrics(app) == metrics(opened(model=other.id, split="test")) != before


def test_the_same_weights_behind_another_activation_are_another_model(run: Run):
    saved = load_checkpoint(run.best)
    twin = Checkpoint(saved.settings | {"activation": "tanh"}, saved.weights, about=saved.about)
    save_checkpoint(run.folder / "twin.npz", twin)
    digits = load_digits("mnist-5k", "test")
    one, other = (evaluation(load_classifier(path), digits) for path in (run.best, run.folder / "twin.npz"))
    assert not np.array_equal(one.probabilities, other.probabilities)


def test_a_run_is_shown_on_its_own_validation_digits_until_a_person_chooses(run: Run):
    app = opened(model=run.id)
    assert app.selectbox(key="evaluate-split").value == "validation"
    assert metrics(app)[0][0] == percent(run.status().validation_accuracy, 2)


def test_looking_at_the_test_set_is_a_choice_that_says_what_it_is_for(run: Run):
    app = opened(model=run.id)
    assert "final look" not in said(app)
    app.selectbox(key="evaluate-split").select("test").run()
    assert "The test set is for the final look" in said(app)
    assert app.query_params["split"] == "test"


def test_choosing_other_digits_does_not_choose_the_test_set_for_the_next_model(run: Run):
    app = opened(data="mnist-5k")
    assert app.selectbox(key="evaluate-split").value == "test"
    app.selectbox(key="evaluate-data").select("drawings").run()
    app.selectbox(key="evaluate-data").select("mnist-5k").run()
    app.selectbox(key="model").select(run.id).run()
    assert app.selectbox(key="evaluate-split").value == "validation"


def test_of_a_sweep_the_best_model_is_offered_and_the_one_that_an_address_names(run: Run):
    trials = [create_run(run.config, name=f"Rates, trial {number}", group="rates", trial=number) for number in range(3)]
    for trial, accuracy in zip(trials, (0.8, 0.9, 0.7), strict=True):
        shutil.copy(run.model, trial.model)
        trial.write_status(replace(trial.stored(), state="finished", best_validation_accuracy=accuracy))
    offered = opened(model=trials[2].id).selectbox(key="model").options
    assert offered[1:] == [trials[2].title, trials[1].title, run.title]


def test_the_digits_a_model_was_trained_on_are_named(run: Run):
    assert "This model was trained on" in said(opened(model=run.id, split="train"))
    assert "This model was trained on" not in said(opened(model=run.id, split="test"))
    assert "This model was trained on" not in said(opened(model=run.id, split="validation"))


def test_the_shipped_model_opens_on_test_digits_it_never_saw():
    app = opened()
    assert app.selectbox(key="evaluate-split").value == "test"
    assert "This model was trained on" not in said(app)


def test_a_model_of_other_classes_gives_a_plain_warning(run: Run):
    saved = load_checkpoint(run.best)
    clothes = dict(saved.about, classes=["T-shirt/top", *"123456789"])
    save_checkpoint(run.best, Checkpoint(saved.settings, saved.weights, about=clothes))
    assert "This model knows T-shirt/top" in said(opened(model=run.id))


def test_no_drawings_yet_says_where_to_draw(run: Run):
    app = opened(model=run.id, data="drawings")
    assert "There are no drawings yet." in said(app)
    assert not app.metric


def test_drawings_have_a_score_of_their_own(run: Run):
    digits = load_digits("mnist-5k", "test")
    score = metrics(opened(model=run.id, split="test"))
    for row in range(3):
        append_drawing(digits.images[row], int(digits.labels[row]), predicted=0, confidence=0.5, model="", session="")
    app = opened(model=run.id, data="drawings")
    assert metrics(app)[1][1] == "of n = 3 images"
    assert "never part of an MNIST score" in said(app)
    assert metrics(opened(model=run.id, split="test")) == score


def test_data_that_are_not_here_come_with_two_ways_on(run: Run):
    app = opened(model=run.id, data="fashion-mnist")
    assert "Fashion-MNIST is not on this computer" in said(app)
    assert [button.label for button in app.button] == ["Download Fashion-MNIST", "Take the 5,000 digits"]
    app.button[1].click().run()
    assert len(app.metric) == 3


def test_a_download_that_fails_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch):
    def offline(name: str, progressbar: object) -> None:
        raise DataError(f"{name} cannot be downloaded.")

    monkeypatch.setattr("dashboard.components.downloads.download", offline)
    app = opened(model=run.id, data="fashion-mnist")
    app.button[0].click().run()
    assert [error.value for error in app.error] == ["fashion-mnist cannot be downloaded."]
    assert not app.exception


def upload(app: AppTest, *rows: str) -> AppTest:
    text = "\n".join((HEADER, *rows)) + "\n"
    app.file_uploader(key="evaluate-file").upload("mine.csv", text.encode(), "text/csv").run()
    assert not app.exception
    return app


def row(label: str, ink: int = 0) -> str:
    return ",".join([label, *[str(ink)] * 784])


def test_an_uploaded_file_is_scored(run: Run):
    app = upload(opened(model=run.id, data="upload"), row("3"), row("4", 255))
    assert metrics(app)[1][1] == "of n = 2 images"


def test_a_damaged_upload_names_file_and_line(run: Run):
    app = upload(opened(model=run.id, data="upload"), row("3"), row("12"))
    assert "mine.csv line 3" in said(app)
    assert not app.metric


def test_a_file_without_labels_cannot_be_scored_and_says_so(run: Run):
    app = opened(model=run.id, data="upload")
    text = HEADER.removeprefix("label,") + "\n" + ",".join(["0"] * 784) + "\n"
    app.file_uploader(key="evaluate-file").upload("test.csv", text.encode(), "text/csv").run()
    assert "This file has no labels" in said(app)


def test_an_address_from_anywhere_opens_the_page_and_no_file(run: Run, tmp_path: Path):
    secret = tmp_path / "secret.csv"
    secret.write_text(HEADER + "\n" + row("1") + "\n")
    app = opened(model=run.id, data=str(secret), split="nonsense")
    assert app.selectbox(key="evaluate-data").value == "mnist-5k"
    assert app.selectbox(key="evaluate-split").value == "validation"


def test_a_model_that_is_gone_is_named_and_the_shipped_one_answers():
    assert "20010101-000000-0000-gone" in said(opened(model="20010101-000000-0000-gone"))


def test_picking_a_cell_in_the_boxes_shows_its_images(run: Run):
    app = opened(model=run.id, split="test")
    app.selectbox(key="evaluate-true").select(4).run()
    app.selectbox(key="evaluate-predicted").select(4).run()
    heading = next(text.value for text in app.markdown if "correctly" in text.value)
    assert "of 100 images of 4 were classified as 4" in heading


def test_another_25_are_other_images_and_the_same_for_the_same_seed(run: Run):
    def sample(app: AppTest) -> str:
        return app.get("html")[-2].proto.body  # the worst mistakes come last

    app = opened(model=run.id)
    first = sample(app)
    next(button for button in app.button if button.label == "Another 25").click().run()
    assert sample(app) != first
    assert sample(opened(model=run.id)) == first


def test_a_perfect_score_has_no_mistakes_to_show(run: Run):
    app = opened(model=run.id, data="upload")
    blank = load_classifier(run.model).predict_proba(np.zeros((1, 28, 28), np.uint8)).argmax()
    upload(app, row(str(blank)))
    assert metrics(app)[0][0] == percent(1, 2)
    assert [success.value for success in app.success] == ["No mistakes: 1 of 1 answers are correct."]


def accuracies(app: AppTest) -> list[str]:
    return [text.value for text in app.markdown if "read correctly" in text.value]


def charts(app: AppTest) -> list[str]:
    """The specification of each chart of robustness."""
    specifications = [chart.proto.spec for chart in app.get("plotly_chart")]
    return [each for each in specifications if '"Accuracy by ' in each]


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_robustness_is_measured_on_request_and_then_kept(run: Run):
    app = opened(model=run.id, split="test")
    before = charts(app)
    press(app, "Measure all strengths")
    assert all(len(after) > len(empty) for after, empty in zip(charts(app), before, strict=True))
    other = opened(model=run.id, split="test")
    assert charts(other) == charts(app)
    assert next(button for button in other.button if button.label == "Measure all strengths").disabled


def test_a_measurement_shows_its_progress_and_can_be_stopped(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.evaluate.robustness.start_robustness", robustness.create_robustness)
    app = press(opened(model=run.id, split="test"), "Measure all strengths")
    total = len(robustness.points())
    assert app.get("progress")[0].proto.text == f"0 of {total} points measured"
    job = robustness.open_robustness(load_classifier(run.model), load_digits("mnist-5k", "test"))
    job.set_status(state="running", done=5, seconds_left=3.0)
    with job.hold():
        assert f"5 of {total} points measured, about" in app.run().get("progress")[0].proto.text
        press(app, "Stop")
    assert job.stop_requested


def test_a_measurement_that_cannot_be_started_or_failed_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise RunError("There is no room.")

    monkeypatch.setattr("dashboard.evaluate.robustness.start_robustness", refuse)
    app = press(opened(model=run.id, split="test"), "Measure all strengths")
    assert "could not be started: There is no room." in said(app)
    job = robustness.create_robustness(load_classifier(run.model), load_digits("mnist-5k", "test"))
    job.set_status(state="failed", reason="The disk is full.")
    assert "The disk is full." in said(opened(model=run.id, split="test"))


def test_undisturbed_digits_have_the_score_of_the_page(run: Run):
    app = opened(model=run.id, data="mnist-5k", split="test")
    right = 1000 - int(metrics(app)[1][0])
    app.select_slider(key="robustness-rotation-strength").set_value(0).run()
    assert f"{right} of 1,000" in accuracies(app)[0]


def test_another_strength_shows_the_same_digits_more_disturbed(run: Run):
    def shown(app: AppTest) -> str:
        return app.get("html")[2].proto.body

    app = opened(model=run.id, split="test")
    before, score = shown(app), accuracies(app)
    app.select_slider(key="robustness-rotation-strength").set_value(60).run()
    assert shown(app) != before
    assert accuracies(app) != score
    assert re.findall(r"True (\d)", shown(app)) == re.findall(r"True (\d)", before) == list("0123456789")


def test_another_disturbance_has_strengths_of_its_own(run: Run):
    app = opened(model=run.id, split="test")
    app.selectbox(key="robustness-disturbance").select("noise").run()
    assert app.select_slider(key="robustness-noise-strength").value == 60
    assert "at random" in said(app)


def test_a_model_is_compared_with_another_or_with_itself_on_prepared_images(run: Run):
    other = finish(SMALL.replace(steps=3))
    app = opened(model=run.id, split="test")
    box = app.selectbox(key="robustness-compare")
    assert run.id not in box.options
    box.select(other.id).run()
    assert len(accuracies(app)) == 2
    app.selectbox(key="model").select(other.id).run()  # which can no longer be compared with itself
    assert len(accuracies(app)) == 1
    app.selectbox(key="robustness-compare").select("prepared").run()
    assert "prepared as on Draw" in accuracies(app)[1]
    assert not app.exception


def test_a_model_to_compare_with_that_cannot_be_read_is_named(run: Run):
    other = finish(SMALL.replace(steps=3))
    app = opened(model=run.id, split="test")
    other.model.write_bytes(b"no model")
    app.selectbox(key="robustness-compare").select(other.id).run()
    assert len(accuracies(app)) == 1
    assert other.model.name in said(app)

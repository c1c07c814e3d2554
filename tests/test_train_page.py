"""The Train page without a browser: what a run is started with, and what is said and offered in
each of its states.
"""

import dataclasses
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from dashboard.components.image_layers import READY
from dashboard.train.preview import layer_rows
from dataset import append_drawing, load_training
from experiments.runs import control as jobs
from experiments.runs.config import BOUNDS, CHOICES, PRESETS, RunConfig
from experiments.runs.run import Run, create_run
from experiments.runs.table import list_runs
from model import load_classifier
from tests.page_without_browser import open_page, run
from tests.small_runs import SMALL, finish

OF_THE_DATA = {"data": "mnist-5k"}


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start makes the run and no worker."""
    st.cache_data.clear()
    st.cache_resource.clear()
    monkeypatch.setattr("dashboard.train.new_run.start_training", create_run)


def opened(**address: str) -> AppTest:
    return open_page("train", **address)


def button(app: AppTest, label: str) -> Button:
    return next(button for button in app.button if button.label == label)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button] + [button.label for button in app.get("download_button")]


def press(app: AppTest, label: str) -> AppTest:
    button(app, label).click()
    return run(app)


def put(app: AppTest, kind: str, setting: str, value: object) -> AppTest:
    getattr(app, kind)(key=f"train-{setting}").set_value(value)
    return run(app)


def started(app: AppTest) -> RunConfig:
    """The config of the run that Start fresh makes."""
    press(app, "Start fresh")
    return list_runs()[0].config


def in_state(state: str, reason: str = "", **values: object) -> Run:
    made = create_run(SMALL, name="mine")
    made.write_status(replace(made.status(), state=state, reason=reason, total_steps=58, **values))
    return made


# What a run is started with.


def test_start_fresh_runs_the_quick_preset_on_the_digits_that_are_there_and_shows_it() -> None:
    app = opened()
    assert started(app) == PRESETS["quick"]
    assert app.query_params["run"] == list_runs()[0].id
    assert list_runs()[0].status().name == "quick"


@pytest.mark.parametrize("source", ["mnist-5k", "mnist", "mnist-minus-5k-test"])
def test_a_run_is_planned_on_as_many_digits_as_its_source_has_to_train(
    source: str, reference_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DATA", str(reference_data))
    train, _ = load_training(source)
    app = put(opened(), "selectbox", "source", source)
    assert any(f"steps on {len(train):,} images" in caption.value for caption in app.caption)
    assert started(app).data == source


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_every_setting(preset: str) -> None:
    app = opened()
    put(app, "number_input", "seed", 7)
    put(app, "selectbox", "preset", preset)
    assert started(app) == PRESETS[preset].replace(seed=7)


def test_every_setting_has_a_widget_with_the_bounds_and_choices_of_the_config() -> None:
    app = opened()
    put(app, "selectbox", "optimizer", "momentum")
    put(app, "selectbox", "schedule", "step")
    kinds = (app.number_input, app.slider, app.selectbox, app.toggle)
    widgets = {widget.key.removeprefix("train-"): widget for kind in kinds for widget in kind if widget.key}
    elsewhere = {"data", "image_layers", "hidden", "steps", "start_from"}
    elsewhere |= {"drawings_weight", "drawings_version", "label_corrections"}
    for setting in {field.name for field in dataclasses.fields(RunConfig)} - elsewhere:
        assert setting in widgets, setting
        if setting in BOUNDS:
            assert (widgets[setting].min, widgets[setting].max) == BOUNDS[setting][:2], setting
        elif setting in CHOICES:
            assert len(widgets[setting].options) == len(CHOICES[setting])
        assert widgets[setting].help, setting


def test_slider_and_exact_learning_rate_follow_each_other() -> None:
    app = opened()
    put(app, "number_input", "learning_rate", 0.0037)
    assert app.select_slider(key="train-slider").value == 0.004
    put(app, "select_slider", "slider", 0.5)
    assert app.number_input(key="train-learning_rate").value == 0.5
    assert started(app).learning_rate == 0.5


def test_a_run_by_steps_is_one() -> None:
    app = opened()
    app.button_group[0].set_value("Steps")
    run(app)
    put(app, "number_input", "steps", 40)
    assert started(app).steps == 40


def test_layers_come_and_go_one_by_one_down_to_none() -> None:
    app = opened()
    put(app, "number_input", "layers", 3)
    put(app, "number_input", "units-2", 16)
    assert started(app).hidden == (128, 64, 16)
    put(app, "number_input", "layers", 0)
    assert started(app).hidden == ()


def rows(app: AppTest) -> list[str]:
    """The image layers as they stand in the form."""
    return [block.proto.popover.label for block in app.get("popover") if "-image-row-" in block.proto.id]


def layer_table(app: AppTest) -> list[list[str]]:
    """The text of each cell of the table layer by layer."""
    table = next(html.proto.body for html in app.get("html") if 'class="layers"' in html.proto.body)
    lines = re.findall(r"<tr>(.*?)</tr>", table)
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[dh].*?</t[dh]>", line)] for line in lines]


def click(app: AppTest, part: str) -> AppTest:
    app.button(key=f"train-image-{part}").click()
    return run(app)


def test_image_layers_are_added_changed_moved_and_taken_away() -> None:
    app = opened()
    for _ in range(4):
        click(app, "add")
    assert rows(app) == [
        "1 · Convolution 3×3, 16 filters",
        "2 · Max pooling 2×2",
        "3 · Convolution 3×3, 32 filters",
        "4 · Max pooling 2×2",
    ]
    put(app, "selectbox", "image-kernel-0", 5)
    put(app, "number_input", "image-stride-0", 2)
    put(app, "selectbox", "image-padding-0", "valid")
    put(app, "selectbox", "image-kind-1", "residual")
    put(app, "number_input", "image-filters-1", 8)
    put(app, "selectbox", "image-kind-3", "average-pool")
    put(app, "selectbox", "image-window-3", 3)
    click(app, "up-2")
    click(app, "remove-0")
    click(app, "down-1")
    config = started(app)
    assert config.image_layers == ("conv 32", "average-pool 3x3", "residual 8")


@pytest.mark.parametrize("choice", READY)
def test_a_ready_choice_fills_the_image_layers(choice: str) -> None:
    app = put(opened(), "selectbox", "preset", "cnn")
    app.button_group(key="train-image-ready").set_value(choice)
    assert started(run(app)).image_layers == READY[choice]


def test_the_table_says_layer_by_layer_what_comes_out_and_what_is_learned() -> None:
    app = put(opened(), "selectbox", "preset", "cnn")
    assert layer_table(app)[:6] == [
        ["Layer", "Output", "Parameters"],
        ["", "Image", "28 × 28 × 1", "–"],
        ["", "Convolution 3×3, 16 filters", "28 × 28 × 16", "144"],
        ["", "Max pooling 2×2", "14 × 14 × 16", "–"],
        ["", "Batch norm", "14 × 14 × 16", "32"],
        ["", "ReLU", "14 × 14 × 16", "–"],
    ]
    assert layer_table(app)[-1] == ["In all", f"{PRESETS['cnn'].parameter_count():,}"]


def test_a_dense_network_begins_with_the_pixels_in_a_row() -> None:
    assert [text for text, _, _ in layer_rows(PRESETS["full-batch-64"])] == [
        "Flatten",
        "Dense, 64 units",
        "ReLU",
        "Dense, 10 units",
    ]


def test_every_kind_of_layer_has_a_name_in_the_table() -> None:
    config = PRESETS["cnn"].replace(image_layers=("residual 4", "conv 2 valid", "average-pool"), dropout=0.25)
    assert [text for text, _, _ in layer_rows(config)] == [
        "Residual block 3×3, 4 filters",
        "Convolution 3×3, 2 filters, valid",
        "Batch norm",
        "ReLU",
        "Average pooling 2×2",
        "Flatten",
        "Dense, 64 units",
        "Batch norm",
        "ReLU",
        "Dropout 25\N{NO-BREAK SPACE}%",
        "Dense, 10 units",
    ]


def test_a_layer_that_does_not_fit_is_refused_at_its_row_and_at_the_start() -> None:
    app = put(opened(), "selectbox", "preset", "cnn")
    put(app, "selectbox", "image-window-1", 14)
    put(app, "selectbox", "image-window-3", 3)
    assert [error.value for error in app.error] == 2 * [app.error[0].value]
    assert "Image layer 4, max-pool 3x3: " in app.error[0].value
    assert "got 2x2" in app.error[0].value
    assert button(app, "Start fresh").disabled
    click(app, "remove-1")
    assert not app.error
    assert not button(app, "Start fresh").disabled


def test_parameters_steps_and_time_stand_beside_the_start() -> None:
    text = next(caption.value for caption in opened().caption if "parameters" in caption.value)
    assert "784-128-64-10: 109,386 parameters" in text
    assert "About" in text
    assert "145 steps on 3,667 images" in text


def test_every_start_is_a_run_of_its_own() -> None:
    app = opened()
    started(app)
    started(app)
    assert len({made.id for made in list_runs()}) == 2


def test_settings_that_are_no_preset_say_so_in_the_name() -> None:
    started(put(opened(), "number_input", "batch_size", 64))
    assert list_runs()[0].name == "quick, changed"


def test_early_stopping_without_validation_is_refused_in_a_sentence() -> None:
    app = put(opened(), "number_input", "patience", 3)
    put(app, "slider", "validation_share", 0.0)
    assert "Early stopping needs validation images" in app.error[0].value
    assert button(app, "Start fresh").disabled


def test_continuing_begins_with_the_weights_of_the_model_and_leaves_it_alone() -> None:
    model = finish(SMALL)
    before = model.model.read_bytes()
    app = opened()
    app.selectbox(key="start-model-shipped").select(model.id)
    run(app)
    press(app, "Continue from this model")
    new = next(made for made in list_runs() if made.id != model.id)
    assert new.config.start_from == load_classifier(model.model).fingerprint
    assert new.config.hidden == SMALL.hidden
    assert new.start.read_bytes() == before == model.model.read_bytes()


# The digits to learn from.


def test_mnist_that_is_not_there_is_offered_for_download_and_cannot_start() -> None:
    app = put(opened(), "selectbox", "source", "mnist")
    assert "MNIST is not on this computer" in app.info[0].value
    assert "Download MNIST" in labels(app)
    assert button(app, "Start fresh").disabled
    press(app, "Take the 5,000 digits")
    assert not button(app, "Start fresh").disabled


def test_a_csv_file_is_trained_on_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "digits.csv"
    file.write_text("".join(f"{n % 10}," + ",".join([str(n)] * 784) + "\n" for n in range(100)))
    app = put(opened(), "selectbox", "source", "file")
    assert button(app, "Start fresh").disabled
    put(app, "text_input", "path", str(file))
    assert started(app).data == str(file)


@pytest.mark.parametrize("content", [None, "5,1,2,3\n"])
def test_a_file_that_is_missing_or_wrong_gives_a_sentence(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "digits.csv"
    if content is not None:
        file.write_text(content)
    app = put(opened(), "selectbox", "source", "file")
    put(app, "text_input", "path", str(file))
    assert "digits.csv" in app.error[0].value
    assert button(app, "Start fresh").disabled


def test_an_uploaded_file_stays_for_a_resume() -> None:
    app = put(opened(), "selectbox", "source", "file")
    content = "".join(f"{n % 10}," + ",".join([str(n)] * 784) + "\n" for n in range(100)).encode()
    app.file_uploader[0].set_value(("mine.csv", content, "text/csv"))
    run(app)
    kept = Path(started(app).data)
    assert kept.name == "mine.csv"
    assert kept.read_bytes() == content


def test_own_drawings_are_learned_only_when_asked_and_with_the_weight_that_is_set() -> None:
    assert opened().toggle(key="train-drawings").disabled
    append_drawing(np.full((28, 28), 9, np.uint8), 3, predicted=8, confidence=0.5, model="m", session="s")
    app = opened()
    assert started(app).drawings_weight == 0
    put(app, "toggle", "drawings", True)
    put(app, "number_input", "drawings_weight", 20)
    assert "3,687 images" in next(caption.value for caption in app.caption if "parameters" in caption.value)
    assert started(app).drawings_weight == 20


# What training makes of the digits.


def previewed(app: AppTest) -> list[str]:
    """The images of the preview, each column the digit itself and then what was made of it."""
    sheets = [html.proto.body for html in app.get("html") if "columns-sheet" in html.proto.body]
    return re.findall(r"<img src=\"(.*?)\"", "".join(sheets))


def with_preview(**strengths: float) -> AppTest:
    app = opened()
    app.session_state["train-against-overfitting"] = True
    for setting, strength in strengths.items():
        app.slider(key=f"train-{setting}").set_value(strength)
    return run(app)


def test_the_preview_is_computed_only_once_its_group_is_open() -> None:
    assert not previewed(opened())
    assert len(previewed(with_preview())) == 16


def test_with_every_strength_at_zero_the_preview_shows_the_digits_as_they_are_and_says_so() -> None:
    app = with_preview()
    images = previewed(app)
    assert all(images[place] == images[place - place % 4] for place in range(16))
    assert len(set(images)) == 4
    assert any("All of this is off" in caption.value for caption in app.caption)
    assert button(app, "Draw again").disabled


@pytest.mark.parametrize("strength", ["shift", "rotation", "scale", "shear", "elastic", "stroke_width"])
def test_the_preview_changes_with_each_slider_and_with_another_draw(strength: str) -> None:
    app = with_preview(**{strength: 0.5 * BOUNDS[strength].high})
    images = previewed(app)
    assert len(set(images)) == 16
    again = previewed(press(app, "Draw again"))
    assert len({*images, *again}) == 16 + 12
    assert images[::4] == again[::4]


def test_the_preview_shows_the_digits_of_the_chosen_source_and_nothing_where_they_are_not_there(
    tmp_path: Path,
) -> None:
    file = tmp_path / "digits.csv"
    file.write_text("".join(f"{n % 2}," + ",".join([str(n)] * 784) + "\n" for n in range(3)))
    app = with_preview()
    ours = previewed(app)
    put(app, "selectbox", "source", "mnist")
    assert not previewed(app)
    put(app, "selectbox", "source", "file")
    assert not previewed(app)
    put(app, "text_input", "path", str(file))
    assert len(set(previewed(app))) == 3
    assert not {*previewed(app)} & {*ours}


# What is said and offered in each state.


def test_without_a_run_the_page_says_what_to_do_and_shows_the_schedule() -> None:
    app = opened()
    assert "press Start fresh" in app.info[0].value
    assert len(app.get("vega_lite_chart")) == 2  # beside the settings, and where the curves will be


def test_a_run_that_does_not_exist_is_a_sentence() -> None:
    assert "There is no run nowhere" in opened(run="nowhere").error[0].value


def test_a_finished_run_says_how_good_it_is_and_how_sure_that_is() -> None:
    text = opened(run=finish(SMALL).id).success[0].value
    assert "of 333 validation images read correctly (95\N{NO-BREAK SPACE}% interval: " in text


def test_a_finished_model_is_used_by_one_click() -> None:
    done = finish(SMALL)
    app = press(opened(run=done.id), "Use this model")
    assert app.query_params["model"] == done.id
    assert "Use this model" not in labels(app)
    assert {link.proto.label for link in app.get("page_link")} == {"Try it on Draw", "See it on Evaluate"}
    assert "Download" in labels(app)


def test_the_settings_of_a_run_can_be_used_again() -> None:
    layers = {"image_layers": ("conv 4 5x5 stride 2 valid", "max-pool 3x3"), "hidden": (30, 20), "batch_norm": True}
    other = SMALL.replace(**layers, schedule="cosine", learning_rate=0.02, steps=30, shift=2.0)
    made = create_run(other)
    made.write_status(replace(made.status(), state="stopped"))
    app = press(opened(run=made.id), "Use settings again")
    assert started(app) == other


@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        (
            "diverged",
            "The loss became infinite at step 3: learning rate 8 is too high for this network; try 0.5.",
            "error",
        ),
        ("failed", "There is not enough memory for this network and batch size; make one of them smaller.", "error"),
        ("interrupted", "Its process is gone; resume it to go on from the last checkpoint.", "warning"),
        ("stopped", "Stopped at step 0 of 58; the run can be resumed.", "info"),
    ],
)
def test_a_run_that_did_not_finish_says_why(state: str, reason: str, kind: str) -> None:
    assert reason in getattr(opened(run=in_state(state, reason).id), kind)[0].value


@pytest.mark.parametrize("state", ["stopped", "interrupted", "failed"])
def test_one_click_resumes(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed: list[Run] = []
    monkeypatch.setattr(jobs, "resume", resumed.append)
    made = in_state(state)
    press(opened(run=made.id), "Resume")
    assert resumed == [made]


def test_a_diverged_run_is_not_resumed_into_the_same_end() -> None:
    assert "Resume" not in labels(opened(run=in_state("diverged").id))


def test_a_run_whose_process_is_gone_is_shown_as_interrupted() -> None:
    made = in_state("running", pid=999_999, step=5)
    assert "Interrupted at step 5 of 58" in opened(run=made.id).warning[0].value


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "is_alive", lambda run: True)


@pytest.mark.usefixtures("alive")
def test_a_running_run_can_be_paused_and_stopped_and_its_rate_changed() -> None:
    made = in_state("running", step=29, learning_rate=0.001, images_per_second=41_000.0, seconds_left=2.5, epoch=1.0)
    app = opened(run=made.id)
    assert app.get("progress")[0].proto.text == "Running, epoch 1.0 · step 29 of 58 · 41,000 images/s · 2.5\xa0s left"
    app.number_input(key=f"rate-{made.id}").set_value(0.02)
    press(run(app), "Set")
    assert made.requests().learning_rate == 0.02
    press(app, "Back to the schedule")
    assert made.requests().learning_rate is None
    press(app, "Pause")
    assert made.requests().action == "pause"
    assert app.get("progress")[0].proto.text == "Pausing"
    press(app, "Stop")
    assert made.requests().action == "stop"
    assert app.get("progress")[0].proto.text == "Stopping"


@pytest.mark.usefixtures("alive")
def test_a_paused_run_goes_on_by_one_click() -> None:
    made = in_state("paused", step=29)
    made.request("pause")
    press(opened(run=made.id), "Resume")
    assert made.requests().action == "run"


@pytest.mark.usefixtures("alive")
def test_a_waiting_run_says_its_place_in_the_queue() -> None:
    app = opened(run=in_state("queued", place=2).id)
    assert "place 2 in the queue, 4 at a time" in app.get("progress")[0].proto.text


def test_the_trials_of_sweeps_are_in_the_list_only_while_they_are_shown() -> None:
    from dashboard.train.run_view import listed_runs

    mine, trial = create_run(SMALL, name="mine"), create_run(SMALL, name="trial", group="sweep", trial=0)
    opened()
    assert [made for made, _ in listed_runs()] == [mine]
    app = opened(run=trial.id)
    assert "trial" in app.subheader[0].value


@pytest.mark.usefixtures("alive")
def test_active_runs_come_first_in_the_list_also_those_started_elsewhere() -> None:
    from dashboard.train.run_view import listed_runs

    running, done = in_state("running"), in_state("finished")
    assert [made for made, _ in listed_runs()] == [running, done]
    app = opened()
    app.session_state["run-list"] = True
    run(app)
    assert [label for label in labels(app) if label.startswith("mine")] == [
        f"{running.title}, running",
        f"{done.title}, finished",
    ]
    button(app, f"{done.title}, finished").click()
    run(app)
    assert app.query_params["run"] == done.id

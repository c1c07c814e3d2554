"""Explore without a browser: the test of learning rates and the prepared experiments, in each of
their states.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from experiments.guides import GUIDES, SEEDS
from experiments.range_test import create_range_test, range_tests_folder
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.history import append_row
from experiments.runs.run import Run, create_run
from experiments.sweeps import Sweep, Trial, create_sweep
from tests.page_without_browser import open_page, run
from tests.small_runs import SMALL, to_end

TEST, EXPERIMENTS = "Learning-rate test", "Experiments"
MOMENTUM = GUIDES["momentum"]


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start makes the folder and no worker."""
    st.cache_data.clear()
    st.cache_resource.clear()
    monkeypatch.setattr("experiments.runs.control.start", lambda run: None)
    monkeypatch.setattr("experiments.jobs.launch.launch", lambda *_, **__: None)


def opened(view: str, **address: str) -> AppTest:
    return open_page("explore", view=view, **address)


def texts(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info, *app.success, *app.subheader]
    return " ".join(part.value for part in parts) + " ".join(html.proto.body for html in app.get("html"))


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def made_tests() -> list[Run]:
    return [Run(path) for path in sorted(range_tests_folder().glob("2*"))]


# The test of learning rates.


def test_one_click_starts_a_test_of_the_first_preset_and_the_address_names_it() -> None:
    app = press(opened(TEST), "Test learning rates")
    (made,) = made_tests()
    assert app.query_params["range_test"] == made.id
    assert made.config.hidden == PRESETS["quick"].hidden
    assert made.status().name == "Preset quick"


def test_the_settings_can_be_those_of_a_run() -> None:
    mine = create_run(SMALL, name="mine")
    app = opened(TEST)
    app.selectbox(key="range-test-settings").set_value(mine.id)
    press(run(app), "Test learning rates")
    assert made_tests()[0].config.hidden == SMALL.hidden


def test_a_finished_test_says_what_it_found_and_train_takes_it_over() -> None:
    made = create_range_test(PRESETS["quick"].replace(data="mnist-5k", hidden=(16,)))
    to_end(made)
    app = opened(TEST, range_test=made.id)
    found = {metric.label: metric.value for metric in app.metric}
    assert set(found) == {"Suggested learning rate", "Range worth trying", "Training diverges at"}
    rate = float(found["Suggested learning rate"])
    assert 0.001 < rate < 0.1
    button = next(button for button in app.button if button.label == f"Use {rate:g} in Train")
    assert not button.disabled


def test_a_test_of_a_network_that_cannot_learn_suggests_nothing() -> None:
    made = create_range_test(PRESETS["quick"].replace(data="mnist-5k", hidden=(16,), initializer="zeros"))
    to_end(made)
    app = opened(TEST, range_test=made.id)
    assert not app.metric
    assert "none to suggest" in texts(app)


@pytest.mark.parametrize("which", ["no-such-test", "../.."])
def test_a_test_that_is_not_there_gives_a_sentence_and_another_can_be_started(which: str) -> None:
    app = opened(TEST, range_test=which)
    assert "range test" in texts(app)
    press(app, "Test learning rates")
    assert len(made_tests()) == 1


# Experiments.


def results(sweep: Sweep, folder: Path) -> None:
    """As if all of its trials had been trained, in a blink: the same curve for each."""
    trials = []
    for number, name in enumerate(sweep.spec.variants):
        ids = []
        for seed in range(SEEDS):
            config = RunConfig(data="mnist-5k", seed=seed, **sweep.spec.variants[name])
            made = create_run(config, group=sweep.id, trial=number, folder=folder / f"{number}-{seed}")
            for epoch in range(1, 6):
                accuracy = 0.5 + 0.08 * epoch
                append_row(
                    made.folder, [10 * epoch, epoch, 0.1, 2 / epoch, accuracy, 1 / epoch, accuracy, 1.0, 1e4, epoch]
                )
            made.write_status(replace(made.status(), state="finished", pid=1))
            ids.append(made.id)
        trials.append(Trial(number, {"variant": name}, "done", True, (0.9,) * SEEDS, tuple(ids)))
    sweep.publish_trials(trials)
    sweep.set_status(state="finished", pid=1)


def test_every_experiment_has_a_card_that_opens_it_at_its_address() -> None:
    app = opened(EXPERIMENTS)
    assert [button.label for button in app.button] == [f"**{guide.title}**" for guide in GUIDES.values()]
    press(app, f"**{MOMENTUM.title}**")
    assert app.query_params["guide"] == "momentum"
    assert MOMENTUM.title in texts(app)


@pytest.mark.parametrize("name", GUIDES)
def test_the_link_of_an_experiment_fills_the_page_before_it_is_run(name: str) -> None:
    app = opened(EXPERIMENTS, guide=name)
    guide = GUIDES[name]
    assert guide.title in texts(app)
    assert len(app.get("vega_lite_chart")) == len(guide.charts)
    assert texts(app).count("<li>") == 3
    assert "Run the experiment" in [button.label for button in app.button]


def test_running_an_experiment_makes_its_sweep_and_shows_its_progress() -> None:
    app = press(opened(EXPERIMENTS, guide="momentum"), "Run the experiment")
    assert MOMENTUM.sweep() is not None
    assert "Stop" in [button.label for button in app.button]


def test_what_was_run_already_is_shown_at_once_with_a_tick_at_what_its_numbers_say(tmp_path: Path) -> None:
    results(create_sweep(MOMENTUM.spec), tmp_path / "runs")
    app = opened(EXPERIMENTS, guide="momentum")
    assert "Finished after" in texts(app)
    sentences = texts(app).partition("<ol>")[2]
    assert sentences.count("✓") == 1  # all curves are the same, so only that the two ways end alike is true
    assert sentences.count("–") == 2
    assert app.dataframe[0].value["Setting"].tolist() == list(MOMENTUM.settings)
    app = press(app, "Open these runs")
    assert len(app.query_params["runs"].split(",")) == SEEDS * len(MOMENTUM.settings)


def test_an_experiment_that_is_not_there_gives_a_sentence_above_those_that_are() -> None:
    app = opened(EXPERIMENTS, guide="no-such")
    assert "no experiment 'no-such'" in texts(app)
    assert len(app.button) == len(GUIDES)

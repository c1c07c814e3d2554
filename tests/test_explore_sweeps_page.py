"""The Sweeps view without a browser: what a sweep is started with, and what is said and offered in
each state.
"""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, Selectbox

from dashboard.components.plain_text import WORD_JOINER
from dashboard.explore.sweep import render_live
from dashboard.explore.sweep_form import DEFAULT_SPACE
from experiments.runs.config import PRESETS
from experiments.runs.table import list_runs
from experiments.runs.trash import delete_sweep
from experiments.sweeps import Sweep, SweepSpec, create_sweep, list_sweeps
from experiments.sweeps.space import Range
from tests.made_trials import made_sweep, trial
from tests.page_without_browser import open_page, run
from tests.small_runs import SMALL, finish


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start makes the sweep and no process."""
    st.cache_data.clear()
    st.cache_resource.clear()
    monkeypatch.setattr("dashboard.explore.sweeps.start_sweep", create_sweep)


def opened(**address: str) -> AppTest:
    return open_page("explore", view="Sweeps", **address)


def button(app: AppTest, label: str) -> Button:
    return next(button for button in app.button if button.label == label)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, label: str) -> AppTest:
    button(app, label).click()
    return run(app)


def box(app: AppTest, label: str) -> Selectbox:
    return next(box for box in app.selectbox if box.label == label)


def filtered(app: AppTest, label: str, value: str) -> AppTest:
    box(app, label).select(value)
    return run(app)


def put(app: AppTest, kind: str, part: str, value: object) -> AppTest:
    getattr(app, kind)(key=f"sweep-{part}").set_value(value)
    return run(app)


def started(app: AppTest) -> SweepSpec:
    press(app, "Start sweep")
    return list_sweeps()[0].spec


def errors(app: AppTest) -> str:
    return " ".join(error.value for error in app.error)


def charts(app: AppTest) -> int:
    return len(app.get("vega_lite_chart")) + len(app.get("plotly_chart"))


# What a sweep is started with.


def test_one_click_searches_learning_rate_and_width_in_twelve_trials_on_the_digits_that_are_there() -> None:
    app = opened()
    assert "12 trials" in " ".join(caption.value for caption in app.caption)
    spec = started(app)
    assert spec.search == DEFAULT_SPACE
    assert spec.most_trials == 12
    assert spec.base == PRESETS["quick"]
    assert app.query_params["sweep"] == list_sweeps()[0].id


def test_every_start_is_a_sweep_of_its_own() -> None:
    started(opened())
    started(opened())
    assert [sweep.spec.name for sweep in list_sweeps()] == ["Learning rate × width 2", "Learning rate × width"]


def test_what_is_set_is_what_is_searched() -> None:
    app = opened()
    put(app, "multiselect", "searched", ["learning_rate", "activation", "dropout"])
    put(app, "button_group", "sampler", "tpe")
    put(app, "number_input", "from-learning_rate", 0.001)
    put(app, "number_input", "to-learning_rate", 0.05)
    put(app, "multiselect", "choices-activation", ["relu", "tanh"])
    put(app, "number_input", "trials", 30)
    put(app, "number_input", "seeds", 3)
    put(app, "selectbox", "pruner", "median")
    put(app, "number_input", "epochs", 2)
    put(app, "number_input", "most-minutes", 1.5)
    put(app, "text_input", "name", "Mine")
    spec = started(app)
    assert spec.search["learning_rate"] == Range(0.001, 0.05, log=True, points=4)
    assert spec.search["activation"] == ("relu", "tanh")
    assert isinstance(spec.search["dropout"], Range)
    assert (spec.sampler, spec.trials, spec.seeds, spec.pruner) == ("tpe", 30, 3, "median")
    assert (spec.base.epochs, spec.minutes, spec.name) == (2, 1.5, "Mine")


def test_the_values_a_grid_takes_are_written_out() -> None:
    app = put(opened(), "number_input", "points-width", 5)
    assert any(caption.value.startswith("16, 32, 64, 128, 256") for caption in app.caption)


def test_a_run_can_be_what_the_other_settings_are_taken_from() -> None:
    made = finish(SMALL)
    app = put(opened(), "selectbox", "base", made.id)
    spec = started(app)
    assert spec.base == SMALL
    assert app.query_params["sweep"]


def test_a_preset_that_counts_in_steps_is_searched_by_steps() -> None:
    app = put(opened(), "selectbox", "base", "full-batch-64")
    assert app.number_input(key="sweep-steps").value == PRESETS["full-batch-64"].steps
    put(app, "number_input", "steps", 20)
    assert started(app).base.steps == 20


def test_the_settings_of_a_sweep_can_be_used_again() -> None:
    base = SMALL.replace(dropout=0.2)  # no preset is like it
    sweep = made_sweep(
        base=base, search={"dropout": Range(0.0, 0.4, points=2), "activation": ("relu", "gelu")}, seeds=2
    )
    app = press(opened(sweep=sweep.id), "Use settings again")
    assert "sweep" not in app.query_params
    spec = started(app)
    assert (spec.base, spec.search, spec.seeds) == (base, sweep.spec.search, 2)


def test_a_search_that_the_form_cannot_show_is_not_offered_again() -> None:
    sweep = made_sweep(search={"batch_size": Range(16, 64, points=3)})
    assert "Use settings again" not in labels(opened(sweep=sweep.id))


# Wrong inputs.


def test_nothing_to_search_is_a_sentence() -> None:
    app = put(opened(), "multiselect", "searched", [])
    assert "choose at least one setting" in errors(app)
    assert button(app, "Start sweep").disabled


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [(0.1, 0.001, "Learning rate goes from 0.1 to 0.001: put the lower one first."), (0.1, 0.1, "which is one value")],
)
def test_a_range_that_is_upside_down_or_empty_is_said_where_it_is(start: float, end: float, said: str) -> None:
    app = put(opened(), "number_input", "from-learning_rate", start)
    put(app, "number_input", "to-learning_rate", end)
    assert said in errors(app)
    assert button(app, "Start sweep").disabled


def test_a_setting_without_values_is_said_where_it_is() -> None:
    app = put(opened(), "multiselect", "searched", ["optimizer"])
    put(app, "multiselect", "choices-optimizer", [])
    assert "Optimizer has no values: choose at least one." in errors(app)
    assert button(app, "Start sweep").disabled


def test_a_grid_that_is_too_large_is_refused_with_its_size() -> None:
    app = put(opened(), "number_input", "points-learning_rate", 20)
    put(app, "number_input", "points-width", 20)
    put(app, "multiselect", "searched", ["learning_rate", "width", "depth"])
    assert "1,200 combinations" in errors(app)
    assert button(app, "Start sweep").disabled
    put(app, "button_group", "sampler", "random")
    assert not app.error
    assert not button(app, "Start sweep").disabled


def test_settings_that_say_the_same_thing_are_refused_in_a_sentence() -> None:
    app = put(opened(), "multiselect", "searched", ["width", "hidden"])
    assert "they set the same layers" in errors(app)


def test_fewer_epochs_in_all_than_one_trial_takes_are_refused() -> None:
    app = put(opened(), "number_input", "most-epochs", 2)
    assert "less than one trial" in errors(app)


# What is said and offered in each state.


def test_a_sweep_that_does_not_exist_is_a_sentence_and_a_new_one_is_a_click_away() -> None:
    app = opened(sweep="nowhere")
    assert "There is no sweep" in errors(app)
    press(app, "New sweep")
    assert "Start sweep" in labels(app)


def test_a_finished_sweep_says_its_best_and_has_every_chart() -> None:
    app = opened(sweep=made_sweep().id)
    assert app.success[0].value.startswith("Finished after")
    numbers = {metric.label: metric.value for metric in app.metric}
    assert numbers["Best"] == "95.0\N{NO-BREAK SPACE}%"
    assert (numbers["Finished"], numbers["Diverged"]) == ("4", "1")
    assert charts(app) == 6  # parallel, map, the run of the best, two slices, history
    assert box(app, "Trial").value == 3
    assert "too few to tell" in " ".join(markdown.value for markdown in app.markdown)


def test_the_table_lists_the_best_first_with_a_link_to_each_run_and_marks_ties() -> None:
    sweep = made_sweep()
    table = opened(sweep=sweep.id).dataframe[0].value
    assert list(table["Trial"]) == [3, 2, 1, 0, 4, 5]
    assert set(table["Run"]) == {f"./train?run={sweep.trials()[0].runs[0]}"}
    assert table["Best"].iloc[0] == "best"
    assert table["Validation accuracy"].iloc[0] == pytest.approx(95)


def test_settings_that_tie_are_flagged_and_not_ranked() -> None:
    sweep = made_sweep(seeds=2)
    results = ((0.001, 0.95, 0.93), (0.01, 0.94, 0.92), (0.1, 0.70, 0.71))
    sweep.publish_trials([trial(n, *values, learning_rate=rate, width=16) for n, (rate, *values) in enumerate(results)])
    app = opened(sweep=sweep.id)
    table = app.dataframe[0].value
    assert list(table["Best"]) == ["tie", "tie", ""]
    assert table["±"].iloc[0] == pytest.approx(1.414, abs=0.001)
    assert any("2 settings tie for the best" in caption.value for caption in app.caption)


def test_one_searched_setting_needs_no_map() -> None:
    app = opened(sweep=made_sweep(search={"learning_rate": Range(0.001, 0.1, log=True, points=3)}).id)
    assert charts(app) == 4


def test_any_two_of_three_settings_make_the_map() -> None:
    search = DEFAULT_SPACE | {"activation": ("relu", "tanh")}
    app = opened(sweep=made_sweep(search=search).id)
    put(app, "selectbox", "across", "width")
    assert app.selectbox(key="sweep-up").options == ["Learning rate", "Activation"]
    put(app, "selectbox", "up", "activation")
    assert charts(app) == 7


def test_a_sweep_without_trials_says_so() -> None:
    app = opened(sweep=made_sweep(state="stopped", reason="Stopped by hand.", trials=0).id)
    assert any("No trial was started" in caption.value for caption in app.caption)


@pytest.mark.parametrize("state", ["stopped", "failed", "interrupted"])
def test_one_click_resumes(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed: list[Sweep] = []

    def resume(sweep: Sweep) -> None:
        resumed.append(sweep)

    monkeypatch.setattr("experiments.sweeps.resume_sweep", resume)
    sweep = made_sweep(state="running" if state == "interrupted" else state, reason="It says why.")
    app = press(opened(sweep=sweep.id), "Resume")
    assert resumed == [sweep]
    said = " ".join(box.value for box in (*app.info, *app.error, *app.warning))
    assert "Its process is gone" in said if state == "interrupted" else "It says why." in said


def test_a_running_sweep_says_how_far_it_is_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sweep, "is_alive", lambda sweep: True)
    sweep = made_sweep(state="running")
    app = opened(sweep=sweep.id)
    assert "5 of 6 trials ended" in app.get("progress")[0].proto.text
    press(app, "Stop")
    assert sweep.stop_requested
    assert app.get("progress")[0].proto.text == "Stopping"


def test_a_trial_is_picked_by_the_box_and_its_run_opens_in_train() -> None:
    sweep = made_sweep()
    app = opened(sweep=sweep.id)
    box(app, "Trial").select(2)
    run(app)
    texts = " ".join(markdown.value for markdown in app.markdown).replace(WORD_JOINER, "")
    assert "Learning rate **0.01** · Width **16**" in texts
    (link,) = [link for link in app.get("page_link") if link.proto.label == "Open in Train"]
    assert link.proto.query_string == f"run={sweep.trials()[2].runs[0]}"


def test_the_best_trials_open_side_by_side_in_runs() -> None:
    sweep = made_sweep()
    app = opened(sweep=sweep.id)
    press(app, next(label for label in labels(app) if label.startswith("Compare the best")))
    assert app.query_params["runs"] == sweep.trials()[0].runs[0]


def test_a_sweep_that_was_looked_at_leaves_the_form_of_a_new_one_as_it_is() -> None:
    app = press(opened(sweep=made_sweep().id), "New sweep")
    assert not app.error
    assert started(app).search == DEFAULT_SPACE


def test_a_deleted_sweep_comes_back_with_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = made_sweep()
    app = press(opened(sweep=sweep.id), "Delete")
    assert (list_sweeps(), list_runs()) == ([], [])
    assert "The sweep made was deleted with its runs." in " ".join(caption.value for caption in app.caption)
    press(app, "Undo")
    assert app.query_params["sweep"] == sweep.id
    assert list_sweeps() == [sweep]
    assert [run.id for run in list_runs()] == list(sweep.trials()[0].runs)
    monkeypatch.setattr(Sweep, "is_alive", lambda sweep: True)
    assert "Delete" not in labels(opened(sweep=sweep.id))  # while it is underway


def test_a_sweep_that_another_tab_deletes_is_said_to_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = made_sweep()

    def render(sweep: Sweep) -> None:
        delete_sweep(sweep)  # between what the page has read and what renews itself
        render_live(sweep, "finished")

    monkeypatch.setattr("dashboard.explore.sweeps.render_sweep", render)
    assert "There is no sweep 'made'" in errors(opened(sweep=sweep.id))


# Filters without a mouse.


def test_filters_set_in_the_boxes_show_as_chips_and_are_taken_off_one_by_one() -> None:
    app = opened(sweep=made_sweep().id)
    filtered(app, "Learning rate from", "0.01")
    filtered(app, "Width from", "64")
    assert list(app.dataframe[0].value["Trial"]) == [3, 5]
    assert "2 of 6 trials" in " ".join(caption.value for caption in app.caption)
    press(app, "Learning rate: 0.01 to 0.1")
    assert list(app.dataframe[0].value["Trial"]) == [3, 1, 5]
    press(app, "Width: 64")
    assert len(app.dataframe[0].value) == 6


def test_the_result_is_filtered_in_boxes_too() -> None:
    app = opened(sweep=made_sweep().id)
    filtered(app, "Validation accuracy from", "92.0\N{NO-BREAK SPACE}%")
    assert list(app.dataframe[0].value["Trial"]) == [3, 2]


def test_another_sweep_has_no_filters_of_the_one_before() -> None:
    app = opened(sweep=made_sweep().id)
    other = made_sweep(name="other")
    filtered(app, "Width from", "64")
    app.session_state["sweep-list"] = True
    run(app)
    button(app, next(label for label in labels(app) if label.startswith("other"))).click()
    run(app)
    assert app.query_params["sweep"] == other.id
    assert len(app.dataframe[0].value) == 6

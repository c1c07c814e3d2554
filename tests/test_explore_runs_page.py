"""The Runs view of the Explore page without a browser: what is listed, what is compared, and what
can be done.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.explore import runs
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, create_run
from experiments.runs.table import list_runs
from experiments.runs.trash import deleted_runs
from tests.made_trials import made_sweep
from tests.page_without_browser import open_page, run
from tests.small_runs import SMALL, finish

BRIEF = SMALL.replace(epochs=1)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


def made(name: str = "mine", config: RunConfig = SMALL, **values: object) -> Run:
    """A run that ended, without its training; `values` are of its status."""
    created = create_run(config, name=name)
    usual = {"state": "finished", "best_validation_loss": 0.2, "best_validation_accuracy": 0.9, "best_epoch": 2.0}
    usual |= {"validation_loss": 0.3, "validation_accuracy": 0.8, "validation_images": 100, "epoch": 2.0}
    created.write_status(replace(created.stored(), **usual | values))
    return created


def compared(*runs: Run, **address: str) -> AppTest:
    return open_page("explore", runs=",".join(run.id for run in runs), **address)


def listed(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["name"])


def keys(app: AppTest) -> list[str]:
    """The pieces of HTML that say which line is which run."""
    return [html.proto.body for html in app.get("html") if "run-key" in html.proto.body]


def titles(app: AppTest) -> list[str]:
    """Of the charts whose data change, then of the others."""
    figures = [json.loads(chart.proto.spec)["layout"] for chart in app.get("plotly_chart")]
    specs = [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]
    return [spec["title"] for spec in specs] + [layout["title"]["text"] for layout in figures]


def says(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(element.value for kind in kinds for element in kind)


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def open_menu(app: AppTest, of: Run) -> AppTest:
    app.session_state[f"run-menu-{of.id}"] = True
    return run(app)


# What is listed.


def test_an_empty_folder_says_what_to_do_next_and_has_the_button_for_it() -> None:
    app = open_page("explore")
    assert "There are no runs yet" in says(app)
    assert "Train a network" in [button.label for button in app.button]


def test_every_run_is_listed_with_what_came_of_it_the_newest_first() -> None:
    made("first")
    made("second", best_validation_accuracy=0.95)
    table = open_page("explore").dataframe[0].value
    assert list(table["name"]) == ["second", "first"]
    row = table.iloc[0]
    assert (row["best_accuracy"], row["best_loss"], row["best_epoch"]) == (95.0, 0.2, 2.0)
    assert (row["last_accuracy"], row["last_loss"], row["state"]) == (80.0, 0.3, "Finished")
    assert row["parameters"] == SMALL.parameter_count()


def test_only_the_settings_in_which_the_listed_runs_differ_have_a_column() -> None:
    made(config=SMALL)
    made(config=SMALL.replace(learning_rate=0.1, hidden=(8, 4)))
    table = open_page("explore").dataframe[0].value
    assert list(table["learning_rate"]) == [0.1, SMALL.learning_rate]
    assert list(table["hidden"]) == ["8, 4", "8"]
    assert not {"dropout", "optimizer", "data"} & {*table.columns}


def test_a_setting_that_takes_no_part_has_no_value() -> None:
    made(config=SMALL.replace(optimizer="momentum", momentum=0.5))
    made(config=SMALL.replace(optimizer="nesterov", momentum=0.7))
    made(config=SMALL)
    momentum = open_page("explore").dataframe[0].value["momentum"]
    assert momentum.isna().tolist() == [True, False, False]


def test_of_a_sweep_the_best_run_is_listed_until_all_are_asked_for() -> None:
    made("mine")
    sweep = made_sweep(name="Rates", trials=0)
    for number, accuracy in enumerate((0.9, 0.97, 0.8)):
        made(f"Rates, trial {number}", group=sweep.id, trial=number, best_validation_accuracy=accuracy)
    app = open_page("explore")
    assert "2 of 5 runs" in says(app)
    table = app.dataframe[0].value
    assert (list(table["name"]), table["group"].iloc[0]) == (["Trial 1", "mine"], "Rates")
    app.toggle(key="runs-folded").set_value(False)
    assert len(listed(run(app))) == 5


def test_a_sweep_that_is_asked_for_by_its_name_shows_all_of_its_runs() -> None:
    made("mine")
    for number in range(3):
        made(group="rates", trial=number)
    app = open_page("explore")
    assert app.multiselect(key="runs-sweeps").options == ["Rates"]
    app.multiselect(key="runs-sweeps").set_value(["rates"])
    assert len(listed(run(app))) == 3


def test_runs_of_one_sweep_are_called_by_their_trials_beside_each_other() -> None:
    sweep = made_sweep(name="Rates", trials=0)
    runs = [
        made(f"Rates, trial {number}", config=SMALL.replace(seed=number), group=sweep.id, trial=number)
        for number in range(2)
    ]
    assert "<b>" in keys(compared(*runs))[0]
    assert all(f"Trial {number}" in key and "Rates" not in key for number, key in enumerate(keys(compared(*runs))))


def test_runs_of_range_tests_are_hidden_until_they_are_asked_for() -> None:
    made("mine")
    made("probe", group="range-test")
    app = open_page("explore")
    assert listed(app) == ["mine"]
    app.session_state["runs-kinds"] = ["Range tests"]
    assert listed(run(app)) == ["probe"]


def test_a_run_that_trains_says_how_far_it_is() -> None:
    training = made(state="running", step=29, total_steps=58)
    with training.hold():
        assert list(open_page("explore").dataframe[0].value["state"]) == ["Running, 50 %"]


@pytest.mark.parametrize(
    ("words", "found"), [("thin", ["thin"]), ("nothing such", []), ("sgd", ["wide"]), ("WIDE sgd", ["wide"])]
)
def test_a_search_looks_at_names_notes_and_settings(words: str, found: list[str]) -> None:
    made("thin")
    made("wide", SMALL.replace(optimizer="sgd"))
    app = open_page("explore")
    app.text_input(key="runs-search").set_value(words)
    run(app)
    assert (listed(app) if app.dataframe else []) == found
    if not found:
        assert listed(press(app, "Show all runs")) == ["wide", "thin"]


def test_any_setting_filters_and_so_does_the_state() -> None:
    made("slow", SMALL.replace(learning_rate=0.001))
    made("fast", SMALL.replace(learning_rate=0.1))
    made("burst", SMALL.replace(learning_rate=10.0), state="diverged")
    app = open_page("explore")
    app.multiselect(key="runs-settings").set_value(["learning_rate"])
    run(app)
    app.multiselect(key="runs-value-learning_rate").set_value(["0.001", "10"])
    assert listed(run(app)) == ["burst", "slow"]
    app.session_state["runs-states"] = ["diverged"]
    assert listed(run(app)) == ["burst"]
    assert listed(press(app, "Show all runs again")) == ["burst", "fast", "slow"]


def test_a_setting_with_many_values_filters_by_their_range() -> None:
    for place in range(1, 15):
        made(f"run {place}", SMALL.replace(learning_rate=place / 100))
    app = open_page("explore")
    app.multiselect(key="runs-settings").set_value(["learning_rate"])
    run(app)
    app.number_input(key="runs-least-learning_rate").set_value(0.125)
    assert listed(run(app)) == ["run 14", "run 13"]
    app.number_input(key="runs-greatest-learning_rate").set_value(0.135)
    assert listed(run(app)) == ["run 13"]
    assert len(listed(press(app, "Show all runs again"))) == 14


def test_a_chosen_run_is_listed_under_any_filter() -> None:
    chosen = made("probe", group="range-test")
    made("mine")
    assert listed(compared(chosen)) == ["mine", "probe"]


# What is compared.


def test_the_address_names_the_runs_that_are_compared() -> None:
    first, second = made("first"), made("second", SMALL.replace(learning_rate=0.1))
    app = compared(first, second)
    assert ["first" in keys(app)[0], "second" in keys(app)[1]] == [True, True]
    assert {"Loss", "Accuracy", "Learning rate", "Gradient norm", "Lowest validation loss"} <= {*titles(app)}
    assert "<i>Learning rate</i> 0.1" in keys(app)[1]
    assert "Dropout" not in keys(app)[1]


def test_the_address_names_how_the_curves_are_drawn() -> None:
    app = compared(finish(BRIEF), against="Epoch", vertical="Logarithmic", smoothing="0.5")
    assert "Error rate" in titles(app)
    assert app.slider(key="smoothing").value == 0.5
    assert 'Epoch"' in app.get("vega_lite_chart")[0].proto.spec


def test_runs_that_are_not_there_are_counted() -> None:
    app = open_page("explore", runs=f"{made().id},gone,../../etc")
    assert "2 runs of this address are not in this folder of runs." in says(app)
    assert len(keys(app)) == 1


def test_runs_of_one_name_are_told_apart_by_the_settings_in_which_they_differ() -> None:
    names = "\n".join(keys(compared(made(), made(config=SMALL.replace(learning_rate=0.1)), made("other"))))
    for name in ("mine, learning rate 0.003", "mine, learning rate 0.1", "<b>", "other</b>"):
        assert name in names


def test_runs_that_differ_by_their_seed_only_are_one_line_unless_each_is_asked_for() -> None:
    runs = [made(config=SMALL.replace(seed=seed)) for seed in range(2)]
    app = compared(*runs)
    assert app.toggle(key="mean").value
    assert len(set(app.dataframe[0].value["sign"])) == 1
    app = compared(*runs, mean="false")
    assert len({key.split("</b>")[0] for key in keys(app)}) == 2
    assert not [toggle for toggle in compared(runs[0], made("other", BRIEF)).toggle if toggle.key == "mean"]


def test_as_many_lines_as_there_are_colours_have_each_its_own_however_many_seeds_they_are_made_of() -> None:
    rates = [(place + 1) / 1000 for place in range(10)]
    runs = [made(config=SMALL.replace(learning_rate=rate, seed=seed)) for rate in rates for seed in range(2)]
    app = compared(*runs)
    assert "more cannot be told apart" not in says(app)
    assert len({key.split('alt=""')[0] for key in keys(app)}) == 10
    assert len([sign for sign in app.dataframe[0].value["sign"] if sign]) == 20


def test_more_runs_than_can_be_told_apart_are_not_drawn_and_that_is_said() -> None:
    runs = [made(config=SMALL.replace(learning_rate=(place + 1) / 1000)) for place in range(12)]
    assert "12 lines are selected, and the first 10 are drawn" in says(compared(*runs))


def test_a_run_that_is_much_longer_than_another_makes_the_horizontal_axes_logarithmic() -> None:
    def scale(*runs: Run) -> str:
        spec = json.loads(compared(*runs).get("vega_lite_chart")[0].proto.spec)
        return spec["encoding"]["x"]["scale"].get("type", "linear")

    long, short = made(step=5000), made(config=BRIEF, step=5)
    assert scale(long, short) == "log"
    assert scale(long, made(config=BRIEF, step=5, state="diverged")) == "linear"
    assert scale(long, made(config=BRIEF, step=500)) == "linear"


def test_a_name_is_never_taken_for_html_or_markdown() -> None:
    runs = [finish(BRIEF), finish(BRIEF.replace(seed=1))]
    for one in runs:
        one.set_label(name="<b>*bold*", note="<script>")
    app = compared(*runs)
    assert "&lt;b&gt;*bold*" in keys(app)[0]
    assert "&lt;script&gt;" in keys(app)[0]
    assert r"\<b\>\*bold\*" in says(app)


def test_two_models_are_compared_in_a_sentence_with_matrices_and_the_digits_they_disagree_on() -> None:
    first, second = finish(BRIEF), finish(BRIEF.replace(seed=1))
    first.set_label(name="one")
    second.set_label(name="other")
    app = compared(first, second)
    assert "Of 333 digits, " in says(app)
    assert "They disagree on" in says(app)
    assert titles(app)[-3:] == ["one", "other", "Second minus first"]
    sheets = [html.proto.body for html in app.get("html") if 'class="sheet"' in html.proto.body]
    assert "× other: " in sheets[0]
    app = compared(first, second, compared="Test digits")
    assert "Of 1,000 digits, " in says(app)


def test_two_runs_without_models_say_that_there_is_none_yet() -> None:
    assert "has no model yet" in says(compared(made("first"), made("second")))


def test_without_a_choice_the_best_and_the_newest_are_offered() -> None:
    for place in range(4):
        made(f"run {place}", best_validation_loss=(4 - place) / 10)
    app = press(open_page("explore"), "The best three")
    assert [name in key for name, key in zip(("run 3", "run 2", "run 1"), keys(app), strict=True)] == [True] * 3
    assert app.query_params["runs"].count(",") == 2


def test_a_run_keeps_its_colour_when_another_is_taken_away() -> None:
    def script() -> None:
        from dashboard.session import state

        state.choose_runs("abc")
        state.choose_runs("c")
        assert state.chosen_runs() == {"c": 2}
        state.choose_runs("cd")
        assert state.chosen_runs() == {"d": 0, "c": 2}
        assert state.runs == "d,,c"
        state.choose_runs([])
        assert state.chosen_runs() == {}

    assert not AppTest.from_function(script).run().exception


# What can be done.


def test_a_run_is_renamed_noted_and_starred_in_its_menu() -> None:
    one = made()
    app = open_menu(compared(one), one)
    app.text_input(key=f"name-{one.id}").set_value("better")
    run(app)
    app.text_area(key=f"note-{one.id}").set_value("Remember me")
    run(app)
    press(app, "Star")
    assert (one.label().name, one.label().note, one.label().starred) == ("better", "Remember me", True)
    row = app.dataframe[0].value.iloc[0]
    assert (row["name"], row["note"], row["star"][0]) == ("better", "Remember me", "★")


def test_a_click_on_a_star_means_its_run_also_after_the_rows_have_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    older, starred = made("older"), []
    app = open_page("explore")
    clicked = {"row": 0, "label": app.dataframe[0].value.iloc[0]["star"]}
    newer = made("newer")
    table = run(app).dataframe[0].value
    assert table["name"].tolist() == ["newer", "older"]
    monkeypatch.setattr(runs, "page_state", SimpleNamespace(run_numbers=app.session_state["ExploreState.run_numbers"]))
    monkeypatch.setattr(runs, "toggle_star", starred.append)
    for click in (clicked, {"row": 0, "label": table.iloc[0]["star"]}, {"row": 0, "label": "★"}):
        monkeypatch.setattr(runs, "state", SimpleNamespace(widget=lambda key, click=click: click))
        runs._toggle_clicked_star()
    assert starred == [older.id, newer.id]


def test_deleted_runs_come_back_with_undo() -> None:
    first, second = made("first"), made("second")
    app = press(compared(first, second), "Delete 2 runs")
    assert not list_runs()
    assert "2 runs were deleted." in says(app)
    app = press(app, "Undo")
    assert {*listed(app)} == {"first", "second"}
    assert len(keys(app)) == 2
    assert not deleted_runs()


def test_what_cannot_be_done_is_said_in_a_sentence() -> None:
    one = made()
    app = open_menu(compared(one), one)
    one.write_status(replace(one.stored(), state="running"))
    with one.hold():
        app = press(app, "Delete")
        assert "stop it first" in app.toast[0].value
        assert listed(app) == ["mine"]


def test_a_run_that_trains_cannot_be_deleted() -> None:
    training = made(state="running")
    with training.hold():
        app = open_menu(compared(training), training)
        assert next(button for button in app.button if button.label == "Delete").disabled

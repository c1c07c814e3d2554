"""The learning-rate range test: it finds the rates at which a network learns, for use in Train."""

from pathlib import Path

import streamlit as st

from dashboard.access.actions import start_range_test
from dashboard.access.visibility import open_range_test
from dashboard.charts.range_test import range_test_figure
from dashboard.components.chart import render_chart
from dashboard.components.forms import fill_training_form, named
from dashboard.components.messages import EXPECTED, error_text, errors_as_text
from dashboard.components.plain_text import plain_text
from dashboard.components.resources import runs_to_repeat
from dashboard.explore.state import page_state
from dashboard.navigation import go_to
from dashboard.session import state
from dataset import SOURCES, available, default_source
from experiments.range_test import HIGHEST, RangeTest, config_tested, read_range_test
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import Run, Status

LIVE_SECONDS = 0.25
SETTINGS = "range-test-settings"
FORM = "form"  # of the Train page
EXPLANATION = (
    "This test trains for a second or two while the learning rate rises from far too low to far too high. Where the "
    "loss falls, the rate is high enough; where it rises again, the rate is too high."
)


def render() -> None:
    """Draw the view."""
    page_state.sync_url("range_test")
    st.caption(EXPLANATION)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        config, title = _choose_settings()
        pressed = st.button(
            "Test learning rates",
            key=f"range-test-start-{page_state.range_test}",  # a new button after each start, against double clicks
            type="primary" if not page_state.range_test else "secondary",
            icon=":material/play_arrow:",
            disabled=not available(config.data),
        )
    if not available(config.data):
        st.error(f"The digits of {config.data} are not here: choose settings for others, or get them on Train.")
    if pressed:
        with errors_as_text("The test could not be started: "):
            page_state.set_in_url("range_test", start_range_test(config, name=title).id)
            st.rerun()
    if not page_state.range_test:
        with st.container(key="range-test-state"):
            st.info("Choose settings and press Test learning rates: the loss is drawn here while the rate rises.")
        _draw(RangeTest(), config)
        return
    with errors_as_text():
        run = open_range_test(page_state.range_test)
        status, tested = run.status(), config_tested(run)
        every = LIVE_SECONDS if status.active else None
        st.fragment(_render_live, run_every=every)(run, tested, status.state)


def _choose_settings() -> tuple[RunConfig, str]:
    """Draw the choice of settings: the form of Train, a preset or a run -> these, and a title."""
    runs = runs_to_repeat(state.widget(SETTINGS))
    planned = state.planned

    def title(choice: str) -> str:
        if choice == FORM:
            return "As set on Train"
        return runs[choice].title if choice in runs else f"Preset {choice}"

    choice = st.selectbox(
        "Settings to test",
        [*([FORM] if planned else []), *PRESETS, *runs],
        format_func=title,
        key=SETTINGS,
        help="The network, the optimizer and the digits to find a learning rate for.",
        persist_state="session",
    )
    if choice == FORM and planned:
        return planned, title(choice)
    return (runs[choice].config if choice in runs else PRESETS[choice].replace(data=default_source())), title(choice)


def _render_live(run: Run, config: RunConfig, drawn: str) -> None:
    """The test, drawn four times a second; at its end the whole page is drawn once more."""
    try:
        status, history = run.status(), run.history()
    except EXPECTED as error:
        st.error(error_text(error))
        return
    if status.state != drawn:
        st.rerun()
    found = read_range_test(history, run.config, diverged=status.state == "diverged")
    with st.container(key="range-test-state"):
        _render_outcome(config, status, found)
    _draw(found, config)


def _draw(found: RangeTest, config: RunConfig) -> None:
    render_chart(
        range_test_figure(found, state.palette(), loss=config.loss),
        alt="Training loss by learning rate, with the suggested range and the rate at which training diverges",
    )


def _render_outcome(config: RunConfig, status: Status, found: RangeTest) -> None:
    """The progress; at the end the suggested rates, and the button that uses one in Train."""
    digits = SOURCES[config.data].title if config.data in SOURCES else Path(config.data).name
    about = f"{plain_text(status.name)}: {config.architecture}, {named(config.optimizer)}, on {plain_text(digits)}"
    if status.active:
        st.progress(status.progress, f"{'Starting' if status.state == 'queued' else 'Testing'}. {about}")
        return
    if status.state not in ("finished", "diverged", "stopped"):
        st.error(f"{error_text(status.reason)} Start the test again.")
        return
    if found.suggested is None:
        st.warning(
            "The loss hardly fell at any learning rate, so there is none to suggest. Look at the initializer and the "
            "activation first."
        )
        return
    numbers = {
        "Suggested learning rate": f"{found.suggested:g}",
        "Range worth trying": f"{found.suggested_low:g} to {found.suggested_high:g}",
        "Training diverges at": f"above {HIGHEST:g}" if found.diverges_at is None else f"{found.diverges_at:g}",
    }
    st.caption(about)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, number in numbers.items():
            st.metric(name, number, width=180)
        if st.button(f"Use {found.suggested:g} in Train", icon=":material/tune:", type="primary"):
            fill_training_form(config.replace(learning_rate=found.suggested))
            go_to("train")

"""The left side of Train: the settings of a run, its cost, and the buttons that start it."""

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.access.actions import machine_slowness, start_training
from dashboard.access.decision import Action, refusal_of
from dashboard.access.limits import Cost
from dashboard.access.visibility import open_run
from dashboard.charts.training import rate_figure, schedule
from dashboard.charts.vega_marks import VegaFigure
from dashboard.components import resources
from dashboard.components.chart import render_chart
from dashboard.components.forms import DATA_SETTINGS, TRAINING_FORM, preset_with_data_of
from dashboard.components.image_layers import sentence
from dashboard.components.messages import errors_as_text
from dashboard.components.training_data import choose_source, corrected_labels, own_drawings
from dashboard.navigation import place
from dashboard.session import SHIPPED, state
from dashboard.train.preview import layers_table, render_augmentation
from dataset import default_source
from experiments.formats import duration
from experiments.runs.config import PRESETS, RunConfig
from experiments.training.cost import expected_seconds, training_images
from model import DEFAULT_PRESET, DESCRIPTIONS, ConfigError
from model.classifier import SHIPPED as SHIPPED_FILE

FORM = TRAINING_FORM
PLAN = "The learning rate over the steps of the run, as planned"


def render_new_run() -> VegaFigure | None:
    """Few settings are visible, the others in groups; the start button is above the groups.

    -> the planned learning rate, if there are digits to train on.
    """
    if not FORM.filled():
        FORM.fill(PRESETS[DEFAULT_PRESET])
        state.set_widget(FORM.key("source"), default_source())
    preset = st.selectbox(
        "Preset",
        list(PRESETS),
        key=FORM.key("preset"),
        help="A network and its training that are worth knowing. You can change every setting below.",
        on_change=lambda: FORM.fill(PRESETS[state.widget(FORM.key("preset"))], but=DATA_SETTINGS),
        persist_state="session",
    )
    st.caption(DESCRIPTIONS[preset])
    data, pool = choose_source(FORM)
    values = {"data": data} | FORM.length() | FORM.learning_rate()
    if st.button("Find a good learning rate", type="tertiary", icon=":material/query_stats:"):
        state.set_widget("range-test-settings", "form")
        st.switch_page(place("explore"), query_params={"view": "Learning-rate test"})
    start = st.container()
    groups, table, chart = _render_groups(data, pool)
    try:
        config = RunConfig(**values | groups)
    except ConfigError as error:
        with start:
            st.error(sentence(error))
            _start_buttons(ready=False)
        return None
    state.planned = config
    with table:
        st.html(layers_table(config, state.palette()))
    images = training_images(config, pool)
    with start:
        _render_start(config, preset, images, ready=pool > 0)
    if not pool:
        return None
    steps = config.total_steps(images)
    planned = schedule(lambda step: config.scheduled_rate(step, images), steps)
    figure = rate_figure(planned, None, total_steps=steps, palette=state.palette())
    with chart:
        render_chart(figure, alt=PLAN)
    return figure


def _render_groups(data: str, pool: int) -> tuple[dict[str, Any], DeltaGenerator, DeltaGenerator]:
    """The groups of settings -> their values, and containers for the layer table and the plan."""
    with st.expander("Network", icon=":material/hub:"):
        values = FORM.network()
        table = st.container()
    with st.expander("Optimizer and schedule", icon=":material/trending_down:"):
        values |= FORM.optimizer() | FORM.schedule()
        chart = st.container()
    # Opening this group reruns the page, so only then are the digits of the preview loaded.
    group = st.expander(
        "Against overfitting", icon=":material/shield:", key=FORM.key("against-overfitting"), on_change="rerun"
    )
    with group:
        values |= FORM.regularization(values["loss"])
        st.caption("Change the training images at random:")
        strengths = FORM.augmentation()
        if group.open and pool:
            render_augmentation(data, strengths)
    with st.expander("Data and repetition", icon=":material/database:"):
        values |= FORM.number("validation_share") | FORM.number("training_images")
        values |= own_drawings(FORM) | corrected_labels(FORM) | FORM.repetition()
    return values | strengths, table, chart


def _render_start(config: RunConfig, preset: str, images: int, *, ready: bool) -> None:
    """The size and the cost of the run, and the buttons."""
    about = f"{config.architecture}: {config.parameter_count():,} parameters."
    if ready:
        seconds = expected_seconds(config, images, machine_slowness())
        about += f" About {duration(round(seconds))} for {config.total_steps(images):,} steps on {images:,} images."
    st.caption(about)
    if ready and (refusal := refusal_of(Action.TRAIN, cost=Cost(seconds))):
        st.info(str(refusal), icon=":material/lock:")
        ready = False
    if config.patience and not config.validation_share:
        st.error("Early stopping needs validation images: raise the validation share, or set early stopping to 0.")
        ready = False
    name = preset if config == preset_with_data_of(config, preset) else f"{preset}, changed"
    pressed, continuing = _start_buttons(ready=ready)
    if pressed:
        _start(config, name)
    with continuing:
        _render_continue(config, name)


def _start_buttons(*, ready: bool) -> tuple[bool, DeltaGenerator]:
    """-> whether the button was pressed, and the container for a model to continue from."""
    with st.container(horizontal=True):
        # Each start has a button of its own, so the second click of a double click does nothing.
        pressed = st.button(
            "Start fresh", key=f"start-{state.starts}", type="primary", icon=":material/play_arrow:", disabled=not ready
        )
        return pressed, st.popover("Continue from a model", key=f"continue-{state.starts}", disabled=not ready)


def _render_continue(config: RunConfig, name: str) -> None:
    """The choice of a model whose weights a new run starts with, and the button."""
    wanted = state.shown_run(), state.chosen_model()
    titles = resources.model_titles(*wanted)
    likely = next((choice for choice in wanted if choice in titles), SHIPPED)
    choice = st.selectbox(
        "Model",
        list(titles),
        index=list(titles).index(likely),
        format_func=lambda choice: titles.get(choice, choice),
        key=f"start-model-{likely}",
    )
    with errors_as_text():
        model = resources.classifier(choice)
        source = SHIPPED_FILE if choice == SHIPPED else open_run(choice).model
        st.caption(
            "A new run starts with the weights of this model and so has its network instead of the one set here. "
            "All other settings hold. The model itself does not change."
        )
        key = f"go-on-{state.starts}"
        if st.button("Continue from this model", key=key, type="primary", icon=":material/play_arrow:"):
            _start(config.with_network_of(model.config), f"{name}, continued", source)


def _start(config: RunConfig, name: str, start: Path | None = None) -> None:
    """Start a run and show it."""
    with errors_as_text("The run could not be started: "):
        run = start_training(config, name=name, start=start)
        state.starts += 1
        state.show_run(run.id)
        st.rerun()

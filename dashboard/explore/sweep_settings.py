"""Sweep settings: how to search, what all trials share, and how much of it."""

from typing import Any

import streamlit as st

from dashboard.components import resources
from dashboard.components.forms import Form
from dashboard.components.training_data import FILE, choose_source
from dashboard.explore.search_form import begin_with, fill_space
from dashboard.session import state
from dataset import SOURCES
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import RunError, open_run
from experiments.sweeps import Sweep, SweepError, open_sweep
from model import DEFAULT_PRESET

FORM = Form("sweep")
MOST = 1000  # trials that a grid may have: more take hours, and nobody can look at them
LISTED = 30  # runs that tell how fast this machine is
SWEEP = "sweep:"  # before the id of one whose settings are the base
TO_BEGIN_WITH: dict[str, Any] = {
    "source": "mnist-5k",  # every installation has it, and twelve trainings on it take seconds
    "epochs": PRESETS[DEFAULT_PRESET].epochs,
    "sampler": "grid",
    "trials": 12,
    "seeds": 1,
    "pruner": "none",
    "objective": "validation_accuracy",
    "most-epochs": 0,
    "most-minutes": 0.0,
}
SAMPLERS = {
    "grid": ("Every combination", "Tries all combinations of the values. Two settings fill a whole map."),
    "random": (
        "At random",
        "Draws each setting from its range. Better than a grid where several settings are searched and few of them "
        "matter: every trial tries new values of those that do.",
    ),
    "tpe": (
        "Guided",
        "Begins at random, then looks more often where results were good (a tree-structured Parzen estimator, TPE). "
        "Finds good settings with fewer trials, from about 20 on.",
    ),
}
PRUNERS = {
    "none": "Let every trial finish",
    "median": "Stop trials that are worse than half of the others",
    "hyperband": "Few epochs for many trials, all epochs for the best",
}
OBJECTIVES = {"validation_accuracy": "Validation accuracy", "validation_loss": "Validation loss"}


def begin_with_defaults() -> None:
    """What every widget shows before anybody has touched it."""
    for part, value in TO_BEGIN_WITH.items():
        begin_with(FORM.key(part), value)


def choose_sampler() -> str:
    chosen = st.segmented_control(
        "How to search",
        list(SAMPLERS),
        required=True,
        format_func=lambda name: SAMPLERS[name][0],
        key=FORM.key("sampler"),
        persist_state="session",
    )
    st.caption(SAMPLERS[chosen][1])
    return chosen


def choose_base() -> tuple[RunConfig | None, int]:
    """The settings that all trials share, and how many digits there are to train and validate on."""
    key = FORM.key("base")
    runs = {run_id: row.title for run_id, row in resources.runs_to_repeat(state.widget(key)).items()}
    names = dict.fromkeys(PRESETS, "") | runs
    if (state.widget(key) or "").startswith(SWEEP):
        names[state.widget(key)] = f"Sweep {state.widget(key).removeprefix(SWEEP)}"
    if state.widget(key) not in names:
        state.set_widget(key, DEFAULT_PRESET)
    choice = st.selectbox(
        "All other settings as in",
        list(names),
        key=key,
        format_func=lambda name: names[name] or name,
        help="A preset, or one of your runs; of a sweep its best.",
        on_change=fill_from_base,
        persist_state="session",
    )
    data, pool = choose_source(FORM)
    base = base_of(choice)
    if base is None:
        st.error("These settings cannot be read any more: choose others.")
        return None, 0
    if base.steps:
        length = FORM.number("steps", text="Steps per training", low=1)
    else:
        length = FORM.number("epochs", text="Epochs per training")
    return base.replace(data=data or base.data, start_from="", **length), pool


def base_of(choice: str) -> RunConfig | None:
    if choice in PRESETS:
        return PRESETS[choice]
    try:
        return open_sweep(choice.removeprefix(SWEEP)).spec.base if choice.startswith(SWEEP) else open_run(choice).config
    except (RunError, SweepError):
        return None


def fill_from_base() -> None:
    base = base_of(state.widget(FORM.key("base")))
    if base is not None:
        fill_length(base)
        if state.widget(FORM.key("base")) not in PRESETS:
            fill_data(base)


def fill_length(base: RunConfig) -> None:
    state.set_widget(FORM.key("epochs"), base.epochs)
    state.set_widget(FORM.key("steps"), max(1, base.steps))


def fill_data(base: RunConfig) -> None:
    known = base.data in SOURCES
    state.set_widget(FORM.key("source"), base.data if known else FILE)
    state.set_widget(FORM.key("path"), "" if known else base.data)


def fill_from_sweep(sweep: Sweep) -> None:
    """Show the settings of a sweep, as where it is to be repeated. For a callback."""
    spec = sweep.spec
    presets = (name for name, preset in PRESETS.items() if same_but_for_data(preset, spec.base))
    state.set_widget(FORM.key("base"), next(presets, f"{SWEEP}{sweep.id}"))
    fill_length(spec.base)
    fill_data(spec.base)
    for name, value in (
        ("sampler", spec.sampler),
        ("trials", spec.trials or 12),
        ("seeds", spec.seeds),
        ("pruner", spec.pruner),
        ("objective", spec.objective),
        ("most-epochs", int(spec.epochs or 0)),
        ("most-minutes", float(spec.minutes or 0)),
    ):
        state.set_widget(FORM.key(name), value)
    fill_space(FORM, spec.search)


def same_but_for_data(one: RunConfig, other: RunConfig) -> bool:
    return one.replace(data=other.data, epochs=other.epochs, steps=other.steps, seed=other.seed) == other


def choose_budget(sampler: str) -> dict[str, Any]:
    """How many trials; a grid says by itself."""
    if sampler == "grid":
        return {"trials": None}
    trials = st.number_input(
        "Trials",
        min_value=1,
        max_value=MOST,
        key=FORM.key("trials"),
        help="How many combinations to try.",
        persist_state="session",
    )
    return {"trials": trials}


def choose_more() -> dict[str, Any]:
    """What few people change."""
    options: dict[str, Any] = {"persist_state": "session"}
    name = st.text_input("Name", key=FORM.key("name"), placeholder="made from what is searched", **options)
    seeds = st.number_input(
        "Seeds per setting",
        min_value=1,
        max_value=10,
        key=FORM.key("seeds"),
        help="Train each combination so many times with other random numbers: settings whose results overlap are "
        "then shown as ties.",
        **options,
    )
    pruner = st.selectbox(
        "Hopeless trials",
        list(PRUNERS),
        key=FORM.key("pruner"),
        format_func=PRUNERS.get,
        help="Stopping what is clearly worse saves time for more trials. With several seeds the first one decides.",
        **options,
    )
    objective = st.selectbox(
        "Judge by",
        list(OBJECTIVES),
        key=FORM.key("objective"),
        format_func=OBJECTIVES.get,
        help="Validation accuracy is what people mean by good; the loss also tells how sure the answers are.",
        **options,
    )
    with st.container(horizontal=True):
        epochs = st.number_input(
            "At most so many epochs in all",
            min_value=0,
            key=FORM.key("most-epochs"),
            help="No new trial starts after them; 0: no limit.",
            **options,
        )
        minutes = st.number_input(
            "At most so many minutes",
            min_value=0.0,
            step=1.0,
            format="%g",
            key=FORM.key("most-minutes"),
            help="No new trial starts after them; 0: no limit.",
            **options,
        )
    return {
        "name": name.strip(),
        "seeds": seeds,
        "pruner": pruner,
        "objective": objective,
        "epochs": epochs or None,
        "minutes": minutes or None,
    }

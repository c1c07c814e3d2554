"""New sweep: what to search, how, and how much of it; the cost stands beside the start before anything begins."""

from typing import Any

import streamlit as st

from dashboard.explore.search_form import begin_with, choose_space, fill_space, title_of
from dashboard.forms import Form
from dashboard.state import state
from dashboard.train.training_data import FILE, choose_source
from dataset import SOURCES, count_by_digit
from experiments.cost import duration, slowness
from experiments.jobs import worker_limit
from experiments.runs import RunError, list_runs, open_run
from experiments.search import Space, grid_size
from experiments.sweeps import Sweep, SweepError, SweepSpec, open_sweep, start_sweep, unused_name
from model import DEFAULT_PRESET, PRESETS, ConfigError, TrainConfig

FORM = Form("sweep")
SWEEP = "sweep:"  # before the id of one whose settings are the base
LISTED = 30  # runs that can be the base, and that tell how fast this machine is
MOST = 1000  # trials that a grid may have: more take hours, and nobody can look at them
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


def render_new_sweep() -> None:
    """The start stands above the settings, so that one click is enough and always in sight."""
    for part, value in TO_BEGIN_WITH.items():
        begin_with(FORM.key(part), value)
    st.markdown(
        "A sweep trains the same network many times with other settings, and shows which of them matter. "
        "Start with what is filled in here, or choose what to search."
    )
    start = st.container()
    left, right = st.columns([5, 4], gap="large")
    with left:
        sampler = choose_sampler()
        space, wrong = choose_space(FORM, grid=sampler == "grid")
    with right:
        base, pool = choose_base()
        budget = choose_budget(sampler, space)
        with st.expander("More", icon=":material/tune:"):
            budget |= choose_more()
    with start:
        render_start(base, pool, space, sampler, budget, wrong)


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


def choose_base() -> tuple[TrainConfig | None, int]:
    """The settings that all trials share, and how many digits there are to train and validate on."""
    runs = {run.id: run.title for run in list_runs()[:LISTED]}
    names = dict.fromkeys(PRESETS, "") | runs
    key = FORM.key("base")
    if (state.widget(key) or "").startswith(SWEEP):
        names[state.widget(key)] = f"Sweep {state.widget(key).removeprefix(SWEEP)}"
    if state.widget(key) not in names:
        state.set_widget(key, DEFAULT_PRESET)
    choice = st.selectbox(
        "All other settings as in",
        list(names),
        key=key,
        format_func=lambda name: names[name] or name,
        help="A preset, or one of your runs.",
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


def base_of(choice: str) -> TrainConfig | None:
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


def fill_length(base: TrainConfig) -> None:
    state.set_widget(FORM.key("epochs"), base.epochs)
    state.set_widget(FORM.key("steps"), max(1, base.steps))


def fill_data(base: TrainConfig) -> None:
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


def same_but_for_data(one: TrainConfig, other: TrainConfig) -> bool:
    return one.replace(data=other.data, epochs=other.epochs, steps=other.steps, seed=other.seed) == other


def choose_budget(sampler: str, space: Space) -> dict[str, Any]:
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


def render_start(
    base: TrainConfig | None, pool: int, space: Space, sampler: str, budget: dict[str, Any], wrong: str
) -> None:
    """The button and what it will cost, or what is in the way."""
    spec, problem = None, wrong
    if base is not None and not problem:
        spec, problem = planned(base, space, sampler, budget)
    with st.container(horizontal=True, vertical_alignment="center"):
        # Each start has a button of its own: the second click of a double click finds it gone.
        pressed = st.button(
            "Start sweep",
            key=f"start-sweep-{state.starts}",
            type="primary",
            icon=":material/play_arrow:",
            disabled=spec is None or not pool,
        )
        if spec is not None and pool:
            st.caption(cost(spec, pool), width="stretch")
    if problem:
        st.error(problem)
    if pressed and spec is not None:
        begin(spec)


def planned(base: TrainConfig, space: Space, sampler: str, budget: dict[str, Any]) -> tuple[SweepSpec | None, str]:
    """The sweep that all of this makes, or the sentence that says why it makes none."""
    if not space:
        return None, "Nothing is searched: choose at least one setting under What to search."
    if sampler == "grid" and (size := grid_size(space)) > MOST:
        return None, (
            f"This grid has {size:,} combinations, and {MOST:,} are the most. Take fewer values or settings, "
            "or search at random."
        )
    name = budget["name"] or name_of(space)
    try:
        return SweepSpec(base=base, search=space, sampler=sampler, **budget | {"name": unused_name(name)}), ""
    except (SweepError, ConfigError) as error:
        text = str(error)
        return None, text[:1].upper() + text[1:]


def name_of(space: Space) -> str:
    """Learning rate × width and 2 more."""
    titles = [title_of(name) for name in space]
    first, *rest = titles[:2]
    more = f" and {len(titles) - 2} more" if len(titles) > 2 else ""
    return " × ".join([first, *(title[:1].lower() + title[1:] for title in rest)]) + more


def cost(spec: SweepSpec, pool: int) -> str:
    """How much there is to do and about how long it takes."""
    images = pool - round(pool * spec.base.validation_share)
    images = min(images, spec.base.training_images or images)
    images += spec.base.drawings_weight * int(count_by_digit().sum())
    seconds = spec.expected_seconds(images, slowness(list_runs()[:LISTED]))
    trials = f"{spec.most_trials:,} trials" if spec.most_trials else "Trials until the time is up"
    if spec.seeds > 1:
        trials += f" with {spec.seeds} seeds each"
    together = spec.workers or worker_limit()
    return f"{trials}, {together} at a time on {images:,} images. About {duration(round(seconds))}."


def begin(spec: SweepSpec) -> None:
    try:
        sweep = start_sweep(spec)
    except (SweepError, RunError, OSError) as error:
        st.error(f"The sweep could not be started: {error}")
        return
    state.starts += 1
    state.show_sweep(sweep.id)
    st.rerun()

"""The form of a new sweep: what to search, the search method, shared settings, limits."""

from typing import Any, get_type_hints

import streamlit as st

from dashboard.access.visibility import open_run, open_sweep
from dashboard.charts.sweep_values import choice_text
from dashboard.components import resources
from dashboard.components.forms import Form, named
from dashboard.components.plain_text import plain_text
from dashboard.components.training_data import FILE, choose_source
from dashboard.session import state
from dataset import SOURCES
from experiments.formats import number
from experiments.runs.config import BOUNDS, HELP, PRESETS, RunConfig
from experiments.runs.run import RunError
from experiments.sweeps import Sweep, SweepError, SweepSpec
from experiments.sweeps.space import DERIVED, LIMITS, SEARCHABLE, Range, Space
from model import DEFAULT_PRESET

FORM = Form("sweep")
MOST = 1000  # trials in a grid: more take hours, and nobody can look at them
MOST_POINTS = 20
SWEEP = "sweep:"  # before the id of a sweep whose settings are the base
DEFAULT_SPACE: Space = {  # small enough to wait for; the highest rate is too high on purpose
    "learning_rate": Range(0.0003, 0.3, log=True, points=4),
    "width": Range(16, 256, log=True, points=3),
}
DEFAULTS: dict[str, Any] = {
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
MORE_CHOICES: dict[str, tuple[Any, ...]] = {
    "batch_size": (8, 16, 32, 64, 128, 256, 512, 1024),
    "seed": tuple(range(10)),
}
TITLES = {"hidden": "Hidden layers", "width": "Width", "depth": "Depth", "augmentation": "Augmentation"}
SAMPLERS = {
    "grid": ("Every combination", "Tries all combinations of the values. The results for two settings form a map."),
    "random": (
        "At random",
        "Draws each setting from its range. Better than a grid if you search several settings and few of them matter: "
        "every trial tries new values of those.",
    ),
    "tpe": (
        "Guided",
        "Starts at random, then tries more values near good results (a tree-structured Parzen estimator, TPE). Finds "
        "good settings in fewer trials, from about 20 on.",
    ),
}
PRUNERS = {
    "none": "Let every trial finish",
    "median": "Stop trials that are worse than half of the others",
    "hyperband": "Few epochs for many trials, all epochs for the best",
}
OBJECTIVES = {"validation_accuracy": "Validation accuracy", "validation_loss": "Validation loss"}
SAVED: dict[str, Any] = {"persist_state": "session"}  # the widgets keep their values over a page switch


def title_of(name: str) -> str:
    """The title of a searched setting."""
    return TITLES.get(name) or named(name)


def set_defaults() -> None:
    """Give every widget a value that has none yet."""
    for part, value in DEFAULTS.items():
        _set_default(part, value)


def _set_default(part: str, value: Any) -> None:
    if state.widget(FORM.key(part)) is None:
        state.set_widget(FORM.key(part), value)


# The settings to search.


def choose_space(*, grid: bool) -> tuple[Space, str]:
    """Draw the choice of settings and the values of each -> the space, and its first problem."""
    _set_default("searched", list(DEFAULT_SPACE))
    names = st.multiselect(
        "Settings to search",
        list(SEARCHABLE),
        key=FORM.key("searched"),
        format_func=title_of,
        placeholder="Choose settings",
        help="Two settings make a map; with more, the sweep shows which of them matter.",
        **SAVED,
    )
    space: Space = {}
    problems = []
    for name in names:
        default = DEFAULT_SPACE.get(name, SEARCHABLE[name])
        if isinstance(default, Range):
            space[name], problem = _choose_range(name, default, grid=grid)
        else:
            space[name], problem = _choose_choices(name, default)
        if problem:
            st.error(plain_text(problem))
            problems.append(problem)
    return space, problems[0] if problems else ""


def _choose_range(name: str, default: Range, *, grid: bool) -> tuple[Range, str]:
    """Draw from, to, and for a grid the number of values -> the range, and a problem."""
    whole, title = is_whole(name), title_of(name)
    kind = int if whole else float
    low, high = LIMITS[name] if name in LIMITS else BOUNDS[name][:2]
    step = default.low if default.log and default.low else (default.high - default.low) / 10
    parts = {f"from-{name}": kind(default.low), f"to-{name}": kind(default.high), f"points-{name}": default.points}
    for part, value in parts.items():
        _set_default(part, value)
    options: dict[str, Any] = {"min_value": kind(low), "max_value": kind(high), "width": 130, **SAVED}
    options |= {"format": "%d" if whole else "%g", "step": 1 if whole else step}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about = DERIVED.get(name) or HELP[name]
        start = st.number_input(f"{title} from", key=FORM.key(f"from-{name}"), help=about, **options)
        end = st.number_input(f"{title} to", key=FORM.key(f"to-{name}"), **options)
        points = default.points
        if grid:
            points = st.number_input(
                "Values",
                min_value=1,
                max_value=MOST_POINTS,
                key=FORM.key(f"points-{name}"),
                help="The number of values in a grid, including both ends.",
                width=110,
                **SAVED,
            )
    if start > end:
        return default, f"{title} goes from {start:g} to {end:g}: put the lower one first."
    if start == end:
        return default, f"{title} goes from {start:g} to {end:g}, which is one value: widen it, or do not search it."
    values = Range(start, end, log=default.log and start > 0, points=points)
    if grid:
        listed = ", ".join(number(value) for value in values.values(name))
        st.caption(listed + (" (evenly spaced on a logarithmic scale)" if values.log else ""))
    return values, ""


def _choose_choices(name: str, default: tuple[Any, ...]) -> tuple[tuple[Any, ...], str]:
    """A list to remove values from -> the values, and a problem."""
    _set_default(f"choices-{name}", list(default))
    chosen = st.multiselect(
        title_of(name),
        MORE_CHOICES.get(name, default),
        key=FORM.key(f"choices-{name}"),
        format_func=lambda choice: choice_text(choice, named),
        help=DERIVED.get(name) or HELP[name],
        **SAVED,
    )
    return (tuple(chosen), "") if chosen else (default, f"{title_of(name)} has no values: choose at least one.")


def is_whole(name: str) -> bool:
    """Whether the values of a setting are whole numbers."""
    return name in ("width", "depth") or get_type_hints(RunConfig).get(name) is int


def can_show(space: Space) -> bool:
    """Whether this form has widgets for a space: a file may search more."""
    for name, values in space.items():
        offered = MORE_CHOICES.get(name) or SEARCHABLE.get(name)
        if isinstance(values, Range) != isinstance(offered, Range):
            return False
        if isinstance(values, tuple) and not (isinstance(offered, tuple) and set(values) <= set(offered)):
            return False
    return True


# The search method, the shared settings and the limits.


def choose_sampler() -> str:
    """Draw the choice of the search method -> its name."""
    chosen = st.segmented_control(
        "Search method",
        list(SAMPLERS),
        required=True,
        format_func=lambda name: SAMPLERS[name][0],
        key=FORM.key("sampler"),
        **SAVED,
    )
    st.caption(SAMPLERS[chosen][1])
    return str(chosen)


def choose_base() -> tuple[RunConfig | None, int]:
    """Draw the settings that all trials share -> these, and the number of digits for training."""
    key = FORM.key("base")
    chosen = state.widget(key) or ""
    runs = {run_id: row.title for run_id, row in resources.runs_to_repeat(chosen).items()}
    names = {preset: preset for preset in PRESETS} | runs
    if chosen.startswith(SWEEP):
        names[chosen] = f"Sweep {chosen.removeprefix(SWEEP)}"
    if chosen not in names:
        state.set_widget(key, DEFAULT_PRESET)
    choice = st.selectbox(
        "All other settings as in",
        list(names),
        key=key,
        format_func=names.__getitem__,
        help="A preset, or one of your runs; of each sweep only the best run is listed.",
        on_change=_fill_from_base,
        **SAVED,
    )
    data, pool = choose_source(FORM)
    base = _base_of(choice)
    if base is None:
        st.error("These settings cannot be read any more: choose others.")
        return None, 0
    if base.steps:
        length = FORM.number("steps", text="Steps per training", low=1)
    else:
        length = FORM.number("epochs", text="Epochs per training")
    return base.replace(data=data or base.data, start_from="", **length), pool


def _base_of(choice: str) -> RunConfig | None:
    if choice in PRESETS:
        return PRESETS[choice]
    try:
        return open_sweep(choice.removeprefix(SWEEP)).spec.base if choice.startswith(SWEEP) else open_run(choice).config
    except (RunError, SweepError):
        return None


def choose_limits(sampler: str) -> dict[str, Any]:
    """Draw the number of trials, and settings that few people change -> arguments of SweepSpec."""
    trials = None  # a grid has as many as it has combinations
    if sampler != "grid":
        about = "The number of combinations to try."
        trials = st.number_input("Trials", min_value=1, max_value=MOST, key=FORM.key("trials"), help=about, **SAVED)
    with st.expander("More", icon=":material/tune:"):
        name = st.text_input("Name", key=FORM.key("name"), placeholder="Made from the searched settings", **SAVED)
        seeds = st.number_input(
            "Seeds per setting",
            min_value=1,
            max_value=10,
            key=FORM.key("seeds"),
            help="Train each combination several times with other random numbers. Settings whose results overlap are "
            "then shown as ties.",
            **SAVED,
        )
        pruner = _select(
            "Trials with bad results",
            "pruner",
            PRUNERS,
            "Stopping trials that are clearly worse saves time for more trials. With several seeds the first decides.",
        )
        objective = _select(
            "Objective",
            "objective",
            OBJECTIVES,
            "The number that the sweep makes as good as possible. The loss also depends on how sure the answers are.",
        )
        with st.container(horizontal=True):
            about = "No new trial starts after that; 0: no limit."
            epochs = st.number_input(
                "Epochs in all, at most", min_value=0, key=FORM.key("most-epochs"), help=about, **SAVED
            )
            about = "After that no trial starts and those under way stop; Resume continues them. 0: no limit."
            minutes = st.number_input(
                "Minutes, at most",
                min_value=0.0,
                step=1.0,
                format="%g",
                key=FORM.key("most-minutes"),
                help=about,
                **SAVED,
            )
    return {
        "trials": trials,
        "name": name.strip(),
        "seeds": seeds,
        "pruner": pruner,
        "objective": objective,
        "epochs": epochs or None,
        "minutes": minutes or None,
    }


def _select(label: str, part: str, names: dict[str, str], about: str) -> str:
    key = FORM.key(part)
    return str(st.selectbox(label, list(names), key=key, format_func=names.__getitem__, help=about, **SAVED))


# Filling the form in.


def _fill(**values: Any) -> None:
    for part, value in values.items():
        state.set_widget(FORM.key(part), value)


def _fill_from_base() -> None:
    choice = state.widget(FORM.key("base"))
    if base := _base_of(choice):
        _fill(epochs=base.epochs, steps=max(1, base.steps))
        if choice not in PRESETS:
            _fill_data(base)


def _fill_data(base: RunConfig) -> None:
    known = base.data in SOURCES
    _fill(source=base.data if known else FILE, path="" if known else base.data)


def fill_from_sweep(sweep: Sweep) -> None:
    """Make the form show the settings of a sweep. Callback."""
    spec: SweepSpec = sweep.spec
    base = spec.base
    alike = {"data": base.data, "epochs": base.epochs, "steps": base.steps, "seed": base.seed}
    presets = (name for name, preset in PRESETS.items() if preset.replace(**alike) == base)
    _fill(base=next(presets, f"{SWEEP}{sweep.id}"), epochs=base.epochs, steps=max(1, base.steps))
    _fill_data(base)
    _fill(sampler=spec.sampler, trials=spec.trials or 12, seeds=spec.seeds, pruner=spec.pruner)
    limits = {"most-epochs": int(spec.epochs or 0), "most-minutes": float(spec.minutes or 0)}
    _fill(objective=spec.objective, searched=list(spec.search), **limits)
    for name, values in spec.search.items():
        if isinstance(values, Range):
            kind = int if is_whole(name) else float
            ends = {f"from-{name}": kind(values.low), f"to-{name}": kind(values.high)}
            _fill(**ends, **{f"points-{name}": values.points or 4})
        else:
            _fill(**{f"choices-{name}": list(values)})

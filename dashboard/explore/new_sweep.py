"""New sweep: what to search, how, and how much of it; the cost stands beside the start before anything begins."""

from typing import Any

import streamlit as st

from dashboard.access.actions import machine_slowness, start_sweep, sweep_refusal
from dashboard.access.decision import Refusal
from dashboard.explore.search_form import choose_space, title_of
from dashboard.explore.state import page_state
from dashboard.explore.sweep_settings import (
    FORM,
    MOST,
    begin_with_defaults,
    choose_base,
    choose_budget,
    choose_more,
    choose_sampler,
)
from dashboard.session import state
from experiments.formats import duration
from experiments.jobs.launch import worker_limit
from experiments.runs.config import RunConfig
from experiments.runs.run import RunError
from experiments.sweeps import SweepError, SweepSpec, unused_name
from experiments.sweeps.space import Space, grid_size
from experiments.training.cost import training_images
from model import ConfigError


def render_new_sweep() -> None:
    """The start stands above the settings, so that one click is enough and always in sight."""
    begin_with_defaults()
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
        budget = choose_budget(sampler)
        with st.expander("More", icon=":material/tune:"):
            budget |= choose_more()
    with start:
        render_start(base, pool, space, sampler, budget, wrong)


def render_start(
    base: RunConfig | None, pool: int, space: Space, sampler: str, budget: dict[str, Any], wrong: str
) -> None:
    """The button and what it will cost, or what is in the way."""
    spec, problem = None, wrong
    if base is not None and not problem:
        spec, problem = planned(base, space, sampler, budget)
    refusal = sweep_refusal(spec) if spec is not None and pool else None
    with st.container(horizontal=True, vertical_alignment="center"):
        # Each start has a button of its own: the second click of a double click finds it gone.
        pressed = st.button(
            "Start sweep",
            key=f"start-sweep-{state.starts}",
            type="primary",
            icon=":material/play_arrow:",
            disabled=spec is None or not pool or refusal is not None,
        )
        if spec is not None and pool:
            st.caption(cost(spec, pool), width="stretch")
    if problem:
        st.error(problem)
    elif refusal:
        st.info(str(refusal), icon=":material/lock:")
    if pressed and spec is not None:
        begin(spec)


def planned(base: RunConfig, space: Space, sampler: str, budget: dict[str, Any]) -> tuple[SweepSpec | None, str]:
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
    images = training_images(spec.base, pool)
    seconds = spec.expected_seconds(images, machine_slowness())
    trials = f"{spec.most_trials:,} trials" if spec.most_trials else "Trials until the time is up"
    if spec.seeds > 1:
        trials += f" with {spec.seeds} seeds each"
    together = spec.workers or worker_limit()
    return f"{trials}, {together} at a time on {images:,} images. About {duration(round(seconds))}."


def begin(spec: SweepSpec) -> None:
    try:
        sweep = start_sweep(spec)
    except Refusal as refusal:
        st.info(str(refusal), icon=":material/lock:")
        return
    except (SweepError, RunError, OSError) as error:
        st.error(f"The sweep could not be started: {error}")
        return
    state.starts += 1
    page_state.show_sweep(sweep.id)
    st.rerun()

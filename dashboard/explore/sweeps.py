"""The Sweeps view: the form and the start of a new sweep, and the list of sweeps."""

import time
from typing import Any

import streamlit as st

from dashboard.access.actions import machine_slowness, start_sweep, sweep_refusal
from dashboard.access.decision import Action, refusal_of
from dashboard.access.visibility import list_sweeps, open_sweep
from dashboard.components.messages import error_text, errors_as_text
from dashboard.components.plain_text import plain_text
from dashboard.components.resources import STATE_ICONS
from dashboard.explore.state import page_state
from dashboard.explore.sweep import render_sweep
from dashboard.explore.sweep_form import (
    MOST,
    can_show,
    choose_base,
    choose_limits,
    choose_sampler,
    choose_space,
    fill_from_sweep,
    set_defaults,
    title_of,
)
from dashboard.explore.trash import remove_sweep, render_deleted_sweeps, render_notice
from dashboard.session import state
from experiments.formats import duration
from experiments.jobs.launch import worker_limit
from experiments.runs.config import RunConfig
from experiments.sweeps import Sweep, SweepError, SweepSpec, unused_name
from experiments.sweeps.space import Space, grid_size
from experiments.training.cost import training_images
from model.errors import DigitLabError

LISTED = 20
OPEN = "sweep-list"


def render() -> None:
    """Draw the view."""
    page_state.sync_url("sweep")
    render_notice()
    if not page_state.sweep:
        _render_bar("New sweep", None)
        render_deleted_sweeps()
        _render_new_sweep()
        return
    try:
        sweep = open_sweep(page_state.sweep)
    except SweepError as error:
        _render_bar("No such sweep", None, another=True)
        st.error(error_text(error))
        return
    _render_bar(plain_text(sweep.spec.name), sweep, another=True)
    render_sweep(sweep)


def _render_bar(title: str, sweep: Sweep | None, *, another: bool = False) -> None:
    """The title, the list of sweeps, and buttons for the shown one."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(title, anchor=False, width="content")
        with st.container(horizontal=True, width="content"):
            known = list_sweeps()[:LISTED]
            if known:
                with st.popover("Sweeps", key=OPEN, on_change="rerun") as opened:
                    for other in known if opened.open else ():
                        _render_entry(other)
            if sweep is not None and can_show(sweep.spec.search):
                options: dict[str, Any] = {"icon": ":material/tune:", "type": "tertiary"}
                st.button("Use settings again", on_click=_use_again, args=(sweep,), **options)
            if sweep is not None and not sweep.status().active and not refusal_of(Action.RUNS):
                options = {"icon": ":material/delete:", "type": "tertiary"}
                options["help"] = "With all of its runs. You can restore it later."
                st.button("Delete", on_click=remove_sweep, args=(sweep,), **options)
            if another:
                st.button("New sweep", icon=":material/add:", on_click=page_state.show_sweep, args=("",))


def _render_entry(sweep: Sweep) -> None:
    status = sweep.status()

    def show() -> None:
        page_state.show_sweep(sweep.id)
        state.set_widget(OPEN, False)

    made = time.strftime("%d %b %H:%M", time.localtime(sweep.created)).lstrip("0")
    label, icon = f"{plain_text(sweep.spec.name)}, {made}, {status.state}", STATE_ICONS[status.state]
    st.button(label, key=f"open-sweep-{sweep.id}", icon=icon, type="tertiary", on_click=show)


def _use_again(sweep: Sweep) -> None:
    """Fill the form for a new sweep as for this one."""
    fill_from_sweep(sweep)
    page_state.show_sweep("")


def _render_new_sweep() -> None:
    """The form. The start button stands above it, so that it is always visible."""
    set_defaults()
    st.markdown(
        "A sweep trains the same network many times with different settings, and shows which of them matter. Start "
        "with the settings below, or choose others."
    )
    start = st.container()
    left, right = st.columns([5, 4], gap="large")
    with left:
        sampler = choose_sampler()
        space, problem = choose_space(grid=sampler == "grid")
    with right:
        base, pool = choose_base()
        limits = choose_limits(sampler)
    with start:
        spec = None
        if base is not None and not problem:
            spec, problem = _spec(base, space, sampler, limits)
        _render_start(spec, pool, problem)


def _spec(base: RunConfig, space: Space, sampler: str, limits: dict[str, Any]) -> tuple[SweepSpec | None, str]:
    """The sweep with these settings, or the problem with them."""
    if not space:
        return None, "Nothing is searched: choose at least one setting under Settings to search."
    if sampler == "grid" and (size := grid_size(space)) > MOST:
        return None, (
            f"This grid has {size:,} combinations, but at most {MOST:,} are possible. Choose fewer values or settings, "
            "or search at random."
        )
    name = unused_name(limits["name"] or _name_of(space))
    try:
        return SweepSpec(base=base, search=space, sampler=sampler, **limits | {"name": name}), ""
    except DigitLabError as error:
        text = str(error)
        return None, text[:1].upper() + text[1:]


def _name_of(space: Space) -> str:
    """Learning rate × width and 2 more."""
    first, *rest = [title_of(name) for name in space][:2]
    more = f" and {len(space) - 2} more" if len(space) > 2 else ""
    return " × ".join([first, *(title[:1].lower() + title[1:] for title in rest)]) + more


def _render_start(spec: SweepSpec | None, pool: int, problem: str) -> None:
    """The start button with the expected cost, or the problem."""
    ready = spec is not None and pool > 0
    refusal = sweep_refusal(spec) if spec is not None and ready else None
    with st.container(horizontal=True, vertical_alignment="center"):
        # Each start has a new button, so that the second click of a double click does nothing.
        key, off = f"start-sweep-{state.starts}", not ready or refusal is not None
        pressed = st.button("Start sweep", key=key, type="primary", icon=":material/play_arrow:", disabled=off)
        if spec is not None and ready:
            st.caption(_cost_text(spec, pool), width="stretch")
    if problem:
        st.error(plain_text(problem))
    elif refusal:
        st.info(error_text(refusal), icon=":material/lock:")
    if pressed and spec is not None:
        with errors_as_text("The sweep could not be started: "):
            sweep = start_sweep(spec)
            state.starts += 1
            page_state.show_sweep(sweep.id)
            st.rerun()


def _cost_text(spec: SweepSpec, pool: int) -> str:
    """The number of trials and the expected time."""
    images = training_images(spec.base, pool)
    seconds = spec.expected_seconds(images, machine_slowness())
    trials = f"{spec.most_trials:,} trials" if spec.most_trials else "Trials until the time is up"
    if spec.seeds > 1:
        trials += f" with {spec.seeds} seeds each"
    together = spec.workers or worker_limit()
    return f"{trials}, {together} at a time on {images:,} images. About {duration(round(seconds))}."

"""Run keys: which line is which run, the settings that tell them apart beside the curves, and what to do with each."""

from collections.abc import Callable, Sequence
from html import escape

import streamlit as st

from dashboard.access.decision import Action, allowed
from dashboard.access.runs import train_with_seeds
from dashboard.charts.run_curves import MOST, sign_image
from dashboard.components.forms import named
from dashboard.explore.chosen_runs import Chosen
from dashboard.explore.run_actions import attempt, delete, relabel, toggle
from dashboard.navigation import go_to, place
from dashboard.session import state
from experiments.formats import duration
from experiments.runs.run import Run
from experiments.runs.settings import differing, in_words
from experiments.runs.table import RunRow

LISTED = 2 * MOST


def render_keys(chosen: Sequence[Chosen]) -> None:
    """A key for each chosen run, with a menu, and then what to do with all of them."""
    settings = differing(one.row.config for one in chosen)
    for one in chosen[:LISTED]:
        with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
            st.html(key_html(one, settings), width="stretch")
            render_menu(one.row)
    if len(chosen) > LISTED:
        st.caption(f"And {len(chosen) - LISTED} more.")
    if len(chosen) > 1 and not settings:
        st.caption("All their settings are the same.")
    with st.container(horizontal=True):
        st.button("Choose none", icon=":material/deselect:", on_click=state.choose_runs, args=((),))
        if len(chosen) > 1:
            idle = [one.row.id for one in chosen if not one.row.status.active]
            label = f"Delete {len(idle)} runs"
            barred = not idle or allowed(Action.RUNS) is not None
            st.button(label, icon=":material/delete:", on_click=delete, args=(idle,), disabled=barred)


def key_html(one: Chosen, settings: Sequence[str]) -> str:
    """The run's line, its name, what came out, and its values of the settings in which the chosen runs differ."""
    row, palette = one.row, state.palette()
    line = f'<img src="{sign_image(one.place, palette)}" alt="">' if one.place < MOST else ""
    pairs = ((named(setting), in_words(row.config, setting)) for setting in settings)
    values = "".join(f"<span><i>{escape(title)}</i> {escape(value)}</span>" for title, value in pairs)
    note = f"<small>{escape(row.note)}</small>" if row.note else ""
    head = f"<b>{line}{escape(one.name)}</b><small>{escape(result(row))}</small>{note}"
    return f'<div class="run-key" style="--muted: {palette.muted};">{head}<div>{values}</div></div>'


def result(row: RunRow) -> str:
    if row.best_accuracy is None or row.best_loss is None:
        return row.state.capitalize()
    after = f"epoch {row.best_epoch:g}, {duration(row.seconds)}"
    return f"{100 * row.best_accuracy:.1f} %, loss {row.best_loss:.4f}, {after}"


def render_menu(row: RunRow) -> None:
    """What to do with one run; filled when it is opened."""
    with st.popover(
        "", icon=":material/more_vert:", key=f"run-menu-{row.id}", type="tertiary", on_change="rerun"
    ) as menu:
        if not menu.open:
            return
        refusal = allowed(Action.RUNS)
        if refusal:
            st.caption(f":material/lock: {refusal}")
        barred = refusal is not None
        change = {"on_change": relabel, "args": (row.id,), "disabled": barred}
        st.text_input("Name", row.name, key=f"name-{row.id}", **change)
        remember = "What to remember about it"
        st.text_area("Note", row.note, key=f"note-{row.id}", placeholder=remember, height=80, **change)
        with st.container(gap=None):
            label = "Take the star away" if row.starred else "Star"
            st.button(
                label,
                key=f"starred-{row.id}",
                icon=":material/star:",
                type="tertiary",
                on_click=toggle,
                args=(row.id,),
                disabled=barred,
            )
            going("Open in Train", "train", row, start_from)
            about = "The same training with four more seeds: how much of the result is chance."
            if st.button("Try 5 seeds", key=f"seeds-{row.id}", icon=":material/casino:", type="tertiary", help=about):
                attempt(lambda: state.choose_runs(run.id for run in train_with_seeds(row.run)))
                st.rerun()
            if row.run.model.exists():
                going("Draw for this model", "draw", row, lambda run: state.choose_model(run.id))
                going("Evaluate this model", "evaluate", row, lambda run: state.choose_model(run.id))
            st.button(
                "Delete",
                key=f"delete-{row.id}",
                icon=":material/delete:",
                type="tertiary",
                on_click=delete,
                args=([row.id],),
                disabled=row.status.active or barred,
                help="Stop it in Train first." if row.status.active else "It can be brought back.",
            )


def going(label: str, page: str, row: RunRow, prepare: Callable[[Run], None]) -> None:
    """A button that opens the run on another page."""
    if st.button(label, key=f"{page}-{row.id}", icon=place(page).icon, type="tertiary"):
        prepare(row.run)
        go_to(page)


def start_from(run: Run) -> None:
    """Train shows the run, and its settings with its seed in the form, to start from."""
    from dashboard.components.forms import fill_training_form

    fill_training_form(run.config)
    state.show_run(run.id)

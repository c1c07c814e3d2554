"""Cards of the compared runs next to their curves: line, result, differing settings, and a menu."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import streamlit as st

from dashboard.access.actions import set_label, train_with_seeds
from dashboard.access.decision import Action, refusal_of
from dashboard.access.visibility import open_run
from dashboard.charts.run_curves import MOST, sign_image
from dashboard.components.forms import fill_training_form, named
from dashboard.components.messages import is_refused
from dashboard.explore.compared_runs import ComparedRun
from dashboard.explore.trash import attempt, delete_runs
from dashboard.navigation import go_to, place
from dashboard.session import state
from experiments.formats import duration, loss, percent
from experiments.runs.config import differing, setting_text
from experiments.runs.run import Run
from experiments.runs.table import RunRow

LISTED = 2 * MOST


def render_cards(compared: Sequence[ComparedRun]) -> None:
    """A card with a menu for each compared run, then buttons for all of them."""
    settings = differing(one.row.config for one in compared)
    for one in compared[:LISTED]:
        with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
            st.html(_card(one, settings), width="stretch")
            _render_menu(one.row)
    if len(compared) > LISTED:
        st.caption(f"And {len(compared) - LISTED} more.")
    if len(compared) > 1 and not settings:
        st.caption("All their settings are the same.")
    with st.container(horizontal=True):
        st.button("Select none", icon=":material/deselect:", on_click=state.choose_runs, args=((),))
        if len(compared) > 1:
            idle = [one.row.id for one in compared if not one.row.status.active]
            off = not idle or refusal_of(Action.RUNS) is not None
            label = f"Delete {len(idle)} runs"
            st.button(label, icon=":material/delete:", on_click=delete_runs, args=(idle,), disabled=off)


def _card(one: ComparedRun, settings: Sequence[str]) -> str:
    """HTML: the line, the name, the result, the note, and the settings in which the runs differ."""
    row, palette = one.row, state.palette()
    line = f'<img src="{sign_image(one.color, palette)}" alt="">' if one.color < MOST else ""
    pairs = ((named(setting), setting_text(row.config, setting)) for setting in settings)
    values = "".join(f"<span><i>{escape(title)}</i> {escape(value)}</span>" for title, value in pairs)
    note = f"<small>{escape(row.label.note)}</small>" if row.label.note else ""
    head = f"<b>{line}{escape(one.name)}</b><small>{escape(_result(row))}</small>{note}"
    return f'<div class="run-key" style="--muted: {palette.muted};">{head}<div>{values}</div></div>'


def _result(row: RunRow) -> str:
    status = row.status
    if status.best_validation_accuracy is None or status.best_validation_loss is None:
        return status.state.capitalize()
    after = f"epoch {status.best_epoch:g}, {duration(status.seconds)}"
    return f"{percent(status.best_validation_accuracy)}, loss {loss(status.best_validation_loss)}, {after}"


def _render_menu(row: RunRow) -> None:
    """Everything that can be done with one run; drawn only while it is open."""
    icon: dict[str, Any] = {"icon": ":material/more_vert:", "type": "tertiary"}
    with st.popover("", key=f"run-menu-{row.id}", on_change="rerun", **icon) as menu:
        if not menu.open:
            return
        off = is_refused(Action.RUNS)
        change: dict[str, Any] = {"on_change": _save_label, "args": (row.id,), "disabled": off}
        st.text_input("Name", row.name, key=f"name-{row.id}", **change)
        about = "A note about this run"
        st.text_area("Note", row.label.note, key=f"note-{row.id}", placeholder=about, height=80, **change)
        with st.container(gap=None):

            def entry(label: str, icon: str, **options: Any) -> bool:
                key = f"{label}-{row.id}"
                return st.button(label, key=key, icon=f":material/{icon}:", type="tertiary", **options)

            star: dict[str, Any] = {"on_click": toggle_star, "args": (row.id,), "disabled": off}
            entry("Remove the star" if row.label.starred else "Star", "star", **star)
            _page_button("Open in Train", "train", row, _show_in_train)
            about = "The same training with four more seeds shows how much of the result is chance."
            if entry("Try 5 seeds", "casino", help=about):
                attempt(lambda: state.choose_runs(run.id for run in train_with_seeds(row.run)))
                st.rerun()
            if row.run.model.exists():
                _page_button("Draw for this model", "draw", row, lambda run: state.choose_model(run.id))
                _page_button("Evaluate this model", "evaluate", row, lambda run: state.choose_model(run.id))
            about = "Stop it in Train first." if row.status.active else "You can restore it later."
            delete: dict[str, Any] = {
                "on_click": delete_runs,
                "args": ([row.id],),
                "disabled": row.status.active or off,
            }
            entry("Delete", "delete", help=about, **delete)


def _page_button(label: str, page: str, row: RunRow, prepare: Callable[[Run], None]) -> None:
    """Button that opens the run on another page."""
    if st.button(label, key=f"{page}-{row.id}", icon=place(page).icon, type="tertiary"):
        prepare(row.run)
        go_to(page)


def _show_in_train(run: Run) -> None:
    """Show the run on Train, and its settings in the form there."""
    fill_training_form(run.config)
    state.show_run(run.id)


def _save_label(run_id: str) -> None:
    name, note = state.widget(f"name-{run_id}"), state.widget(f"note-{run_id}")
    attempt(lambda: set_label(open_run(run_id), name=name, note=note))
    st.rerun()  # the whole page, because the table shows the label too


def toggle_star(run_id: str) -> None:
    """Star a run, or remove its star. Callback."""

    def act() -> None:
        run = open_run(run_id)
        set_label(run, starred=not run.label().starred)

    attempt(act)
    st.rerun()

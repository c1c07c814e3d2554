"""Prepared experiments: each shows the effect of one setting, in charts and three sentences."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.access.actions import start_guide, stop_sweep
from dashboard.access.visibility import open_run
from dashboard.charts.run_curves import Line, curve_points, curves_figure, sign_image
from dashboard.charts.vega_marks import VegaFigure
from dashboard.components import resources
from dashboard.components.chart import render_chart
from dashboard.components.messages import EXPECTED, error_text, errors_as_text
from dashboard.components.plain_text import plain_text
from dashboard.explore.state import compare_in_runs, page_state
from dashboard.session import state
from experiments.formats import duration
from experiments.guides import ACCURACY, GUIDES, LOSS, SEEDS, Chart, Curves, Guide, read_curves
from experiments.runs.run import RunError
from experiments.sweeps import Sweep, SweepStatus, Trial
from model.arrays import Floats

LIVE_SECONDS = 0.5
IMAGES = 4000  # for training and validation, in mnist-5k
BANDS = "Each line is the mean of three seeds, in a band from the lowest to the highest of them."
FOUND = {None: ("", ""), True: ("✓", "This run confirms it"), False: ("–", "This run does not confirm it")}


def render() -> None:
    """Draw the view."""
    page_state.read_url("guide")
    if page_state.guide in GUIDES:
        _render_guide(GUIDES[page_state.guide])
        return
    if page_state.guide:
        st.error(f"There is no experiment '{plain_text(page_state.guide[:80])}'. Choose one of these.")
    st.caption("Each experiment trains a few small networks in some seconds. Three sentences explain the result.")
    for names in np.array_split(list(GUIDES), len(GUIDES) // 2):
        for column, name in zip(st.columns(len(names)), map(str, names), strict=True):
            with column.container(border=True, height="stretch", gap="xsmall"):
                # A button, because a link from a page to itself does not change the address.
                options: dict[str, Any] = {"icon": ":material/science:", "type": "tertiary", "key": f"open-{name}"}
                open_guide: dict[str, Any] = {"on_click": page_state.set_in_url, "args": ("guide", name)}
                st.button(f"**{GUIDES[name].title}**", **options, **open_guide)
                st.caption(GUIDES[name].summary)


def _render_guide(guide: Guide) -> None:
    """One experiment; its state and results are drawn again while it runs."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(guide.title, anchor=False, width="content")
        back: dict[str, Any] = {"icon": ":material/arrow_back:", "type": "tertiary"}
        st.button("All experiments", on_click=page_state.set_in_url, args=("guide", ""), **back)
    st.caption(guide.summary)
    with errors_as_text():
        sweep = guide.sweep()
        status = sweep.status() if sweep else None
        every = LIVE_SECONDS if status and status.active else None
        st.fragment(_render_live, run_every=every)(guide, sweep, status.state if status else "")


def _render_live(guide: Guide, sweep: Sweep | None, drawn: str) -> None:
    """State, charts, sentences and table. A change of state draws the whole page."""
    try:
        status, trials = (sweep.status(), sweep.trials()) if sweep else (None, [])
    except FileNotFoundError:
        st.rerun()  # deleted in another tab
    except EXPECTED as error:
        st.error(error_text(error))
        return
    if status and status.state != drawn:
        st.rerun()
    results = read_curves(trials, lambda run: resources.history(open_run(run)))
    complete = sum(len(curves.histories) for curves in results.values()) == SEEDS * len(guide.settings)
    finished = status is not None and status.state == "finished" and complete
    with st.container(key="guide-state", horizontal=True, vertical_alignment="center"):
        if sweep is not None and status is not None and status.active:
            _render_progress(guide, sweep, trials)
        elif finished and status is not None:
            _render_finished(status, trials)
        else:
            _render_start(guide, status)
    _render_charts(guide, results)
    st.html(_sentences(guide, results if finished else None))
    if any(curves.histories for curves in results.values()):
        _render_table(guide, results)


def _render_progress(guide: Guide, sweep: Sweep, trials: list[Trial]) -> None:
    done, runs = sum(_ended(run) for trial in trials for run in trial.runs), SEEDS * len(guide.settings)
    st.progress(done / runs, f"{done} of {runs} networks trained" if done else "Starting")
    if st.button("Stop", icon=":material/stop:", disabled=sweep.stop_requested):
        with errors_as_text():
            stop_sweep(sweep)
            st.rerun()


def _render_finished(status: SweepStatus, trials: list[Trial]) -> None:
    runs = [run for trial in sorted(trials, key=lambda trial: trial.number) for run in trial.runs]
    st.success(f"Finished after {duration(status.seconds)}. {BANDS}", icon=":material/check:")
    if st.button("Open these runs", icon=":material/table_rows:", on_click=compare_in_runs, args=(runs,)):
        st.rerun()  # the whole page, because another view is shown


def _render_start(guide: Guide, status: SweepStatus | None) -> None:
    """The button that starts or continues the experiment."""
    seconds = duration(round(guide.spec.expected_seconds(IMAGES)))
    if status is None:
        about = f"{SEEDS * len(guide.settings)} small networks, about {seconds}."
    elif status.state == "finished":
        about = "Some of its runs have been deleted; run it again to see them."
    else:
        about = f"{error_text(status.reason)} The results so far are shown below."
    label = "Continue" if status and status.state in ("stopped", "interrupted") else "Run the experiment"
    if st.button(label, key=f"run-{guide.title}-{status}", icon=":material/play_arrow:", type="primary"):
        with errors_as_text("The experiment could not be started: "):
            start_guide(guide)
            st.rerun()
    st.caption(about)


def _ended(run: str) -> bool:
    try:
        return not open_run(run).status().active
    except RunError:
        return True


def _render_charts(guide: Guide, results: dict[str, Curves]) -> None:
    """The key to the lines, and the prepared charts."""
    signs = (
        f'<span><img src="{sign_image(number, state.palette())}" alt=""> {name}</span>'
        for number, name in enumerate(guide.settings)
    )
    st.html(f'<div class="chart-key">{"".join(signs)}</div>')
    columns = st.columns(2, gap="medium")
    for number, chart in enumerate(guide.charts):
        with columns[number % 2]:
            alt = f"{chart.title} of each setting, by {chart.against}"
            render_chart(_figure(guide, chart, results), alt=alt)


def _figure(guide: Guide, chart: Chart, results: dict[str, Curves]) -> VegaFigure:
    """A prepared chart; each setting has the same colour in all of them."""
    lines = [
        Line(name, number, results[name].histories)
        for number, name in enumerate(guide.settings)
        if (not chart.settings or name in chart.settings) and name in results and results[name].histories
    ]
    look: dict[str, Any] = {"against": chart.against, "palette": state.palette()}
    points = curve_points(lines, chart.quantity, parts=(chart.part,), smoothing=chart.smoothing, **look)
    options: dict[str, Any] = {
        "against": chart.against,
        "log": chart.log,
        "log_x": False,
        "faint": False,
        "title": chart.title,
    }
    return curves_figure(points, chart.quantity, state.palette(), **options)


def _sentences(guide: Guide, results: dict[str, Curves] | None) -> str:
    """The expected results, with a tick at each sentence that a finished experiment confirms."""
    palette, items = state.palette(), ""
    holds = guide.findings(results) if results is not None else {}
    for sentence in guide.sentences:
        sign, title = FOUND[holds.get(sentence)]
        text = sentence.replace(" %", "\N{NO-BREAK SPACE}%")
        items += f'<li><i title="{title}">{sign}</i>{text}</li>'
    colours = f"--muted: {palette.muted}; --correct: {palette.correct};"
    return f'<div class="guide-text" style="{colours}"><b>Expected results</b><ol>{items}</ol></div>'


def _render_table(guide: Guide, results: dict[str, Curves]) -> None:
    """The result of each setting: the mean over its seeds, from the lowest to the highest."""
    rows = []
    for number, name in enumerate(guide.settings):
        if name in results and (curves := results[name]).histories:
            rows.append(
                {
                    "Line": sign_image(number, state.palette()),
                    "Setting": name,
                    "Validation accuracy at the end": _spread(100 * curves.end(ACCURACY), ".1f", " %"),
                    "Validation loss at the end": _spread(curves.end(LOSS), ".3f"),
                    "Lowest validation loss": _spread(curves.lowest(), ".3f"),
                }
            )
    columns = {"Line": st.column_config.ImageColumn("", width=50)}
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=columns)


def _spread(values: Floats, written: str, unit: str = "") -> str:
    """Mean, lowest and highest value: "91.2 % (90.1 to 92.0)"."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "diverged"
    mean, low, high = (format(value, written) for value in (known.mean(), known.min(), known.max()))
    return f"{mean}{unit}" if low == high else f"{mean}{unit} ({low} to {high})"

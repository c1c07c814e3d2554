"""Prepared experiments: each shows what one setting does, in charts and in three sentences that its numbers confirm."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.access.actions import start_guide, stop_sweep
from dashboard.access.decision import Refusal, toast_refusal
from dashboard.charts.run_curves import Line, curve_points, curves_figure, sign_image
from dashboard.components import resources
from dashboard.components.chart import render_chart
from dashboard.explore.state import VIEW, page_state
from dashboard.session import state
from experiments.formats import duration
from experiments.guides import ACCURACY, GUIDES, LOSS, SEEDS, Chart, Curves, Guide, read_curves
from experiments.runs.run import RunError, open_run
from experiments.sweeps import Sweep, SweepError, SweepStatus, Trial

LIVE_SECONDS = 0.5
IMAGES = 4000  # to train and validate on, in mnist-5k
BANDS = "Each line is the mean of three seeds, in a band from the lowest to the highest of them."


def render() -> None:
    page_state.read_url("guide")
    if page_state.guide in GUIDES:
        render_guide(GUIDES[page_state.guide])
        return
    if page_state.guide:
        st.error(f"There is no experiment {page_state.guide!r}; these are all.")
    st.caption("Each trains a few small networks in some seconds, and says in three sentences what to look at.")
    for names in np.array_split(list(GUIDES), len(GUIDES) // 2):
        for column, name in zip(st.columns(len(names)), names, strict=True):
            render_card(column, str(name))


def render_card(column: st.delta_generator.DeltaGenerator, name: str) -> None:
    guide = GUIDES[name]
    with column.container(border=True, height="stretch", gap="xsmall"):
        # no link: that of a page to itself leaves the address as it is
        st.button(
            f"**{guide.title}**",
            key=f"open-{name}",
            icon=":material/science:",
            type="tertiary",
            on_click=page_state.set_in_url,
            args=("guide", name),
        )
        st.caption(guide.summary)


def render_guide(guide: Guide) -> None:
    """What it is and the way back, then what renews itself."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(guide.title, anchor=False, width="content")
        back = {"icon": ":material/arrow_back:", "type": "tertiary"}
        st.button("All experiments", on_click=page_state.set_in_url, args=("guide", ""), **back)
    st.caption(guide.summary)
    try:
        sweep = guide.sweep()
        status = sweep.status() if sweep else None
    except (SweepError, OSError) as error:
        st.error(str(error))
        return
    every = LIVE_SECONDS if status and status.active else None
    st.fragment(render_live, run_every=every)(guide, sweep, status.state if status else "")


def render_live(guide: Guide, sweep: Sweep | None, drawn: str) -> None:
    """Draws itself anew twice a second; when the state is no longer the drawn one, the whole page."""
    try:
        status, trials = (sweep.status(), sweep.trials()) if sweep else (None, [])
    except FileNotFoundError:
        st.rerun()  # of the page: its sweep was deleted in another tab
    if status and status.state != drawn:
        st.rerun()
    results = read_curves(trials, lambda run: resources.history(open_run(run)))
    whole = sum(len(curves.histories) for curves in results.values()) == SEEDS * len(guide.settings)
    finished = status is not None and status.state == "finished" and whole
    with st.container(key="guide-state", horizontal=True, vertical_alignment="center"):
        render_state(guide, sweep, status, trials, finished=finished)
    charts(guide, results)
    st.html(sentences(guide, results if finished else None))
    if any(curves.histories for curves in results.values()):
        render_table(guide, results)


def render_state(
    guide: Guide, sweep: Sweep | None, status: SweepStatus | None, trials: list[Trial], *, finished: bool
) -> None:
    """Where it is, and what one can do."""
    if sweep is not None and status is not None and status.active:
        done, runs = sum(_ended(run) for trial in trials for run in trial.runs), SEEDS * len(guide.settings)
        st.progress(done / runs, f"{done} of {runs} networks trained" if done else "Starting")
        stop = toast_refusal(stop_sweep)
        st.button("Stop", icon=":material/stop:", on_click=stop, args=(sweep,), disabled=sweep.stop_requested)
        return
    if finished:
        runs = [run for trial in sorted(trials, key=lambda trial: trial.number) for run in trial.runs]
        st.success(f"Finished after {duration(status.seconds)}. {BANDS}", icon=":material/check:")
        if st.button("Open these runs", icon=":material/table_rows:", on_click=open_runs, args=(runs,)):
            st.rerun()  # all of the page: another view is shown
        return
    seconds = duration(round(guide.spec.expected_seconds(IMAGES)))
    if status is None:
        about = f"{SEEDS * len(guide.settings)} small networks, about {seconds}."
    elif status.state == "finished":
        about = "Some of its runs have been deleted; run it again to see them."
    else:
        about = f"{status.reason} What was trained is shown below."
    label = "Go on" if status and status.state in ("stopped", "interrupted") else "Run the experiment"
    if st.button(label, key=f"run-{guide.title}-{status}", icon=":material/play_arrow:", type="primary"):
        try:
            start_guide(guide)
        except Refusal as refusal:
            st.info(str(refusal), icon=":material/lock:")
        except (SweepError, OSError) as error:
            st.error(f"The experiment could not be started: {error}")
        else:
            st.rerun()
    st.caption(about)


def _ended(run: str) -> bool:
    try:
        return not open_run(run).status().active
    except RunError:
        return True


def open_runs(runs: list[str]) -> None:
    """Shows them side by side in the view of runs."""
    state.choose_runs(runs)
    state.set_widget(VIEW, "Runs")


def charts(guide: Guide, results: dict[str, Curves]) -> None:
    st.html(key(guide))
    columns = st.columns(2, gap="medium")
    for number, chart in enumerate(guide.charts):
        with columns[number % 2]:
            alt = f"{chart.title} of each setting, by {chart.against}"
            render_chart(figure(guide, chart, results), alt=alt)


def key(guide: Guide) -> str:
    """Which line is which setting, in all of the charts."""
    signs = (
        f'<span><img src="{sign_image(number, state.palette())}" alt=""> {name}</span>'
        for number, name in enumerate(guide.settings)
    )
    return f'<div class="chart-key">{"".join(signs)}</div>'


def figure(guide: Guide, chart: Chart, results: dict[str, Curves]) -> dict:
    """The prepared chart; a setting has the same colour in all of them."""
    lines = [
        Line(name, number, results[name].histories)
        for number, name in enumerate(guide.settings)
        if (not chart.settings or name in chart.settings) and name in results and results[name].histories
    ]
    look = {"against": chart.against, "palette": state.palette()}
    points = curve_points(lines, chart.quantity, parts=(chart.part,), smoothing=chart.smoothing, **look)
    options = {"against": chart.against, "log": chart.log, "log_x": False, "faint": False, "title": chart.title}
    return curves_figure(points, chart.quantity, state.palette(), **options)


def sentences(guide: Guide, results: dict[str, Curves] | None) -> str:
    """What to look at; where the experiment is finished, with a tick at what its own numbers say too."""
    palette = state.palette()
    items = ""
    holds = guide.findings(results) if results is not None else {}
    for sentence in guide.sentences:
        tick = "" if results is None else "✓" if holds[sentence] else "–"
        title = {"✓": "So it is in this run", "–": "Not so in this run", "": ""}[tick]
        text = sentence.replace(" %", "\N{NO-BREAK SPACE}%")
        items += f'<li><i title="{title}">{tick}</i>{text}</li>'
    return (
        f'<div class="guide-text" style="--muted: {palette.muted}; --correct: {palette.correct};">'
        f"<b>What to look at</b><ol>{items}</ol></div>"
    )


def render_table(guide: Guide, results: dict[str, Curves]) -> None:
    """What came out of each setting, the mean over its seeds and from the lowest to the highest."""
    rows = []
    for number, name in enumerate(guide.settings):
        if name not in results or not results[name].histories:
            continue
        curves = results[name]
        rows.append(
            {
                "Line": sign_image(number, state.palette()),
                "Setting": name,
                "Validation accuracy at the end": spread(100 * curves.end(ACCURACY), ".1f", " %"),
                "Validation loss at the end": spread(curves.end(LOSS), ".3f"),
                "Lowest validation loss": spread(curves.lowest(), ".3f"),
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"Line": st.column_config.ImageColumn("", width=50)},
    )


def spread(values: np.ndarray, number: str, unit: str = "") -> str:
    """ "91.2 %, 90.1 to 92.0": the mean, then the lowest and the highest."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "diverged"
    mean, low, high = (format(value, number) for value in (known.mean(), known.min(), known.max()))
    return f"{mean}{unit}" if low == high else f"{mean}{unit} ({low} to {high})"

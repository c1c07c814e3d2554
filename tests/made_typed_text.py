"""Typed texts for the tests: markup in every stored field that can hold a text."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from dataset.drawings import NewDrawing, append_drawings
from dataset.drawings.exchange import import_drawings
from experiments.runs.config import RunConfig
from experiments.runs.run import Label, Status
from experiments.runs.trash import delete_run, delete_sweep
from experiments.sweeps import SweepSpec, Trial, create_sweep
from experiments.sweeps.sweep import DriverStatus
from tests.digit_files import csv_lines, images_of, write_csv
from tests.small_runs import SMALL, finish

HOST = "planted.invalid"
# Markdown, HTML, a formula in LaTeX and an expression in Vega; the end tells where the text stands.
TEXT = f"![x](http://{HOST}/a) <img src=http://{HOST}/b> :red[z] $y$ *i* datum.q"
FILE_TEXT = "![x](planted.png) <img src=planted.png> :red[z] $y$ *i* datum.q.csv"

VARIANTS = (f"a {TEXT}", f"b {TEXT}")
TYPED = {  # fields with the text; all others of type text, and who writes them
    Status: {"name", "reason"},
    Label: {"name", "note"},
    SweepSpec: {"name", "variants"},
    DriverStatus: {"reason"},
    Trial: {"reason", "params"},
    NewDrawing: {"model", "session", "predicted", "confidence", "time", "id", "duplicate_of", "strokes"},
    RunConfig: set[str](),
}
NOT_TYPED = {
    Status: {"group": "the id of a job", "host": "the worker", "person": "a hash of the session"},
    SweepSpec: {
        "sampler": "a choice",
        "pruner": "a choice",
        "objective": "a choice",
        "search": "checked by the names of settings and their bounds",
    },
    DriverStatus: {"state": "the driver"},
    Trial: {"state": "the driver", "runs": "ids of runs"},
    NewDrawing: {"source": "a choice", "state": "a choice", "held_out": "0 or 1"},
    RunConfig: {
        "data": "a source, or a file of the owner whose name is planted in the history",
        "image_layers": "parsed",
        **dict.fromkeys(("activation", "initializer", "loss", "optimizer", "schedule"), "a choice"),
        **dict.fromkeys(("drawings_version", "label_corrections", "start_from"), "a hash"),
    },
}


def text_fields(kind: type[Any]) -> set[str]:
    """The fields of a stored record that can hold a text."""
    return {field.name for field in fields(kind) if any(word in str(field.type) for word in ("str", "Params", "Space"))}


def plant(folder: Path) -> dict[str, str]:
    """Runs, a sweep and drawings with the text in every field, and an import of a file -> ids."""
    made, failed, deleted = finish(SMALL), finish(replace(SMALL, seed=3)), finish(replace(SMALL, seed=4))
    for run in (made, failed, deleted):
        run.set_label(name=f"{run.config.seed} {TEXT}", note=TEXT)
    failed.write_status(replace(failed.stored(), name=TEXT, state="failed", reason=TEXT))
    delete_run(deleted)
    variants = dict(zip(VARIANTS, ({"dropout": 0.1}, {"dropout": 0.2}), strict=True))
    spec = SweepSpec(TEXT, base=SMALL, search={}, variants=variants, sampler="grid")
    sweep = create_sweep(spec)
    trials = [
        Trial(
            place,
            {"variant": name},
            "failed" if place else "done",
            over=True,
            values=(0.9,),
            runs=(run.id,),
            reason=TEXT,
        )
        for place, (name, run) in enumerate(zip(variants, (made, failed), strict=True))
    ]
    sweep.publish_trials(trials)
    sweep.set_begun(1)
    sweep.set_status(state="failed", reason=TEXT)
    gone = create_sweep(replace(spec, name=f"gone {TEXT}"))
    delete_sweep(gone)
    about = dict.fromkeys(TYPED[NewDrawing] - {"id", "strokes"}, TEXT) | {"strokes": json.dumps({"objects": [TEXT]})}
    kinds = [("kept", f"1 {TEXT}"), ("waiting", f"2 {TEXT}"), ("set aside", f"3 {TEXT}")]
    append_drawings(
        [
            NewDrawing(image=image, label=1, id=identity, state=state, **about)
            for image, (state, identity) in zip(images_of(3), kinds, strict=True)
        ]
    )
    import_drawings(write_csv(folder / FILE_TEXT, csv_lines(12)[4:]))
    return {"run": made.id, "failed": failed.id, "sweep": sweep.id}


PAGES = [
    "/",
    "/?model={run}",
    f"/?lesson={TEXT}",
    "/train?run={run}",
    "/train?run={failed}",
    f"/train?run={TEXT}",
    "/evaluate?model={run}&data=drawings",
    "/explore?runs={run},{failed}",
    "/explore?view=Sweeps",
    "/explore?view=Sweeps&sweep={sweep}",
    f"/explore?view=Sweeps&sweep={TEXT}",
    "/explore?view=Learning-rate+test",
    "/explore?view=Experiments",
    "/data",
    "/data?state=Waiting",
    f"/data?version={TEXT}",
    "/data?part=Label+errors",
    "/data?part=History",
    "/data?part=Import+and+export",
    "/data?part=Space",
]
SHOWN = {"/train?run={run}", "/explore?runs={run},{failed}", "/explore?view=Sweeps&sweep={sweep}"}  # and at least here

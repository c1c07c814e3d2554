"""Kills of trainings, fine-tunings, sweeps and of the processes that start them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from dataset import append_drawing, load_training
from experiments import fine_tuning
from experiments.runs import control
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.leftovers import remove_all_leftovers
from experiments.runs.run import Run, create_run, open_run, runs_folder
from experiments.runs.table import list_runs, run_table
from experiments.sweeps import SweepSpec, create_sweep, open_sweep
from experiments.sweeps.driver import run_sweep
from experiments.training import recording
from experiments.training.worker import train_run
from model import load_checkpoint
from model.classifier import SHIPPED
from reliability.outcome import Outcome
from reliability.processes import CampaignError, Child, in_child, orphans

# All parts that have a state or draw random numbers: optimizer, schedule, dropout, shuffling,
# augmentation, best weights.
DENSE = RunConfig(
    data="mnist-5k",
    hidden=(128, 64),
    dropout=0.2,
    label_smoothing=0.1,
    optimizer="adamw",
    weight_decay=0.01,
    shift=1.0,
    rotation=10.0,
    epochs=15,
    patience=1000,
    seed=7,
)
CNN = PRESETS["cnn"].replace(data="mnist-5k", training_images=512, epochs=4, batch_size=64, patience=100)
SHORT = DENSE.replace(hidden=(16,), epochs=4)
COMPARED = ["step", "epoch", "learning_rate", "train_loss", "validation_loss", "gradient_norm"]
REQUESTS = {"control.json", "control.lock"}  # written when a run is resumed
DRAWINGS = 12
STARTED = "started by a process that is killed"


def train(folder: Path, often: bool, _send: object = None) -> None:
    """Train a run until it ends. `often`: write a checkpoint every few steps."""
    if often:
        recording.CHECKPOINT_SECONDS, recording.CHECKPOINT_SHARE = 0.05, 1.0
    for _ in train_run(open_run(folder)):
        pass


def trained(run: Run) -> Run:
    """The run, trained to its end in a process that nobody disturbs."""
    in_child(partial(train, run.folder, False))
    if run.status().state != "finished":
        raise CampaignError(f"A run that nobody disturbed ended as {run.status()}.")
    return run


def arrays(path: Path) -> dict[str, bytes]:
    """The weights and the state of training in a checkpoint."""
    checkpoint = load_checkpoint(path)
    return {name: array.tobytes() for name, array in (checkpoint.weights | checkpoint.state).items()}


def differences(run: Run, whole: Run) -> list[str]:
    """How a run that was killed differs from one that was not. There should be no difference."""
    wrong = [f"{run.id} ended as {run.status()}"] if run.status().state != "finished" else []
    for name in ("last.npz", "best.npz"):
        if (run.folder / name).exists() != (whole.folder / name).exists():
            wrong.append(f"{run.id} and {whole.id} do not both have {name}")
        elif (run.folder / name).exists() and arrays(run.folder / name) != arrays(whole.folder / name):
            wrong.append(f"{name} of {run.id} is not bit for bit that of {whole.id}")
    if not run.history()[COMPARED].equals(whole.history()[COMPARED]):
        wrong.append(f"the history of {run.id} differs from that of {whole.id}")
    files = {path.name for path in run.folder.iterdir()} ^ {path.name for path in whole.folder.iterdir()}
    wrong += [f"{run.id} and {whole.id} do not both have the file {name}" for name in files - REQUESTS]
    return wrong


def kill_trainings(config: RunConfig, kills: int, moments: random.Random, outcome: Outcome) -> None:
    """Kill the worker of a run, resume it, and so on; compare it with a run that nobody killed."""
    load_training(config.data, config.validation_share, config.training_images)  # forked processes inherit it
    kill_resumed(lambda: create_run(config), kills, moments, outcome, commands=0.15)


def kill_fine_tunings(kills: int, moments: random.Random, outcome: Outcome) -> None:
    """The same with fine-tunings of the shipped model, which end with a comparison of models."""
    images = load_training("mnist-5k", 0.0)[0].images
    for number in range(DRAWINGS):
        image = np.ascontiguousarray(images[number * 300])
        in_child(partial(store_drawing, image, number))
    kill_resumed(lambda: fine_tuning.create_fine_tuning(SHIPPED), kills, moments, outcome, longest=2.5)


def store_drawing(image: NDArray[np.uint8], number: int, _send: object) -> None:
    """Store a drawing whose answer was wrong."""
    append_drawing(image, number % 10, predicted=(number + 1) % 10)


def kill_resumed(
    make: Callable[[], Run],
    kills: int,
    moments: random.Random,
    outcome: Outcome,
    *,
    commands: float = 0.0,
    longest: float = 0.6,
) -> None:
    """Kill and resume runs until the kills are spent, and compare each with an undisturbed one.

    `commands`: the share of processes that are the command `digits resume`, not forked ones.
    """
    whole = trained(make())
    result = fine_tuning.read_result(whole)
    while outcome.kills < kills:
        run = make()
        while run.status().state != "finished":
            if moments.random() < commands:
                killed = kill_command(run, moments.uniform(0.0, 4.0))
            else:
                child = Child(partial(train, run.folder, moments.random() < 0.8))
                killed = not child.ended_within(moments.uniform(0.0, longest) if outcome.kills < kills else 600.0)
                if killed:
                    child.kill()
                child.lines()
                if not killed and child.status:
                    raise CampaignError(f"The worker of {run.id} ended with status {child.status}: {run.status()}")
            outcome.kills += killed
        outcome.check(differences(run, whole))
        if fine_tuning.read_result(run) != result:
            outcome.check([f"the result of {run.id} differs from that of {whole.id}"])
        outcome.compared += 1
        shutil.rmtree(run.folder)


def kill_command(run: Run, seconds: float) -> bool:
    """Start `digits resume` and kill it after this time; -> False if it had ended before."""
    worker = subprocess.Popen([sys.executable, "-m", "experiments", "resume", run.id], stdout=subprocess.DEVNULL)
    try:
        worker.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
        return True


def kill_parents(kills: int, moments: random.Random, outcome: Outcome) -> None:
    """Kill a process that makes runs and starts workers on them, as a server does.

    Its workers end by themselves; each run is whole or not there, and resumes exactly.
    """
    load_training(SHORT.data, SHORT.validation_share, SHORT.training_images)
    whole = trained(create_run(SHORT))

    def start_runs(_send: object) -> None:
        while True:
            control.start_training(SHORT, name=STARTED)
            time.sleep(moments.uniform(0.0, 1.0))

    while outcome.kills < kills:
        child = Child(start_runs)
        if child.ended_within(moments.uniform(0.0, 2.0)):
            raise CampaignError(f"The process that starts runs ended with status {child.status}.")
        child.kill()
        child.lines()
        outcome.kills += 1
        remove_all_leftovers()
        outcome.check([f"{folder} is damaged: {why}" for folder, why in run_table().damaged()])
        outcome.check(orphans())  # its workers end by themselves
        for run in list_runs():
            if run.name == STARTED:
                if run.status().state != "finished":
                    in_child(partial(train, run.folder, False))
                outcome.check(differences(run, whole))
                outcome.compared += 1
                shutil.rmtree(run.folder)


def kill_sweeps(kills: int, moments: random.Random, outcome: Outcome) -> None:
    """Kill the driver of a sweep or one of its workers, and compare the trials in the end."""
    in_child(partial(drive, new_sweep("whole")))
    whole = results("whole")
    for number in count():
        if outcome.kills >= kills:
            return
        name = new_sweep(f"killed {number}")
        while open_sweep(name).status().state != "finished":
            child = Child(partial(drive, name))
            if child.ended_within(moments.uniform(0.0, 5.0) if outcome.kills < kills else 600.0):
                child.lines()
                continue
            kill_driver_or_worker(child, moments)
            outcome.kills += 1
        outcome.check([] if results(name) == whole else [f"the trials of {name} differ from undisturbed ones"])
        leftovers = [path.name for part in ("drivers", "trials") for path in (open_sweep(name).folder / part).iterdir()]
        outcome.check([f"{name}: {file} is left over" for file in leftovers])
        outcome.compared += 1


def kill_driver_or_worker(driver: Child, moments: random.Random) -> None:
    """Kill a driver; or one of its workers, and the driver a moment later."""
    workers = psutil.Process(driver.pid).children()
    if workers and moments.random() < 0.5:
        worker = moments.choice(workers)
        worker.send_signal(signal.SIGKILL)
        if driver.ended_within(moments.uniform(0.0, 4.0)):
            driver.lines()
            return
    driver.kill()
    driver.lines()


def new_sweep(name: str) -> str:
    """Make a sweep of four trials; -> its id."""
    space: dict[str, Any] = {"learning_rate": (0.001, 0.01), "hidden": ((8,), (16,))}
    return create_sweep(SweepSpec(name=name, base=SHORT, search=space, sampler="grid", workers=2)).id


def drive(name: str, _send: object = None) -> None:
    """Drive a sweep until it ends."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # Python's tracker of semaphores reports each that a killed process had
    for _ in run_sweep(open_sweep(name)):
        pass


def results(name: str) -> str:
    """The settings and results of all trials, as text."""
    trials = sorted(open_sweep(name).trials(), key=lambda trial: repr(trial.params))
    rows = [(trial.params, trial.state, trial.values, trial.epochs, len(trial.runs)) for trial in trials]
    runs = [path for path in runs_folder().glob(f"*-{name}-*") if path.is_dir()]
    return json.dumps([rows, len(runs)], default=str)

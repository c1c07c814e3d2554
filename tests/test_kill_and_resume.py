"""A run that was killed twenty times ends with the weights of a run that was never killed."""

import random
import signal
import subprocess
import sys

import pytest

from experiments.runs.config import RunConfig
from experiments.runs.run import create_run, open_run
from model import load_checkpoint
from tests.small_runs import finish, until

KILLS = 20
# With all parts that have a state or draw random numbers: optimizer, schedule, dropout, shuffling,
# augmentation, best weights.
CONFIG = RunConfig(
    data="mnist-5k",
    hidden=(256, 128),
    dropout=0.2,
    label_smoothing=0.1,
    optimizer="adamw",
    weight_decay=0.01,
    shift=1.0,
    rotation=10.0,
    epochs=40,
    patience=1000,
    seed=7,
)
# Checkpoints also in mid-epoch, as they come in runs whose epochs are longer.
OFTEN = """
import sys
from experiments.cli import main as cli
from experiments.training import recording
recording.CHECKPOINT_SECONDS, recording.CHECKPOINT_SHARE = 0.05, 1.0
sys.exit(cli.main(sys.argv[1:]))
"""


def arrays(path):
    checkpoint = load_checkpoint(path)
    return {name: array.tobytes() for name, array in (checkpoint.weights | checkpoint.state).items()}


def saved_step(run):
    return load_checkpoint(run.last).progress["step"] if run.last.exists() else 0


def trains(run, worker, beyond):
    status = run.status()
    return status.pid == worker.pid and status.state == "running" and status.step > beyond


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills_end_with_the_weights_of_the_uninterrupted_run():
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    print(f"random moments of seed {seed}")
    whole = finish(CONFIG)
    kills, steps, run = 0, set(), create_run(CONFIG)
    while True:
        start = ["-m", "experiments"] if moments.random() < 0.3 else ["-c", OFTEN]
        step = saved_step(run)
        worker = subprocess.Popen([sys.executable, *start, "resume", run.id], stdout=subprocess.DEVNULL)
        if moments.random() < 0.8:  # the others are killed while they start
            until(lambda: worker.poll() is not None or trains(run, worker, step), "a step")  # noqa: B023
        try:
            # After the last kill the run goes on to its end.
            status = worker.wait(moments.uniform(0.0, 0.5) if kills < KILLS else None)
        except subprocess.TimeoutExpired:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            kills += 1
            steps.add(open_run(run.id).status().step)
            continue
        assert status == 0
        assert run.status().state == "finished"
        assert arrays(run.last) == arrays(whole.last)
        assert arrays(run.best) == arrays(whole.best)
        compared = ["step", "epoch", "learning_rate", "train_loss", "validation_loss", "gradient_norm"]
        assert run.history()[compared].equals(whole.history()[compared])
        if kills >= KILLS:
            break
        run = create_run(CONFIG)  # a fast machine was done before all kills were spent
    print(f"{kills} kills, at steps {sorted(steps)}")
    assert len(steps) > 3

"""The command `digits`: its commands with their arguments; each imports its module when called."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from experiments.cli.parser import COMMANDS, PARSER, argument, command, json_switch, one_of, repeated


def main(argv: list[str] | None = None) -> int:
    """Carry out a command, and return its exit status.

    0 done, 1 diverged or refused, 2 bad input, 130 Ctrl-C, 141 the reader of the output is gone.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more threads slow down networks of this size
    try:
        arguments = PARSER.parse_args(argv)
        if arguments.command is None:
            PARSER.print_help()
            return 0
        from experiments.cli.terminal import warn
        from model.errors import DigitLabError  # only now: NumPy takes longer to import than help to print

        try:
            status: int | None = arguments.function(arguments)
        except BrokenPipeError:
            raise
        except (DigitLabError, OSError) as error:
            warn(str(error))
            return 2
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing it raises nothing again
        return 141
    return status or 0


SOURCE = "mnist, mnist-5k, fashion-mnist, or a CSV or IDX file"
DATA = argument("--data SOURCE", f"{SOURCE} (default: mnist if it is here, else mnist-5k)")
PRESET = argument("--preset NAME", "the preset to start from, see digits presets (default: quick)", default="quick")
MODEL = one_of(
    argument("--model FILE", "a checkpoint file (default: the one shipped with Digit Lab)"),
    argument("--run RUN", "the model of this run, by its id or folder"),
)
SETTINGS = (
    argument("--batch-size N", "images per step; 0 takes all of them"),
    argument("--seed N", "seed of the random numbers: same seed, same weights"),
    argument("--threads N", "processor threads; auto measures for two seconds which number is fastest"),
    repeated("--set KEY=VALUE", "any other setting, such as hidden=256,128; digits presets quick lists them"),
)


@command(
    "train",
    PRESET,
    DATA,
    one_of(
        argument("--epochs N", "how many times to see every training image"),
        argument("--steps N", "how many steps to train, instead of a number of epochs"),
    ),
    argument("--learning-rate X", "how far each step goes"),
    *SETTINGS,
    argument("--from MODEL", "start from the weights of this run or file, in a new run", dest="start_from"),
    argument("--run DIR", "folder to create for the run (default: a new one in the runs folder)", type=Path),
    argument("--name NAME", "name of the run (default: its preset)", default=""),
    json_switch(),
)
def train(arguments: argparse.Namespace) -> int:
    """Train a network. A folder of its own, a run, holds the result.

    examples:
      digits train --data mnist --epochs 3
      digits train --preset full-batch-64 --steps 500 --learning-rate 0.5
      digits train --set hidden=256,128 --set optimizer=sgd --set dropout=0.2
      digits train --from 20261120-183012-2b5f-quick --learning-rate 0.001

    Ctrl-C saves the run and ends it; digits resume continues it exactly where it stopped.
    """
    from experiments.cli import training

    return training.train(arguments)


@command("resume", argument("run RUN", "the run's id or folder"), json_switch())
def resume(arguments: argparse.Namespace) -> int:
    """Continue a run exactly where it was stopped or interrupted."""
    from experiments.cli import training

    return training.resume(arguments)


@command(
    "runs",
    argument("runs RUN", "compare these; each by its id, the short id in the list, its name or folder", nargs="*"),
    argument("--limit N", "list at most this many (default: 20; 0: all)", type=int, default=20),
    repeated("--filter KEY=VALUE", "only those with this setting, state, name, group or star (starred=true)"),
    argument("--group ID", "only those of this sweep"),
    argument(
        "--sort KEY",
        "accuracy, loss, epochs, seconds, parameters, name, state, or a setting (default: created)",
        default="created",
    ),
    json_switch("with all settings of each"),
    one_of(
        argument("--delete", "delete these runs; they are only moved aside"),
        argument("--restore", "bring deleted runs back; without RUN, list them"),
    ),
)
def runs(arguments: argparse.Namespace) -> None:
    """List runs, or compare some. The list shows the settings in which they differ.

    With RUN, the runs stand side by side, and the models of two are compared on the same digits.

    examples:
      digits runs --sort accuracy --filter optimizer=adam --filter state=finished
      digits runs 2b5f 91c0
    """
    from experiments.cli import runs

    runs.runs(arguments)


@command("range", PRESET, DATA, *SETTINGS, json_switch("with the whole curve"))
def range_test(arguments: argparse.Namespace) -> int:
    """Find a good learning rate in seconds. A short training with a rising rate shows from which
    rate on the loss falls, where it is lowest and where training diverges.

    examples:
      digits range
      digits range --preset relu-64-64 --set hidden=256 --json
    """
    from experiments.cli import training

    return training.range_test(arguments)


@command(
    "sweep",
    argument("config CONFIG.toml", "the settings to try; the same file continues the same sweep", type=Path),
    argument("--trials N", "how many combinations to try in all, instead of the number in the file"),
    argument("--workers N", "how many runs to train at once (default: one fewer than processor cores)"),
    argument("--storage URL", "database for the study, such as postgresql://USER@HOST/NAME", default=""),
    argument("--executor WHERE", "local: processes of this machine; dask://HOST:PORT: a Dask cluster", default="local"),
    json_switch(),
)
def sweep(arguments: argparse.Namespace) -> int:
    """Try many settings, and see which are best. A file lists them; every training is a run.

    a file:
      name = "rates"
      preset = "quick"
      data = "mnist-5k"
      sampler = "tpe"               # grid, random or tpe
      pruner = "median"             # none, median or hyperband
      trials = 30                   # or epochs (of all runs together) or minutes
      seeds = 1                     # runs of each combination

      [settings]                    # settings that differ from the preset
      epochs = 3

      [search]
      learning_rate = {low = 0.001, high = 0.1, log = true}
      batch_size = [32, 64, 128]
      hidden = [[64], [128, 64]]

      [variants."plain descent"]    # settings that go together; a combination has one variant
      optimizer = "sgd"
      schedule = "constant"

    Ctrl-C ends it and keeps everything; the same command continues it.
    """
    from experiments.cli import sweep

    return sweep.sweep(arguments)


@command("learn, fine-tune", MODEL, json_switch())
def learn(arguments: argparse.Namespace) -> int:
    """Fine-tune a model on your drawings, in seconds. It practises MNIST digits meanwhile.

    Prints the scores before and after, and saves the new model as a run unless it is worse.
    """
    from experiments.cli import training

    return training.learn(arguments)


@command(
    "test",
    MODEL,
    DATA,
    argument(
        "--split PART",
        "train, validation, test or all of its digits (default: test)",
        choices=("train", "validation", "test", "all"),
        default="test",
    ),
    argument("--corrected-labels", "score by the labels as corrected on the Data page (default: original labels)"),
    argument(
        "--robustness",
        "also on up to 1,000 of them moved, resized, turned, drawn thinner or thicker, and under noise",
    ),
    json_switch("with accuracy, correct, total, confusion"),
)
def test(arguments: argparse.Namespace) -> None:
    """Score a model on digits it has not seen. Count how many it reads right.

    examples:
      digits test --data mnist
      digits test --run 20261120-183012-2b5f-quick --json
    """
    from experiments.cli import models

    models.test(arguments)


@command(
    "predict",
    argument("images IMAGE", "a picture of one digit", nargs="+"),
    MODEL,
    json_switch("with all ten probabilities of each"),
)
def predict(arguments: argparse.Namespace) -> None:
    """Read the digit in each picture. PNG, JPEG and others, any size up to 5 MB, dark on light or
    light on dark.

    examples:
      digits predict seven.png
      digits predict *.jpg --model best.npz --json
    """
    from experiments.cli import models

    models.predict(arguments)


@command("presets", argument("name NAME", "list every setting of this one", nargs="?"), json_switch(""))
def presets(arguments: argparse.Namespace) -> None:
    """List the presets. They are networks with their training, to use as they are or to change."""
    from experiments.cli import models

    models.presets(arguments)


DATA_ACTIONS = COMMANDS.add_parser(
    "data",
    help="list, check and move digits",
    description="List, download and check digits, move drawings, and rank suspected label errors.",
).add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)


@command("list", of=DATA_ACTIONS)
def list_sources(arguments: argparse.Namespace) -> None:
    """List the sources of digits and the drawings."""
    from experiments.cli import data

    data.list_sources(arguments)


@command("download", argument("name NAME", "mnist or fashion-mnist"), of=DATA_ACTIONS)
def download(arguments: argparse.Namespace) -> None:
    """Download mnist or fashion-mnist once, to use it without a network later."""
    from experiments.cli import data

    data.download_source(arguments)


@command("check", argument("file FILE", "a CSV file"), of=DATA_ACTIONS)
def check(arguments: argparse.Namespace) -> None:
    """List the first 20 problems of a CSV file."""
    from experiments.cli import data

    data.check_file(arguments)


@command("export", argument("file FILE", "the file to create; its name tells the format"), of=DATA_ACTIONS)
def export(arguments: argparse.Namespace) -> None:
    """Copy drawings to a new .csv, .zip or IDX file, corrected labels to label_corrections.csv."""
    from experiments.cli import data

    data.export_file(arguments)


@command("import", argument("file FILE", "a file that was exported"), of=DATA_ACTIONS)
def import_(arguments: argparse.Namespace) -> None:
    """Add the content of an exported file to your drawings, or to your corrected labels."""
    from experiments.cli import data

    data.import_file(arguments)


@command("move", argument("to TO", "the address of a database, or a CSV file"), of=DATA_ACTIONS)
def move(arguments: argparse.Namespace) -> None:
    """Copy drawings and corrected labels with their history to a database, or from one to CSV."""
    from experiments.cli import data

    data.move_drawings(arguments)


@command(
    "suspects, label-errors",
    argument("source SOURCE", SOURCE),
    argument("--part PART", "test, train or all of its digits (default: test of mnist and fashion-mnist)"),
    argument("--limit N", "list at most this many, the most likely errors first (default: 20)", type=int, default=20),
    json_switch(),
    of=DATA_ACTIONS,
)
def label_errors(arguments: argparse.Namespace) -> None:
    """Rank digits by how likely their labels are wrong. The networks that judge a digit were not
    trained on it.

    examples:
      digits data suspects mnist-5k
      digits data suspects mnist --part train --limit 50
      digits data suspects my-digits.csv --json
    """
    from experiments.cli import data

    data.rank_label_errors(arguments)


from experiments.cli import stored  # noqa: E402, F401  # declares its commands, which are listed last

if __name__ == "__main__":
    sys.exit(main())

"""The command `digits`: train, resume, test and use networks, and look after their data, from a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

EXAMPLES = """examples:
  digits train                                    train the preset quick, in a few seconds
  digits train --preset best-mlp --data mnist     the most accurate network, on all of MNIST
  digits runs                                     all runs, and the settings in which they differ
  digits runs 2b5f 91c0                           two of them beside each other
  digits test --run 20261120-183012-2b5f-quick    how well a run reads the test digits
  digits predict seven.png                        which digit is in a picture
"""
TRAIN_EXAMPLES = """examples:
  digits train --data mnist --epochs 3
  digits train --preset full-batch-64 --steps 500 --learning-rate 0.5
  digits train --set hidden=256,128 --set optimizer=sgd --set dropout=0.2
  digits train --from 20261120-183012-2b5f-quick --learning-rate 0.001

Ctrl-C saves the run and ends it; digits resume goes on exactly where it was.
"""
SWEEP_EXAMPLE = """a file:
  name = "rates"
  preset = "quick"
  data = "mnist-5k"
  sampler = "tpe"               # grid, random or tpe
  pruner = "median"             # none, median or hyperband
  trials = 30                   # or epochs (of all runs together) or minutes
  seeds = 1                     # runs of each combination

  [settings]                    # what differs from the preset
  epochs = 3

  [search]
  learning_rate = {low = 0.001, high = 0.1, log = true}
  batch_size = [32, 64, 128]
  hidden = [[64], [128, 64]]

  [variants."plain descent"]    # settings that go together; a combination has one variant
  optimizer = "sgd"
  schedule = "constant"

Ctrl-C ends it and keeps everything; the same command goes on where it was.
"""
SOURCE = "mnist, mnist-5k, fashion-mnist, or a CSV or IDX file"
AT_END = "at the end, and the progress on standard error"

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 diverged, 2 bad input, 130 Ctrl-C, 141 nobody reads the output any more."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more only hinder networks of this size
    try:
        parser = build_parser()
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            parser.print_help()
            return 0
        from experiments.cli import errors  # only now: NumPy and its like take longer to import than help to print

        try:
            module, function = arguments.done_by.split(".")
            status: int = getattr(import_module(f"experiments.cli.{module}"), function)(arguments)
        except errors.BAD_INPUT as error:
            if isinstance(error, BrokenPipeError):
                raise
            return errors.complain(str(error))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing it raises nothing again
        return 141
    return status


class Parser(argparse.ArgumentParser):
    """Complains in one line; `done_by` says which function of which module of `experiments.cli` does it."""

    def __init__(self, *, done_by: str = "", **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self.set_defaults(done_by=done_by)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"digits: {message}. See {self.prog} --help.\n")


def build_parser() -> Parser:
    parser = Parser(
        prog="digits",
        description="Train a neural network for handwritten digits, see how good it is, and let it read pictures.",
        epilog=EXAMPLES + "\ndigits COMMAND --help explains a command.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    add_train(commands)
    add_resume(commands)
    add_runs(commands)
    add_range(commands)
    add_sweep(commands)
    add_learn(commands)
    add_test(commands)
    add_predict(commands)
    add_presets(commands)
    add_data(commands)
    return parser


def add_train(commands: Commands) -> None:
    command = commands.add_parser(
        "train",
        done_by="training.train",
        help="train a network",
        description="Train a network here, in view. What comes of it is kept in a folder of its own, a run.",
        epilog=TRAIN_EXAMPLES,
    )
    add_base(command)
    add = command.add_argument
    length = command.add_mutually_exclusive_group()
    length.add_argument("--epochs", metavar="N", help="how many times to see every training image")
    length.add_argument("--steps", metavar="N", help="how many steps to train, whatever the epochs")
    add("--learning-rate", metavar="X", help="how far each step goes")
    add_settings(command)
    add("--from", dest="start_from", metavar="MODEL", help="go on from the weights of this run or file, in a new run")
    add("--run", metavar="DIR", type=Path, help="folder to make for the run (default: a new one in the runs folder)")
    add("--name", default="", help="what to call the run (default: its preset)")
    add_json(command, AT_END)


def add_resume(commands: Commands) -> None:
    command = commands.add_parser(
        "resume",
        done_by="training.resume",
        help="go on with a run",
        description="Go on with a run that was stopped or interrupted, exactly where it was.",
    )
    command.add_argument("run", metavar="RUN", help="the run's id or folder")
    add_json(command, AT_END)


def add_runs(commands: Commands) -> None:
    command = commands.add_parser(
        "runs",
        done_by="runs.runs",
        help="list runs, or compare some",
        description="List the runs with the settings in which they differ, the newest first; or put some of them "
        "beside each other, and two of them to the test on the same validation digits.",
        epilog="examples:\n  digits runs --sort accuracy --filter optimizer=adam --filter state=finished\n"
        "  digits runs 2b5f 91c0",
    )
    add = command.add_argument
    add(
        "runs", metavar="RUN", nargs="*", help="compare these, each by its id, the short id in the list, name or folder"
    )
    add("--limit", metavar="N", type=int, default=20, help="list so many (default: 20; 0: all)")
    add(
        "--filter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="only those with this setting, state, name, group or star (starred=true); may be repeated",
    )
    add("--group", metavar="ID", help="only those of this sweep")
    add(
        "--sort",
        metavar="KEY",
        default="created",
        help="accuracy, loss, epochs, seconds, parameters, name, state, or a setting (default: created)",
    )
    add_json(command, "with all settings of each")
    action = command.add_mutually_exclusive_group()
    action.add_argument("--delete", action="store_true", help="delete these runs; they are only moved aside")
    action.add_argument("--restore", action="store_true", help="bring deleted runs back; without RUN, list them")


def add_range(commands: Commands) -> None:
    command = commands.add_parser(
        "range",
        done_by="training.range_test",
        help="find a good learning rate in seconds",
        description="Train for a second or two with a learning rate that rises, and say from which rate on the loss "
        "falls, where it is lowest and where training diverges.",
        epilog="examples:\n  digits range\n  digits range --preset relu-64-64 --set hidden=256 --json",
    )
    command.set_defaults(**dict.fromkeys(("epochs", "steps", "learning_rate", "start_from")))  # which `train` has
    add_base(command)
    add_settings(command)
    add_json(command, "with the whole curve")


def add_sweep(commands: Commands) -> None:
    command = commands.add_parser(
        "sweep",
        done_by="sweep.sweep",
        help="try many settings, and see which are best",
        description="Try many settings, as a file says, and see which are best. Every training is an ordinary run.",
        epilog=SWEEP_EXAMPLE,
    )
    add = command.add_argument
    add("config", metavar="CONFIG.toml", type=Path, help="what to try; the same file again goes on with the same sweep")
    add("--trials", metavar="N", help="how many combinations to try in all, whatever the file says")
    add("--workers", metavar="N", help="how many runs to train at once (default: one fewer than processor cores)")
    add("--storage", metavar="URL", default="", help="database for the study, such as postgresql://USER@HOST/NAME")
    add(
        "--executor",
        metavar="WHERE",
        default="local",
        help="local: processes of this machine; dask://HOST:PORT: a Dask cluster",
    )
    add_json(command, AT_END)


def add_learn(commands: Commands) -> None:
    command = commands.add_parser(
        "learn",
        done_by="learn.learn",
        help="let a model learn from your drawings, in seconds",
        description="Let a model learn from your drawings, going over old digits meanwhile; say what that did, and "
        "keep it as a run unless it has become worse.",
    )
    add_model(command)
    add_json(command, AT_END)


def add_test(commands: Commands) -> None:
    command = commands.add_parser(
        "test",
        done_by="reading.test",
        help="score a model on digits it has not seen",
        description="Let a model read labelled digits, and count how many it reads right.",
        epilog="examples:\n  digits test --data mnist\n  digits test --run 20261120-183012-2b5f-quick --json",
    )
    add_model(command)
    add_source(command)
    add = command.add_argument
    add(
        "--split",
        choices=("train", "validation", "test", "all"),
        default="test",
        metavar="PART",
        help="train, validation, test or all of its digits (default: test)",
    )
    add(
        "--corrected-labels",
        action="store_true",
        help="by the labels as people corrected them on the Data page (default: as they came)",
    )
    add(
        "--robustness",
        action="store_true",
        help="also on up to 1,000 of them moved, resized, turned, drawn thinner or thicker, and under noise",
    )
    add_json(command, "with accuracy, correct, total, confusion")


def add_predict(commands: Commands) -> None:
    command = commands.add_parser(
        "predict",
        done_by="reading.predict",
        help="read the digit in a picture",
        description="Read the digit in each picture: PNG, JPEG and others, any size up to 5 MB, dark on light or "
        "light on dark.",
        epilog="examples:\n  digits predict seven.png\n  digits predict *.jpg --model best.npz --json",
    )
    command.add_argument("images", metavar="IMAGE", nargs="+", help="a picture of one digit")
    add_model(command)
    add_json(command, "with all ten probabilities of each")


def add_presets(commands: Commands) -> None:
    command = commands.add_parser(
        "presets",
        done_by="presets.presets",
        help="list the networks to begin with",
        description="List the presets: networks with their training, to use as they are or to change.",
    )
    command.add_argument("name", metavar="NAME", nargs="?", help="list every setting of this one")
    add_json(command)


def add_data(commands: Commands) -> None:
    data = commands.add_parser(
        "data", help="look after the digits", description="List, download and check digits, and move drawings about."
    )
    actions = data.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    for action, argument, summary in (
        ("list", None, "what there is to train on"),
        ("download", "NAME", "fetch mnist or fashion-mnist once, to have it without a network"),
        ("check", "FILE", "name the first 20 problems of a CSV file"),
        ("export", "FILE", "copy drawings to a new .csv, .zip or IDX file, corrected labels to label_corrections.csv"),
        ("import", "FILE", "add what is in such a file to your drawings, or to your corrected labels"),
        ("move", "TO", "copy drawings and corrected labels with their history into a database, or from there into CSV"),
    ):
        command = actions.add_parser(
            action, done_by=f"data.data_{action}", help=summary, description=summary[0].upper() + summary[1:] + "."
        )
        if argument:
            command.add_argument(argument.lower(), metavar=argument)
    command = actions.add_parser(
        "suspects",
        done_by="suspects.suspects",
        help="rank digits by how doubtful their labels are",
        description="Rank the labels of digits by how much networks doubt them that were not trained on these digits.",
        epilog="examples:\n  digits data suspects mnist-5k\n  digits data suspects mnist --part train --limit 50\n"
        "  digits data suspects my-digits.csv --json",
    )
    add = command.add_argument
    add("source", metavar="SOURCE", help=SOURCE)
    add("--part", metavar="PART", help="test, train or all of its digits (default: test of mnist and fashion-mnist)")
    add("--limit", metavar="N", type=int, default=20, help="list so many, the most suspect first (default: 20)")
    add_json(command, AT_END)


def add_base(command: Parser) -> None:
    """What to train, and on what."""
    preset = "what to begin with, see digits presets (default: quick)"
    command.add_argument("--preset", metavar="NAME", default="quick", help=preset)
    add_source(command)


def add_settings(command: Parser) -> None:
    """What to change about it."""
    add = command.add_argument
    add("--batch-size", metavar="N", help="images per step; 0 takes all of them")
    add("--seed", metavar="N", help="start of all randomness: same seed, same weights")
    add("--threads", metavar="N", help="processor threads; auto measures for two seconds which number is fastest")
    add(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="any other setting, such as hidden=256,128; may be repeated; digits presets quick lists them",
    )


def add_source(command: Parser) -> None:
    command.add_argument("--data", metavar="SOURCE", help=f"{SOURCE} (default: mnist if it is here, else mnist-5k)")


def add_model(command: Parser) -> None:
    which = command.add_mutually_exclusive_group()
    which.add_argument("--model", metavar="FILE", help="a checkpoint file (default: the one shipped with Digit Lab)")
    which.add_argument("--run", metavar="RUN", help="the model of this run, by its id or folder")


def add_json(command: Parser, what: str = "") -> None:
    command.add_argument("--json", action="store_true", help=f"print one JSON object {what}".rstrip())


if __name__ == "__main__":
    sys.exit(main())

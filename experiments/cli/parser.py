"""Parser: declare commands with their arguments, and read a command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

EXAMPLES = """examples:
  digits train                                    train the preset quick, in a few seconds
  digits train --preset best-mlp --data mnist     the most accurate network, on all of MNIST
  digits runs                                     all runs, and the settings in which they differ
  digits runs 2b5f 91c0                           two of them side by side
  digits test --run 20261120-183012-2b5f-quick    how many test digits a run reads right
  digits predict seven.png                        which digit is in a picture

digits COMMAND --help explains a command."""

Function: TypeAlias = Callable[[argparse.Namespace], int | None]  # -> exit status; None: 0
Adder: TypeAlias = Callable[[argparse._ActionsContainer], object]  # adds arguments to a parser or a group
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """End with status 2 and the message on standard error."""
        self.exit(2, f"digits: {message}. See {self.prog} --help.\n")


PARSER = Parser(
    prog="digits",
    description="Train a neural network for handwritten digits, see how good it is, and let it read pictures.",
    epilog=EXAMPLES,
)
COMMANDS: Commands = PARSER.add_subparsers(title="commands", metavar="COMMAND", dest="command")


def command(names: str, *adders: Adder, of: Commands = COMMANDS) -> Callable[[Function], Function]:
    """Declare the function as a command with these arguments. Commas separate its names.

    Its docstring is its help: the first sentence stands in the list of commands, and what follows
    the first blank line at the end.
    """

    def declare(function: Function) -> Function:
        description, _, end = re.sub(r"\n {4}", "\n", function.__doc__ or "").partition("\n\n")
        sentence = re.split(r"\.(?:\s|$)", description)[0]
        summary = sentence[:1].lower() + sentence[1:]
        name, *aliases = names.split(", ")
        parser = of.add_parser(name, aliases=aliases, help=summary, description=description, epilog=end.rstrip())
        parser.set_defaults(function=function)
        for add in adders:
            add(parser)
        return function

    return declare


def argument(usage: str, text: str, **options: Any) -> Adder:
    """An argument: its name with the word for its value, "--limit N", and its help text.

    A switch has no value.
    """
    name, _, value = usage.partition(" ")
    options |= {"metavar": value} if value else {"action": "store_true"}
    return lambda parser: parser.add_argument(name, help=text, **options)


def one_of(*adders: Adder) -> Adder:
    """Arguments of which only one may be given."""

    def add_group(parser: argparse._ActionsContainer) -> None:
        group = parser.add_mutually_exclusive_group()
        for add in adders:
            add(group)

    return add_group


def repeated(usage: str, text: str) -> Adder:
    """An argument that may be given several times."""
    return argument(usage, f"{text}; may be repeated", action="append", default=[])


def json_switch(content: str = "at the end, and the progress on standard error") -> Adder:
    """The switch for output as JSON."""
    return argument("--json", f"print one JSON object {content}".rstrip())

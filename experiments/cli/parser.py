"""Parser: declare commands with their arguments, and read a command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeAlias

EXAMPLES = """examples:
  digits train                                    train the preset quick, in a few seconds
  digits train --preset best-mlp --data mnist     the most accurate network, on all of MNIST
  digits runs                                     all runs, and the settings in which they differ
  digits runs 2b5f 91c0                           two of them beside each other
  digits test --run 20261120-183012-2b5f-quick    how many test digits a run reads right
  digits predict seven.png                        which digit is in a picture

digits COMMAND --help explains a command."""

Function: TypeAlias = Callable[[argparse.Namespace], int]
Adder: TypeAlias = Callable[[argparse._ActionsContainer], object]  # adds arguments to a parser or a group


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """End with status 2 and the message on standard error."""
        self.exit(2, f"digits: {message}. See {self.prog} --help.\n")


class Command(NamedTuple):
    """A command, or an action of `digits data`; its function has the description as docstring."""

    names: tuple[str, ...]
    summary: str
    adders: tuple[Adder, ...]
    function: Function


COMMANDS: list[Command] = []
DATA_ACTIONS: list[Command] = []


def build_parser() -> Parser:
    """The parser of all commands."""
    description = "Train a neural network for handwritten digits, see how good it is, and let it read pictures."
    parser = Parser(prog="digits", description=description, epilog=EXAMPLES)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    add_parsers(commands, COMMANDS)
    description = "List, download and check digits, move drawings, and rank suspected label errors."
    data = commands.add_parser("data", help="list, check and move digits", description=description)
    add_parsers(data.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True), DATA_ACTIONS)
    return parser


def add_parsers(to: argparse._SubParsersAction[Parser], commands: list[Command]) -> None:
    """Add a parser for each command. The help ends with all that follows a docstring's first blank line."""
    for (name, *aliases), summary, adders, function in commands:
        description, _, examples = re.sub(r"\n {4}", "\n", function.__doc__ or "").partition("\n\n")
        short = summary or description[0].lower() + description[1:].rstrip(".")
        parser = to.add_parser(name, aliases=aliases, help=short, description=description, epilog=examples.rstrip())
        parser.set_defaults(function=function)
        for add in adders:
            add(parser)


def command(names: str, summary: str, *adders: Adder, of: list[Command] = COMMANDS) -> Callable[[Function], Function]:
    """Declare the function as a command with these arguments. Commas separate its names."""

    def declare(function: Function) -> Function:
        of.append(Command(tuple(names.split(", ")), summary, adders, function))
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


def json_switch(content: str = "at the end, and the progress on standard error") -> Adder:
    """The switch for output as JSON."""
    return argument("--json", f"print one JSON object {content}".rstrip())

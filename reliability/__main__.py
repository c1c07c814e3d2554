"""The command `python -m reliability NAME`: runs one campaign and prints what failed."""

import argparse
import sys
from types import ModuleType

from reliability import audit, content, faults, fuzz, intruder, kill, load, replicas

# Each campaign is a module of this folder. Its docstring says what it tries;
# `add_arguments(parser)` declares its options; `run(arguments)` carries it out and returns the exit
# status.
CAMPAIGNS: dict[str, ModuleType] = {
    "audit": audit,
    "content": content,
    "faults": faults,
    "fuzz": fuzz,
    "intruder": intruder,
    "kill": kill,
    "load": load,
    "replicas": replicas,
}


def main() -> int:
    """Run the campaign that the command line names; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    commands = parser.add_subparsers(dest="campaign", required=True)
    for name, module in CAMPAIGNS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    arguments = parser.parse_args()
    status: int = CAMPAIGNS[arguments.campaign].run(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())

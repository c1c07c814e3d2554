"""Reading of files that may be damaged or hostile: JSON and TOML, with limits and one error."""

import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model.errors import DigitLabError

MOST_BYTES = 1 << 24  # of a JSON or TOML file
MOST_LISTS = 1 << 19  # lists and tables in a JSON text; parsing that many takes half a second and 50 MB
MOST_LEVELS = 32  # of lists and tables inside each other; the deepest file of the project has 6


class DamagedError(DigitLabError):
    """The content of a file cannot be used."""


def read_bytes(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """The content of a file. Raises OSError, and DamagedError for more than `most` bytes."""
    # A table reads hundreds of files: without a buffer, and without a Path, that is faster.
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise DamagedError(f"it has {size:,} bytes, expected at most {most:,}.")
        return file.read()


@contextmanager
def decoding(subject: object, cure: str, error: type[DigitLabError] = DamagedError) -> Iterator[None]:
    """Raise every exception of a decoder as `error`: "SUBJECT is damaged (REASON); CURE"

    Decoders of damaged files raise many types of exceptions, which differ between versions.
    """
    try:
        yield
    except DigitLabError:
        raise
    except Exception as cause:
        reason = str(cause) or type(cause).__name__
        raise error(f"{subject} is damaged ({reason[:200]}); {cure}") from cause


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises DamagedError, also for too many levels.

    A character that cannot be stored as UTF-8 is replaced by its number, because one such character
    in a text would break every page that shows it.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        if (lists := text.count("[") + text.count("{")) > MOST_LISTS:
            raise DamagedError(f"it has more than {MOST_LISTS:,} lists and tables.")
        value = json.loads(text)
    except RecursionError:
        raise DamagedError(TOO_DEEP) from None
    except MemoryError:
        raise DamagedError("it has more values than fit into memory.") from None
    except DamagedError:
        raise
    except ValueError as error:
        raise DamagedError(f"it is not JSON: {error}.") from None
    if lists > MOST_LEVELS:
        _check_levels(value)
    # Only an escape such as \udcfe, or a character beyond ASCII, can be one of these characters.
    if "\\ud" in text or "\\uD" in text or not text.isascii():
        return _storable(value)
    return value


def parse_toml(text: bytes) -> dict[str, Any]:
    """The table of a TOML text. Raises DamagedError, also for too many levels."""
    try:
        table = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DamagedError("it is not text in UTF-8.") from None
    except RecursionError:
        raise DamagedError(TOO_DEEP) from None
    except ValueError as error:  # also a number of more than 4,300 digits
        raise DamagedError(str(error)) from None
    _check_levels(table)
    return table


TOO_DEEP = f"it has more than {MOST_LEVELS} levels of lists and tables inside each other."


def _check_levels(value: Any) -> None:
    """Raise DamagedError for too many levels: whatever handles the value may be recursive."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise DamagedError(TOO_DEEP)


def storable(text: str) -> str:
    r"""The text with each character that UTF-8 cannot store as its number: \udcfe."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _storable(value: Any) -> Any:
    """A JSON value with storable texts."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {storable(name): _storable(each) for name, each in value.items()}
    return value

"""Parsers: for any text a parser returns a value or raises its own error, and what was written is
read again.
"""

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.csv_format import check_csv, read_csv, split_line
from dataset.drawings.csv_rows import clean_text, decode, encode, read_rows
from dataset.drawings.log import Log, pack, unpack
from dataset.drawings.strokes import pack_strokes, unpack_strokes
from experiments.runs.config import SETTINGS, RunConfig
from experiments.runs.history import HISTORY_COLUMNS, append_row, cut_rows
from experiments.runs.history import read_rows as history_rows
from experiments.sweeps import SweepSpec
from experiments.sweeps.space import read_space
from model import ConfigError
from model.errors import DigitLabError
from model.reading import DamagedError, parse_json, parse_toml

QUICK = settings(max_examples=150, deadline=None, derandomize=True)  # the same texts each time
NUMBERS = st.none() | st.booleans() | st.integers() | st.floats()
JSON = st.recursive(
    NUMBERS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def refusal(call: Callable[[], object]) -> str:
    """The sentence with which a call refuses a value; empty where it takes it."""
    try:
        call()
    except DigitLabError as error:
        return str(error)
    return ""


@QUICK
@given(JSON)
def test_json_is_read_as_it_was_written(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value).encode()):
        assert json.dumps(parse_json(text)) == json.dumps(value)


@QUICK
@given(st.binary() | st.text(st.characters()))
def test_any_text_is_json_or_damaged(text: bytes | str) -> None:
    try:
        value = parse_json(text)
    except DamagedError:
        return
    json.dumps(value, ensure_ascii=False).encode()


@QUICK
@given(st.binary() | st.text().map(str.encode))
def test_any_text_is_toml_or_damaged(text: bytes) -> None:
    with contextlib.suppress(DamagedError):
        assert isinstance(parse_toml(text), dict)


@QUICK
@given(st.binary())
def test_any_bytes_are_rows_of_drawings_or_damaged_lines(data: bytes) -> None:
    contents = read_rows(data)
    assert len(contents.lines) == len(contents.values)
    assert encode(decode(data)) == data


@QUICK
@given(st.text(st.characters(blacklist_categories=())))
def test_any_text_can_be_stored_as_provenance(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert split_line(cleaned) == [cleaned]
    assert clean_text(cleaned) == cleaned or len(cleaned) > 100


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes_are_digits_or_a_problem_with_its_line(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "some.csv")
        path.write_bytes(data)
        message = refusal(lambda: (read_csv(path), check_csv(path)))
        assert not message or "some.csv" in message


@QUICK
@given(st.lists(st.text(st.characters(blacklist_characters="\n\r"))))
def test_any_line_is_an_entry_of_the_log_or_refused(lines: list[str]) -> None:
    log = Log()
    for line in lines:
        try:
            log.append(line)
        except ValueError:
            continue
    assert not log.drawings


@QUICK
@given(st.binary(max_size=2000), st.integers(0, 3000))
def test_packed_bytes_are_unpacked_up_to_the_limit(data: bytes, most: int) -> None:
    if len(data) <= most:
        assert unpack(pack(data), most) == data
    assert isinstance(unpack_strokes(pack_strokes(data.decode(errors="replace"))), str)


@QUICK
@given(st.text())
def test_any_text_is_strokes_or_nothing(text: str) -> None:
    unpack_strokes(text).encode()


@QUICK
@given(st.binary())
def test_any_bytes_are_rows_of_a_history_in_the_order_of_their_steps(data: bytes) -> None:
    steps = [numbers[0] for _, numbers in history_rows(data)]
    assert steps == sorted(set(steps))


ROW = st.lists(st.none() | st.floats(allow_nan=False, width=32), min_size=9, max_size=9)


@QUICK
@given(st.lists(ROW), st.integers(0, 20), st.binary(max_size=50))
def test_a_history_is_cut_after_any_step_whatever_stands_at_its_end(
    rows: list[list[float | None]], step: int, garbage: bytes
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number, row in enumerate(rows, start=1):
            append_row(folder, [number, *row])
        with (folder / "history.csv").open("ab") as file:
            file.write(garbage)
        cut_rows(folder, step)
        data = (folder / "history.csv").read_bytes()
        kept = list(history_rows(data))
        assert [numbers[0] for _, numbers in kept][: len(rows)] == list(range(1, min(step, len(rows)) + 1))
        for (_, numbers), row in zip(kept, rows, strict=False):
            for read, written in zip(numbers[1:], row, strict=True):
                assert math.isnan(read) if written is None else math.isclose(read, written, rel_tol=1e-8)
        assert all(len(numbers) == len(HISTORY_COLUMNS) for _, numbers in kept)


@QUICK
@given(st.sampled_from(SETTINGS), st.text() | st.integers().map(str) | st.floats().map(str))
def test_any_text_after_a_setting_is_a_value_or_an_error_that_names_it(name: str, text: str) -> None:
    def check() -> None:
        config = RunConfig().replace(**{name: RunConfig.parse(name, text)})
        assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config

    message = refusal(check)
    assert not message or name in message or "layer" in message or "label_smoothing" in message


@QUICK
@given(st.sampled_from(SETTINGS), JSON)
def test_any_value_of_a_setting_in_a_file_is_used_or_refused(name: str, value: object) -> None:
    with contextlib.suppress(ConfigError):
        RunConfig.from_dict({name: value})


AXIS = st.lists(NUMBERS | st.text()) | st.dictionaries(st.sampled_from(["low", "high", "log", "points", "x"]), JSON)
NAMES = st.sampled_from(["learning_rate", "hidden", "optimizer", "width", "variant", "epochs", "seed", "x"])


@QUICK
@given(st.dictionaries(NAMES, AXIS | JSON), st.sampled_from(["grid", "random", "tpe"]))
def test_any_axes_of_a_sweep_are_a_space_or_an_error(search: dict[str, object], sampler: str) -> None:
    values = {"name": "some", "base": RunConfig(), "search": search, "sampler": sampler, "trials": 3}

    def check() -> None:
        spec = SweepSpec.from_dict(values)
        assert SweepSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
        assert read_space(spec.to_dict()["search"], {}) == spec.search

    refusal(check)

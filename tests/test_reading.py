"""Reading: damaged JSON, TOML and arrays raise one error, and take no more memory than allowed."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.array_files import open_arrays, read_array
from model.reading import DamagedError, decoding, parse_json, parse_toml, read_bytes

NESTED = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "\0",
        "[1,",
        '{"a": }',
        "[" * NESTED,
        '{"a":' * NESTED,
        "[" * 40 + "]" * 40,
        "9" * 5000,
        b"\xfe",
        b'"\xfe"',
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_text_that_is_no_json_raises_one_error(text: str | bytes) -> None:
    with pytest.raises(DamagedError):
        parse_json(text)


def test_json_that_programs_write_is_read() -> None:
    value = {"a": [1, 2.5, None, True, "é", {"b": [[[]]]}], "c": float("inf")}
    assert parse_json(json.dumps(value)) == parse_json(json.dumps(value, ensure_ascii=False).encode()) == value
    assert parse_json(b'\xef\xbb\xbf"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_a_character_that_no_page_can_show_is_read_as_its_number() -> None:
    value = parse_json('{"a\\udcfe": ["\\uDCFE", 1, null]}')
    assert value == {"a\\udcfe": ["\\udcfe", 1, None]}
    assert json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize("text", [b"a = ", b"\xfe", b"a = " + b"[" * 2000, b"a = " + b"9" * 5000])
def test_a_text_that_is_no_toml_raises_one_error(text: bytes) -> None:
    with pytest.raises(DamagedError):
        parse_toml(text)


def test_a_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_bytes(b"1" * 11)
    assert len(read_bytes(tmp_path / "large.json", 11)) == 11
    with pytest.raises(DamagedError, match="it has 11 bytes, expected at most 10"):
        read_bytes(tmp_path / "large.json", 10)


def test_any_exception_of_a_decoder_becomes_one_error() -> None:
    for error in (ZeroDivisionError("x"), MemoryError(), RecursionError("deep"), KeyError("name")):
        with pytest.raises(DamagedError, match=r"^a\.png is damaged"), decoding("a.png", "save it again."):
            raise error
    with pytest.raises(KeyboardInterrupt), decoding("a.png", "save it again."):
        raise KeyboardInterrupt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.asfortranarray(np.ones((4, 2)))}
    np.savez(tmp_path / "some.npz", text=np.array("hé"), empty=np.empty((0, 28, 28), np.uint8), **arrays)
    return tmp_path / "some.npz"


def test_arrays_are_read_as_numpy_reads_them(path: Path) -> None:
    with open_arrays(path) as file, np.load(path) as expected:
        assert set(file.names) == set(expected.files)
        np.testing.assert_array_equal(file.read("a", "f", (2, 3)), expected["a"])
        np.testing.assert_array_equal(file.read("b", "f8", (4, None)), expected["b"])
        assert file.read("empty", "u1", (None, 28, 28)).shape == (0, 28, 28)
        assert file.text("text") == "hé"
        assert file.read("a", "f").flags.writeable


def test_an_array_of_another_type_or_shape_is_refused(path: Path) -> None:
    with open_arrays(path) as file:
        for name, kinds, shape in (
            ("a", "u1", (2, 3)),
            ("a", "f8", (2, 3)),
            ("a", "f", (3, 2)),
            ("a", "f", (2,)),
            ("none", "f", ()),
            ("text", "f", ()),
        ):
            with pytest.raises(DamagedError, match=name):
                file.read(name, kinds, shape)
        with pytest.raises(DamagedError, match="expected at most 10"):
            file.read("a", "f", most=10)


@pytest.mark.parametrize(
    "header", ["[" * 5000, "{'descr': '|O', 'fortran_order': False, 'shape': (), }", "1 + 1", "'''"]
)
def test_a_header_is_never_evaluated(tmp_path: Path, header: str) -> None:
    text = header.encode().ljust(118) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(tmp_path / "some.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with open_arrays(tmp_path / "some.npz") as file, pytest.raises(DamagedError, match="header"):
        file.read("a", "f")
    (tmp_path / "some.npy").write_bytes(content)
    with pytest.raises(DamagedError, match="header"):
        read_array(tmp_path / "some.npy", "f4")


def test_an_array_that_claims_to_be_large_is_not_made(tmp_path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (200000000, 30), }".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "some.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00v\0" + header + bytes(24))
    with open_arrays(tmp_path / "some.npz") as file, pytest.raises(DamagedError, match="not as long as it should be"):
        file.read("a", "f", (200000000, 30))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_an_extra_array_that_unpacks_to_gigabytes_costs_no_memory(path: Path) -> None:
    """1.5 GB of zeros in 1.5 MB, as somebody could make them on purpose."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("extra.npy", "w") as file:
        file.write(
            b"\x93NUMPY\x01\x00v\0" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1500000000,), }".ljust(117)
        )
        for _ in range(1500):
            file.write(bytes(1_000_000))
    code = (
        "import resource, sys; from model.array_files import open_arrays; from model.reading import DamagedError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open_arrays(sys.argv[1]) as file:\n"
        "    assert file.read('a', 'f', (2, 3)).sum() == 15\n"
        "    try: file.read('extra', 'u1'); sys.exit('it was read')\n"
        "    except DamagedError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20_000  # kilobytes


def test_every_cut_and_every_flipped_byte_raises_one_error(path: Path) -> None:
    whole = path.read_bytes()
    damaged = [whole[:cut] for cut in range(0, len(whole), 7)]
    damaged += [whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :] for place in range(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        try:
            with open_arrays(path) as file:
                file.read("a", "f", (2, 3))
        except DamagedError:
            pass

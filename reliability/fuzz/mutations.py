"""Mutations: damage a file on purpose, at random, in its bytes, its texts or its structure."""

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from dataset.drawings.log import VERSION_TEXT, digest

TOKENS = (
    *("0", "-1", "1e999", "-1e999", "NaN", "Infinity", "1e300", "9" * 400, "9" * 5000, "0.1", "true", "null"),
    *("", '""', '"\\udcfe"', "[]", "{}", "[[1]]", "\0", "é", "\ufeff", "=cmd", "a" * 5000, "2**31", "1_0", "../.."),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e300, float("nan"), float("inf"), 10**20, 10**400, "", "x", "1", "\udcfe"),
    *([], {}, [[]], [1, "x"], {"a": {}}, [None] * 3, "../../x", "a" * 3000, "\0"),
)
DEPTHS = (33, 100, 900, 5_000, 100_000)
PNG_START = b"\x89PNG\r\n\x1a\n"


def mutate(content: bytes, name: str, random: Random, bombs: Mapping[str, bytes]) -> tuple[bytes, str]:
    """The damaged content of a file of this name, and in a word how it was damaged."""
    suffix = name.rpartition(".")[2]
    kinds: list[Callable[[bytes, Random], bytes]] = [flip_bits, overwrite, cut, insert, repeat, leave_out, zero]
    if suffix in ("json", "csv", "toml", "log", "canvas"):
        kinds += [replace_token] * 4
    if suffix in STRUCTURES:
        kinds += [STRUCTURES[suffix]] * 8
    if suffix in bombs and random.random() < BOMB_SHARE:
        return bombs[suffix], "bomb"
    chosen = random.choice(kinds)
    damaged = chosen(content, random)
    if random.random() < 0.2:
        damaged = random.choice(kinds[:7])(damaged, random)
    return damaged, chosen.__name__


BOMB_SHARE = 0.02  # of the files of a type of which a bomb was made


def flip_bits(content: bytes, random: Random) -> bytes:
    """Flip up to eight bits."""
    changed = bytearray(content or b"\0")
    for _ in range(random.randint(1, 8)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, random: Random) -> bytes:
    """Replace some bytes by others that often matter."""
    at, length = random.randrange(len(content) + 1), random.choice((1, 2, 4, 8, 100))
    return content[:at] + random.choice((b"\0", b"\xff", b"\xfe", b"\n", b",", b"9")) * length + content[at + length :]


def cut(content: bytes, random: Random) -> bytes:
    """Keep only the beginning or the end."""
    at = random.randrange(len(content) + 1)
    return content[:at] if random.random() < 0.8 else content[at:]


def insert(content: bytes, random: Random) -> bytes:
    """Insert random bytes."""
    at = random.randrange(len(content) + 1)
    return content[:at] + random.randbytes(random.choice((1, 3, 20, 5_000))) + content[at:]


def repeat(content: bytes, random: Random) -> bytes:
    """Repeat a part, once or many times."""
    start, end = sorted(random.randrange(len(content) + 1) for _ in range(2))
    times = random.choice((2, 2, 3, 50))
    part = content[start:end][: 2_000_000 // times]
    return content[:start] + part * times + content[end:]


def leave_out(content: bytes, random: Random) -> bytes:
    """Leave out a part."""
    start, end = sorted(random.randrange(len(content) + 1) for _ in range(2))
    return content[:start] + content[end:]


def zero(content: bytes, random: Random) -> bytes:
    """Nothing, or zeros, as after a power cut."""
    return bytes(random.choice((0, 1, len(content))))


def replace_token(content: bytes, random: Random) -> bytes:
    """Replace a number or a word of a text by a token that often matters."""
    tokens = list(re.finditer(rb"[\w.+-]+", content[:200_000]))
    if not tokens:
        return content
    found = random.choice(tokens)
    token = random.choice(TOKENS).encode(errors="surrogatepass")
    return content[: found.start()] + token + content[found.end() :]


def change_json(content: bytes, random: Random) -> bytes:
    """Change one value of a JSON text: its type, its nesting, its name; or remove it."""
    try:
        value = json.loads(content)
    except ValueError:
        return content
    text = json.dumps(change_value(value, random))
    if random.random() < 0.2:
        depth, (start, end) = random.choice(DEPTHS), random.choice((("[", "]"), ('{"a":', "}")))
        token = random.choice(re.findall(r"\d+|null|true|\[\]", text) or ["0"])
        text = text.replace(token, start * depth + "0" + end * depth, 1)
    return text.encode(errors="surrogatepass")


def change_value(value: Any, random: Random) -> Any:
    """A JSON value with one change somewhere inside."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.2:
        return random.choice(VALUES)
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    place, kind = random.choice(places), random.random()
    changed = dict(value) if isinstance(value, dict) else list(value)
    if kind < 0.15:
        del changed[place]
    elif kind < 0.25 and isinstance(changed, dict):
        changed[random.choice(("x", "", "\udcfe", str(place) * 50))] = changed.pop(place)
    elif kind < 0.3 and isinstance(changed, list):
        changed += [changed[place]] * random.choice((1, 1000))
    else:
        changed[place] = change_value(changed[place], random)
    return changed


def change_log(content: bytes, random: Random) -> bytes:
    """Change an entry of the log of drawings, and give it the hash that fits."""
    lines = content.decode(errors="replace").splitlines()
    if not lines:
        return content
    place = random.randrange(len(lines))
    entry = json.loads(lines[place])
    number = entry["number"]
    changed = change_value(entry, random)
    if isinstance(changed, dict):
        text = json.dumps({**changed, "version": ""}, separators=(",", ":"))
        lines[place] = text.replace(VERSION_TEXT % "", VERSION_TEXT % f"{number}-{digest(text)}", 1)
    else:
        lines[place] = json.dumps(changed)
    return "".join(f"{line}\n" for line in lines).encode()


def change_arrays(content: bytes, random: Random) -> bytes:
    """Change an array in a .npz file: its header, its description, or whether it is there."""

    def change(name: str, data: bytes) -> bytes:
        header, numbers = data[10:128], data[128:]
        if name == "meta.npy" and random.random() < 0.7:
            text = change_json(numbers.decode("utf-32-le").rstrip("\0").encode(), random).decode(errors="replace")
            header = f"{{'descr': '<U{max(1, len(text))}', 'fortran_order': False, 'shape': (), }}".encode()
            return data[:10] + header.ljust(117) + b"\n" + text.encode("utf-32-le", "surrogatepass")
        if random.random() < 0.5:
            changed = replace_token(header, random).replace(b"\0", b"")
        else:
            types = ("|O", "<f8", ">f4", "<f2", "|u1", "<U9", "<c16", "<M8[s]", "<f3", "|V9", "<f99999999")
            changed = re.sub(rb"'[<|>][^']*'", f"'{random.choice(types)}'".encode(), header)
        return data[:10] + changed.rstrip().ljust(117)[:117] + b"\n" + numbers[: random.choice((None, 0, 3))]

    return repack(content, random, change)


def change_archive(content: bytes, random: Random) -> bytes:
    """Change a file in a .zip file: its content, its name, or whether it is there."""
    return repack(content, random, lambda name, data: random.choice((flip_bits, cut, change_png))(data, random))


def repack(content: bytes, random: Random, change: Callable[[str, bytes], bytes]) -> bytes:
    """A .zip file with one entry changed, renamed, compressed, removed or doubled."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, OSError):
        return content
    place, kind = random.randrange(len(entries)), random.random()
    name, data = entries[place]
    compression = zipfile.ZIP_STORED
    if kind < 0.1:
        del entries[place]
    elif kind < 0.15:
        entries.append((f"{name}x", data * random.choice((1, 20))))
    elif kind < 0.25:
        entries[place] = (random.choice(("../x", "x" * 300, "9/é.png", "0/", "/etc/x", "")) + name[-4:], data)
    elif kind < 0.3:
        compression = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    else:
        entries[place] = (name, change(name, data))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for each, part in entries:
            archive.writestr(each, part)
    if random.random() < 0.1:  # a bit in the table of contents, which tells of passwords and methods
        return content[:-200] + flip_bits(packed.getvalue()[-200:], random)
    return packed.getvalue()


def change_png(content: bytes, random: Random) -> bytes:
    """Change the header of a PNG file, with the checksum that fits."""
    if not content.startswith(PNG_START):
        return flip_bits(content, random)
    header = bytearray(content[12:29])
    if random.random() < 0.5:
        sizes = (0, 1, 28, 280, 5000, 60_000, 2**31 - 1, 2**32 - 1)
        header[4:12] = struct.pack(">II", random.choice(sizes), random.choice(sizes))
    else:
        header[random.randrange(12, 17)] = random.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return content[:12] + bytes(header) + struct.pack(">I", zlib.crc32(bytes(header))) + content[33:]


def change_packed(content: bytes, random: Random) -> bytes:
    """Change the text in gzip data."""
    text = gzip.decompress(content)
    return gzip.compress(random.choice((replace_token, cut, leave_out, flip_bits))(text, random), mtime=0)


def change_toml(content: bytes, random: Random) -> bytes:
    """Replace a value of a TOML file, also by a deeply nested one."""
    lines = content.decode(errors="replace").splitlines()
    place = random.randrange(len(lines))
    name, equals, _ = lines[place].partition("=")
    depth = random.choice(DEPTHS)
    values: tuple[str, ...] = (
        "1979-05-27",
        "[[1]]",
        "{low = 1, high = 2}",
        "{low = -1e999, high = inf, points = 99999999}",
        "9" * 999,
    )
    values += ("[" * depth + "]" * depth, "[" + "1," * depth + "]", '"x"', "true", "nan", "'''", "{}", "[]", "a.b")
    lines[place] = f"{name}= {random.choice(values)}" if equals else lines[place] + "x"
    return "\n".join(lines).encode()


STRUCTURES: dict[str, Callable[[bytes, Random], bytes]] = {
    "json": change_json,
    "canvas": change_json,
    "log": change_log,
    "npz": change_arrays,
    "zip": change_archive,
    "gz": change_packed,
    "backup": change_archive,
    "png": change_png,
    "toml": change_toml,
}

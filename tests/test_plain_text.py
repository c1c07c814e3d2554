"""Names that people type are shown as plain text on every page, never as Markdown or HTML."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

from dashboard.components.plain_text import plain_text
from experiments.runs.trash import delete_run, delete_sweep
from experiments.sweeps import SweepSpec, create_sweep
from experiments.sweeps.space import Range
from tests.made_typed_text import NOT_TYPED, PAGES, SHOWN, TYPED, VARIANTS, plant, text_fields
from tests.page_without_browser import open_page, run
from tests.small_runs import SMALL, finish

NAME = "![x](http://127.0.0.1:9/x.png) <img src=x onerror=alert(1)> :red[x] $x$ *x* [x](y)"
HTML = "<img src=x"
# Fields of these names are plain text, or no text at all.
PLAIN = {
    "options",
    "rawValue",
    "rawValues",
    "value",
    "values",
    "default",
    "placeholder",
    "id",
    "elementId",
    "spec",
    "data",
    "fileName",
    "key",
}
PLAIN_KINDS = {"bidi_component", "arrow_data_frame", "text", "arrow_vega_lite_chart", "plotly_chart"}


def elements(block: Block) -> Iterator[Element | Block]:
    """Each element and each container of a page."""
    for child in block.children.values():
        yield child
        if isinstance(child, Block):
            yield from elements(child)


def texts(value: object, field: str = "") -> Iterator[str]:
    """All texts of a message that the browser renders as Markdown or HTML."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from texts(part, name) if name not in PLAIN else ()
    elif isinstance(value, list):
        for part in value:
            yield from texts(part, field)
    elif isinstance(value, str):
        yield value


def assert_plain(app: AppTest) -> None:
    """Markdown or HTML of the page shows the name, and never as it was typed."""
    assert count_plain(app)


def count_plain(app: AppTest) -> int:
    """How often Markdown or HTML of the page shows a typed text; fails where it is not escaped."""
    shown = 0
    for element in elements(app.main):
        proto = getattr(element, "proto", None)
        if proto is None or element.type in PLAIN_KINDS:
            continue
        for text in texts(MessageToDict(proto)):
            shown += "onerror=alert" in text or "datum.q" in text
            unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)  # backslashes with what they protect
            parts = [HTML] if element.type == "html" else [HTML, "![x", ":red[", "$x$", "$y$", "*x*", "*i*", "[x]("]
            assert not [part for part in parts if part in unescaped], (element.type, text)
    return shown


@pytest.fixture
def names() -> dict[str, str]:
    """A run, a sweep and deleted ones with that name -> ids."""
    made, other = finish(SMALL), finish(replace(SMALL, seed=3))
    for each in (made, other):
        each.set_label(name=NAME, note=NAME)
    deleted = finish(replace(SMALL, seed=4))
    deleted.set_label(name=NAME)
    delete_run(deleted)
    search = {"learning_rate": Range(1e-4, 1e-1, log=True)}
    sweep = create_sweep(SweepSpec(NAME, base=SMALL, search=search, sampler="random", trials=2))
    gone = create_sweep(SweepSpec(f"gone {NAME}", base=SMALL, search=search, sampler="random", trials=2))
    delete_sweep(gone)
    return {"run": made.id, "runs": f"{made.id},{other.id}", "sweep": sweep.id, "model": made.id}


@pytest.mark.parametrize(
    ("page", "address", "opened"),
    [
        ("train", ["run"], ["run-list"]),
        ("evaluate", ["model"], []),
        ("explore", ["runs"], ["run-menu-{run}"]),
        ("explore", ["sweep"], ["sweep-list"]),
    ],
    ids=["train", "evaluate", "runs", "sweeps"],
)
def test_a_name_is_plain_text(page: str, address: list[str], opened: list[str], names: dict[str, str]) -> None:
    view = {"view": "Sweeps"} if "sweep" in address else {}
    app = open_page(page, **{name: names[name] for name in address}, **view)
    assert_plain(app)
    for key in opened:
        app.session_state[key.format(**names)] = True
    assert_plain(run(app))


@pytest.mark.parametrize(
    ("page", "parameter"), [("train", "run"), ("draw", "model"), ("draw", "lesson"), ("explore", "sweep")]
)
def test_an_id_in_the_address_is_plain_text(page: str, parameter: str) -> None:
    view = {"view": "Sweeps"} if parameter == "sweep" else {}
    assert_plain(open_page(page, **{parameter: NAME}, **view))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("quick, 21 Nov 18:00:01", "quick, 21 Nov 18:00:01"),
        ("a_b", "a_b"),
        ("![x](y)", r"\!\[x\](y)"),
        ("two\nlines", "two lines"),
        (":smile:", ":\N{WORD JOINER}smile:"),
        (":red[x]", ":\N{WORD JOINER}red" + r"\[x\]"),
        ("http://x.org", "http:\N{WORD JOINER}//x.org"),
        ("www.x.org", "www\N{WORD JOINER}.x.org"),
        ("me@x.org", "me\N{WORD JOINER}@x.org"),
        ("1. one", "\N{WORD JOINER}1. one"),
    ],
)
def test_only_what_markdown_would_change_is_escaped(name: str, shown: str) -> None:
    assert plain_text(name) == shown


@pytest.mark.parametrize("kind", TYPED)
def test_each_stored_field_with_text_is_planted_or_known_to_be_no_typed_text(kind: type[Any]) -> None:
    assert text_fields(kind) == TYPED[kind] | set(NOT_TYPED.get(kind, {}))


@pytest.mark.slow
def test_no_page_renders_a_typed_text(tmp_path: Path) -> None:
    ids, shown = plant(tmp_path), {}
    for path in PAGES:
        address = urlsplit(path.format(**ids).replace("+", " "))
        app = open_page(address.path.strip("/") or "draw", **dict(parse_qsl(address.query)))
        for opened in ("run-list", "sweep-list", f"run-menu-{ids['run']}", "learning"):
            app.session_state[opened] = True
        shown[path] = count_plain(app) + count_plain(run(app))
        if path in SHOWN and "sweep=" in path:
            app.session_state["ExploreState.sweep_filters"] = {"variant": VARIANTS}
            assert count_plain(run(app)) > shown[path] // 2
    assert all(shown[path] for path in SHOWN), shown

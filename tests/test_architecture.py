"""The architecture: which package may import which, and the few rules that keep it so, read from the source."""

import ast
import builtins
import importlib
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "dataset", "experiments", "dashboard", "pretraining")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
EVERYTHING = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]

# DESIGN's one direction: what a package (or a part of one) must not import.
FORBIDDEN = {
    "dataset": {"streamlit", "model", "experiments", "dashboard", "pretraining"},
    "experiments": {"streamlit", "dashboard", "pretraining"},
    "pretraining": {"streamlit", "dashboard"},
    "dashboard/charts": {"streamlit"},
}
# The only modules that may name these.
ONLY_HERE = {
    "session_state": "dashboard/session.py",
    "query_params": "dashboard/session.py",
    "streamlit_drawable_canvas": "dashboard/draw/canvas.py",
}
# What changes something for others: pages come to it through `dashboard/access/` only, which asks who it is.
ASKED_FIRST = {
    *("append_drawing", "append_drawings", "edit_drawings", "undo_change", "return_to", "import_drawings", "move"),
    *("correct_label", "import_corrections", "start_training", "train_with_seeds", "start_range_test", "start_lesson"),
    *("start_sweep", "start_search", "delete_run", "restore_run", "create_run", "create_sweep"),
}
STEERING = {"set_label", "ask", "resume", "pause", "stop", "set_learning_rate"}  # methods, and functions of jobs
FIXED_NAMES = {
    "model": ["Classifier", "load_classifier", "center_ink", "ink_stages", "BlankDrawing", "TrainConfig", "PRESETS"],
    "dataset": ["load_digits", "Digits"],
}


# `dataset` imports this one module of `model`, so that all errors of the project have one base class.
# Importing it also runs `model/__init__`: about 0.1 s, as long as `model` imports no part of SciPy before using it.
SHARED_WITH_DATASET = "model.errors"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of each import, at any depth of the file."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from . import x` stays within the package, which is allowed
            yield node.lineno, node.module or "" if not node.level else path.relative_to(ROOT).parts[0]


def package_of(module: str) -> str:
    """Top-level package of a module."""
    return module.partition(".")[0]


def words(path: Path) -> Iterator[tuple[int, str]]:
    """(line, word) of each name, attribute, imported module and short string: whatever could reach something."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield node.lineno, getattr(node, "module", None) or ""
            yield from ((node.lineno, alias.name) for alias in node.names)


def test_model_imports_only_the_standard_library_numpy_and_scipy() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "scipy", "model"}
    wrong = [
        f"{name(path)}:{line} imports {module}"
        for path in SOURCES
        if name(path).startswith("model/")
        for line, module in imported(path)
        if package_of(module) not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("part", FORBIDDEN)
def test_no_import_points_the_wrong_way(part: str) -> None:
    wrong = [
        f"{name(path)}:{line} imports {module}"
        for path in SOURCES
        if name(path).startswith(f"{part}/")
        for line, module in imported(path)
        if package_of(module) in FORBIDDEN[part] and not (part == "dataset" and module == SHARED_WITH_DATASET)
    ]
    assert not wrong


def test_importing_dataset_imports_no_part_of_scipy() -> None:
    """`model` says `import scipy`: its parts (0.3 s) are then imported at their first use."""
    parts = ("ndimage", "sparse", "special", "stats")
    code = f"import dataset, sys; print([part for part in {parts} if f'scipy.{{part}}' in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_errors_that_people_read_derive_from_one_class() -> None:
    """Classes that derive from `Exception` or `BaseException` itself are for control flow: they have no message."""
    wrong = []
    for path in SOURCES:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef) and node.name != "DigitLabError":
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                is_error = any(base.endswith("Error") and hasattr(builtins, base) for base in bases)
                wrong += [f"{name(path)}:{node.lineno} {node.name}"] if is_error and bases[0] != "DigitLabError" else []
    assert not wrong


@pytest.mark.parametrize("word", ONLY_HERE)
def test_each_of_these_is_touched_in_one_module_only(word: str) -> None:
    assert not [f"{name(p)}:{line}" for p in SOURCES if name(p) != ONLY_HERE[word] for line, w in words(p) if w == word]


def test_pages_change_nothing_for_others_but_by_way_of_who_may() -> None:
    wrong = []
    for path in SOURCES:
        if not name(path).startswith("dashboard/") or path.parent.name == "access":
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("dashboard."):
                wrong += [
                    f"{name(path)}:{node.lineno} {alias.name}" for alias in node.names if alias.name in ASKED_FIRST
                ]
            elif isinstance(node, ast.Attribute) and node.attr in ASKED_FIRST | STEERING:
                by_way = isinstance(node.value, ast.Name) and node.value.id in ("permitted", "st", "access")
                wrong += [] if by_way else [f"{name(path)}:{node.lineno} .{node.attr}"]
    assert not wrong


def test_only_one_module_makes_random_numbers() -> None:
    """`np.random.Generator` names a type and is welcome anywhere; what else hangs on `np.random` makes numbers."""
    wrong = []
    for path in SOURCES:
        tree = parse(path)
        types = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "Generator"}
        for node in ast.walk(tree):
            made = isinstance(node, ast.Attribute) and node.attr == "random" and id(node) not in types
            if made and isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"):
                wrong.append(f"{name(path)}:{node.lineno}")
            if isinstance(node, ast.ImportFrom | ast.Import):
                modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                if "numpy.random" in modules or (modules[0] == "numpy" and "random" in modules):
                    wrong.append(f"{name(path)}:{node.lineno}")
    assert [line for line in wrong if not line.startswith("model/rng.py:")] == []


def test_nothing_is_pickled() -> None:
    """A checkpoint or a cache must not be able to run code: no pickle, and NumPy's own pickling stays off."""
    wrong = []
    for path in SOURCES:
        wrong += [f"{name(path)}:{line}" for line, module in imported(path) if module in ("pickle", "joblib", "dill")]
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                allowed = not (isinstance(node.value, ast.Constant) and node.value.value is False)
                wrong += [f"{name(path)}:{node.value.lineno}"] if allowed else []
    assert not wrong


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [name(path) for path in EVERYTHING if path.stem in drawers or path.parent.name in drawers]


def test_each_module_opens_with_a_sentence() -> None:
    silent = [name(p) for p in EVERYTHING if p.read_text(encoding="utf-8").strip() and not ast.get_docstring(parse(p))]
    assert not silent


@pytest.mark.parametrize("package", FIXED_NAMES)
def test_the_names_that_others_rely_on_exist(package: str) -> None:
    module = importlib.import_module(package)
    assert not [fixed for fixed in FIXED_NAMES[package] if not hasattr(module, fixed)]
    assert set(FIXED_NAMES[package]) <= set(module.__all__)


def test_each_file_of_the_network_stays_readable_in_one_sitting() -> None:
    """At most 300 lines. trainer.py is the one that is still longer."""
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    long = {file for file, lines in lengths.items() if file.startswith("model/") and lines > 300}
    assert long <= {"model/trainer.py"}


def code_lines(path: Path) -> set[int]:
    """Numbers of the lines that hold code: neither blank, nor comment, nor docstring."""
    text = path.read_text(encoding="utf-8")
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in silent]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines

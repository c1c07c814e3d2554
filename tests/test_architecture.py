"""The architecture: which package may import which, and the few rules that keep it so, read from
the source.
"""

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
from typing import TypeAlias

import pytest

from dashboard.navigation import PAGES
from model import Classifier

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "dataset", "experiments", "dashboard", "pretraining", "reliability")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
EVERYTHING = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]

# DESIGN's one direction: what a package (or a part of one) must not import.
FORBIDDEN = {
    "dataset": {"streamlit", "model", "experiments", "dashboard", "pretraining"},
    "experiments": {"streamlit", "dashboard", "pretraining"},
    "pretraining": {"streamlit", "dashboard"},
    "reliability": {"pretraining"},
    "dashboard/charts": {"streamlit"},
}
# The only modules that may name these.
ONLY_HERE = {
    "session_state": "dashboard/session.py",
    "query_params": "dashboard/session.py",
    "streamlit_drawable_canvas": "dashboard/draw/canvas.py",
    "download_button": "dashboard/components/downloads.py",
}
# Pages may use these functions and methods of dataset/ and experiments/ by themselves, because
# they only read. They reach all others, also later ones, through dashboard/access/actions.py, which
# asks whether this person may. Add a name only if it changes nothing for others and costs little.
READERS = """
    available check_labels config_tested count count_by_digit default_source
    deleted_runs deleted_sweeps differing digits_seen disturb drawing_storage drawings_history
    drawings_last duration expected_seconds export_corrections export_csv export_drawings
    find_ties fold_sweeps grid_size image_hashes importances setting_text is_corrected is_corrections
    is_there joined labels_path load_corrections load_digits load_drawings
    load_training load_upload loss mean_and_band measure_space model_before neighbours number of_probabilities
    open_robustness parts_of path_of percent
    probability read read_curves read_image read_range_test read_result read_results
    runs_folder sample search_for seed_groups sentence size slowness has_effect trained_drawings
    training_images training_overlap unused_name worker_limit
"""
# Methods that only read; and those of lists, NumPy and images which have the same names as others.
READING_METHODS = """
    all append at config curves end error expected_seconds fill findings from_dict history label
    log lowest nothing now outcome prepare requests result rows sample save status stored sweep test
    text to_dict trials update values verdict
"""
# Fields of pages, of Streamlit and of slices that are called like a method of the packages.
FIELDS = """
    answers damaged image open search seconds settings start total word
"""
FIXED_NAMES = {
    "model": ["Classifier", "load_classifier", "center_ink", "ink_stages", "BlankDrawing", "TrainConfig", "PRESETS"],
    "dataset": ["load_digits", "Digits"],
}


# `dataset` imports these modules of `model`, so that all errors of the project have one base class
# and files are read in one way. Importing them also runs `model/__init__`: about 0.1 s, as long as
# `model` imports no part of SciPy before using it.
SHARED_WITH_DATASET = ("model.errors", "model.reading", "model.array_files")
# Functions that parse what comes from files and people, and the only modules of the product that
# call them. These modules limit the size and the nesting, and raise one error for any damage.
PARSERS = {
    "json": ("load loads JSONDecoder", {"model/reading.py"}),
    "tomllib": ("load loads", {"model/reading.py"}),
    "msgspec": ("convert", {"experiments/jobs/values.py", "dashboard/access/policy.py"}),
    "np": ("load loadtxt genfromtxt fromfile", {"dataset/csv_format.py"}),
    "pd": ("read_csv read_json read_excel read_parquet", set[str]()),
    "csv": ("reader DictReader", {"dataset/csv_format.py"}),
    "zipfile": ("ZipFile", {"model/array_files.py", "dataset/drawings/exchange.py", "experiments/backups/archive.py"}),
    "gzip": ("open GzipFile decompress", {"dataset/files.py"}),
    "zlib": ("decompress decompressobj", {"dataset/drawings/log.py"}),
    "Image": ("open", {"dataset/image_files.py", "dashboard/draw/received.py"}),
}


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
    """(line, word) of each name, attribute, imported module and short string: whatever could reach
    something.
    """
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
        if package_of(module) in FORBIDDEN[part] and not (part == "dataset" and module in SHARED_WITH_DATASET)
    ]
    assert not wrong


def test_importing_dataset_imports_no_part_of_scipy() -> None:
    """`model` says `import scipy`: its parts (0.3 s) are then imported at their first use."""
    parts = ("ndimage", "sparse", "special", "stats")
    code = f"import dataset, sys; print([part for part in {parts} if f'scipy.{{part}}' in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_errors_that_people_read_derive_from_one_class() -> None:
    """Classes that derive from `Exception` or `BaseException` itself are for control flow: they
    have no message.
    """
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


@cache
def methods_of_classes() -> frozenset[str]:
    """Names of the methods of dataset/ and experiments/ that are called with parentheses."""
    return frozenset(
        function.name
        for path in SOURCES
        if name(path).startswith(("dataset/", "experiments/"))
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ClassDef)
        for function in node.body
        if isinstance(function, ast.FunctionDef)
        and not function.name.startswith("__")
        and not any("property" in ast.unparse(decorator) for decorator in function.decorator_list)
    )


def undeclared(path: Path) -> list[str]:
    """Uses of functions and methods of dataset/ and experiments/ that are no declared readers."""
    wrong, modules, own = [], set(), {"st", "state", "self"}
    # charts get plain data, and what they call on them has the names of all kinds of methods
    methods = set() if "charts" in path.parts else methods_of_classes() - set(READING_METHODS.split())
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            wrong += [f"{name(path)}:{node.lineno} {a.name}" for a in node.names if is_gated_package(a.name)]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known = alias.asname or alias.name
                if (node.module or "").startswith("dashboard."):
                    own.add(known)
                elif is_gated_package(node.module or "") and is_module(f"{node.module}.{alias.name}"):
                    modules.add(known)
                elif is_gated_package(node.module or "") and alias.name.islower() and alias.name not in READERS.split():
                    wrong.append(f"{name(path)}:{node.lineno} {alias.name}")
    for node, called in called_or_handed_on(parse(path)):
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        if owner in modules:
            allowed = not node.attr.islower() or node.attr in READERS.split()
        else:
            allowed = owner in own or node.attr not in methods or (node.attr in FIELDS.split() and not called)
        wrong += [] if allowed else [f"{name(path)}:{node.lineno} .{node.attr}"]
    return wrong


def called_or_handed_on(tree: ast.Module) -> Iterator[tuple[ast.Attribute, bool]]:
    """Each `x.name` that is called (True), or handed on to a call or a variable (False)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func, True
            handed = [*node.args, *(keyword.value for keyword in node.keywords)]
        else:
            handed = [node.value] if isinstance(node, ast.Assign | ast.Return) and node.value else []
        yield from ((each, False) for each in handed if isinstance(each, ast.Attribute))


def is_gated_package(module: str) -> bool:
    return module.split(".")[0] in ("dataset", "experiments")


def is_module(dotted: str) -> bool:
    place = ROOT / dotted.replace(".", "/")
    package = place.parent / "__init__.py"
    imports = [node for node in parse(package).body if isinstance(node, ast.ImportFrom)] if package.is_file() else []
    if place.name in {alias.name for node in imports for alias in node.names}:
        return False  # a function of the package hides the module of the same name
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def test_pages_reach_what_changes_something_only_through_access() -> None:
    pages = [path for path in SOURCES if name(path).startswith("dashboard/") and path.parent.name != "access"]
    wrong = [use for path in pages for use in undeclared(path)]
    assert not wrong, "Call it through dashboard/access/actions.py; if it only reads, declare it in this file."


@pytest.mark.parametrize(
    "source",
    [
        "from experiments.fine_tuning import accept_fine_tuning",
        "from dataset.drawings import undo_drawing",
        "from dataset import download",
        "from experiments import sweeps\nsweeps.start_sweep(spec)",
        "import experiments.jobs.launch",
        "sweep.stop()",
        "callback = run.set_label",
        "open_sweep(which).resume()",
        "guide.start()",
    ],
)
def test_a_page_that_does_so_by_itself_is_found(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.py"
    page.write_text(source)
    monkeypatch.setattr("tests.test_architecture.name", lambda path: path.as_posix())
    monkeypatch.setattr("tests.test_architecture.parse", lambda path: ast.parse(path.read_text()))
    monkeypatch.setattr("tests.test_architecture.methods_of_classes", lambda: {"stop", "set_label", "resume", "start"})
    assert undeclared(page)


def test_pages_take_only_gated_functions_and_costs_from_access() -> None:
    from dashboard.access import actions, decision

    taken = {
        alias.name
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module == "dashboard.access.actions"
        for alias in node.names
    }
    functions = {each: getattr(actions, each) for each in taken}
    free = {each for each, function in functions.items() if full_name(function) not in decision.GATED}
    assert free <= {"machine_slowness", "sweep_refusal"}  # they tell what something would cost


def full_name(function: object) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', '')}"


def test_no_page_imports_another_page() -> None:
    """What pages share lives in components, charts and session; these import no page either."""
    wrong = []
    for path in SOURCES:
        if not name(path).startswith("dashboard/") or name(path) == "dashboard/app.py":
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dashboard."):
                page = (node.module or "").split(".")[1]
                if page in PAGES and page != path.parent.name:
                    wrong.append(f"{name(path)}:{node.lineno} {node.module}")
    assert not wrong


def test_only_one_module_makes_random_numbers() -> None:
    """`np.random.Generator` names a type and is welcome anywhere; what else hangs on `np.random`
    makes numbers.
    """
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
    """A checkpoint or a cache must not be able to run code: no pickle, and NumPy's own pickling
    stays off.
    """
    wrong = []
    for path in SOURCES:
        wrong += [f"{name(path)}:{line}" for line, module in imported(path) if module in ("pickle", "joblib", "dill")]
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                allowed = not (isinstance(node.value, ast.Constant) and node.value.value is False)
                wrong += [f"{name(path)}:{node.value.lineno}"] if allowed else []
    assert not wrong


@pytest.mark.parametrize("module", PARSERS)
def test_files_are_parsed_only_where_damage_becomes_one_error(module: str) -> None:
    functions, allowed = PARSERS[module]
    wrong = [
        f"{name(path)}:{node.lineno} {module}.{node.attr}"
        for path in SOURCES
        if name(path) not in allowed and part_of(path) in ("model", "dataset", "experiments", "dashboard")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr in functions.split() and ast.unparse(node.value) == module
    ]
    assert not wrong, "Read it through model/reading.py, model/array_files.py or dataset/csv_format.py."


def test_parsers_are_not_imported_by_name() -> None:
    """`from json import loads` would hide them from the test above."""
    wrong = [
        f"{name(path)}:{node.lineno} {alias.name}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module in PARSERS
        for alias in node.names
        if alias.name in PARSERS[node.module][0].split()
    ]
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


def test_the_methods_that_others_rely_on_exist() -> None:
    assert all(hasattr(Classifier, method) for method in ("knows", "predict_proba"))


def test_each_file_of_the_network_stays_readable_in_one_sitting() -> None:
    """At most 300 lines."""
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert not [file for file, lines in lengths.items() if file.startswith("model/") and lines > 300]


# Readability. Each number and each name below may only be removed or lowered, until nothing is
# left.

DOCUMENTS = [
    *(ROOT / file for file in ("README.md", "CHANGELOG.md", "dataset/README.md", "model/pretrained/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
CYCLES: list[set[str]] = []
UNDOCUMENTED: dict[str, int] = {}
LONG_PROSE: dict[str, int] = {}
LONG_MODULES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()

Documented: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def module_name(path: Path) -> str:
    """Dotted name: model/layers/__init__.py -> model.layers."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def import_graph() -> dict[str, set[str]]:
    """The modules of the product that each of its modules imports, at any depth of the file."""
    modules = {module_name(path): path for path in SOURCES}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        found = graph[module] = set[str]()
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                # `from package import name`: a module of the package, or something that the package
                # defines
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= (parts & modules.keys()) | ({node.module} if parts - modules.keys() else set())
        found &= modules.keys() - {module}
    return graph


def reachable(module: str) -> set[str]:
    """All modules that a module imports, directly or through others."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        new = import_graph()[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_imports_form_no_cycle() -> None:
    """Imports inside functions and below `if TYPE_CHECKING` count too."""
    reached = {module: reachable(module) for module in import_graph()}
    cycles = {frozenset(m for m in found if module in reached[m]) for module, found in reached.items()} - {frozenset()}
    assert not [sorted(cycle) for cycle in cycles if not any(cycle <= known for known in CYCLES)]


def ratchet(found: dict[str, list[str]], most: dict[str, int]) -> None:
    """Fail with the evidence for each package that has more than its number."""
    too_many = {part: places for part, places in found.items() if len(places) > most.get(part, 0)}
    counts = {part: f"{len(places)} instead of {most.get(part, 0)}" for part, places in too_many.items()}
    assert not too_many, (counts, too_many)


def part_of(path: Path) -> str:
    """Top-level folder."""
    return path.relative_to(ROOT).parts[0]


def public(body: list[ast.stmt]) -> Iterator[Documented]:
    """The public classes and functions of a module or class."""
    for node in body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            yield node


@cache
def classes_by_name() -> dict[str, ast.ClassDef]:
    """All classes of the product."""
    nodes = (node for path in SOURCES for node in ast.walk(parse(path)))
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}


def inherits_documentation(of: ast.ClassDef, method: str) -> bool:
    """Whether a base class, also of the project, documents a method of this name."""
    bases = [classes_by_name().get(ast.unparse(base).partition("[")[0].rpartition(".")[2]) for base in of.bases]
    return any(
        inherits_documentation(base, method)
        or any(node.name == method and ast.get_docstring(node) for node in public(base.body))
        for base in bases
        if base is not None and base is not of
    )


def test_public_names_have_a_docstring() -> None:
    """A method may inherit it. A setter needs none beside its getter."""
    found: dict[str, list[str]] = {}
    for path in SOURCES:
        silent = []
        for node in public(parse(path).body):
            silent += [node.name] if not ast.get_docstring(node) else []
            for method in public(node.body) if isinstance(node, ast.ClassDef) else ():
                is_setter = any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in method.decorator_list)
                if not (ast.get_docstring(method) or is_setter or inherits_documentation(node, method.name)):
                    silent.append(f"{node.name}.{method.name}")
        found.setdefault(part_of(path), []).extend(f"{name(path)} {one}" for one in silent)
    ratchet(found, UNDOCUMENTED)


def prose_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of each line that is all docstring, comment or Markdown text.

    Tables and code are no prose.
    """
    text = path.read_text(encoding="utf-8")
    lines = dict(enumerate(text.splitlines(), 1))
    if path.suffix == ".md":
        parts = text.split("```")
        fenced = {1 + n for i in range(1, len(parts), 2) for n in range("```".join(parts[:i]).count("\n"),
                  "```".join(parts[: i + 1]).count("\n") + 1)}  # fmt: skip
        yield from ((n, line) for n, line in lines.items() if n not in fenced and not line.startswith("|"))
        return
    code = code_lines(path)
    yield from ((n, line) for n, line in lines.items() if n not in code)


def test_lines_of_prose_are_short() -> None:
    """At most 100 characters, unless the line is one long link."""
    found: dict[str, list[str]] = {}
    for path in [*EVERYTHING, *DOCUMENTS]:
        long = [n for n, line in prose_lines(path) if len(line) > 100 and " " in line.strip().strip("- <>")]
        found.setdefault(part_of(path), []).extend(f"{name(path)}:{n}" for n in long)
    ratchet(found, LONG_PROSE)


def test_no_module_is_long() -> None:
    """At most 350 lines."""
    long = {name(p) for p in SOURCES if len(p.read_text(encoding="utf-8").splitlines()) > 350}
    assert long <= LONG_MODULES


def test_no_function_is_long() -> None:
    """At most 60 lines."""
    long = {
        f"{name(path)} {node.name}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= 60
    }
    assert long <= LONG_FUNCTIONS


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

"""The rules of the house: who imports whom, how large a file is, and that every operator has everything."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from litegold.conformance.tables import CASES, ENVELOPE, EXACT, EXACT_INT8
from litegold.ir import FORMATS, OPS, load_all
from litegold.quant.rule import INT8

ROOT = Path(__file__).parents[1]
# A folder may import the ones before it; the four in one row never each other.
LAYERS = [
    {"ir"},
    {"refimpl"},
    {"passes"},
    {"quant"},
    {"jit_kernels", "gpu", "train", "formats"},
    {"runtime"},
    {"conformance"},
]
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}
FOLDERS = sorted(LEVEL)
SOURCES = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))
FACE = sorted(
    p
    for p in (ROOT / "src" / "litegold").rglob("*.py")
    if p.relative_to(ROOT / "src" / "litegold").parts[0] not in FOLDERS
)
TESTS = sorted((ROOT / "tests").glob("*.py"))
SCRIPTS = sorted(p for f in ("golden", "bench") for p in (ROOT / f).rglob("*.py"))
EVERYTHING = [*SOURCES, *FACE, *TESTS, *SCRIPTS]
load_all("litegold.refimpl")


def path_id(path):
    return str(path.relative_to(ROOT))


def imported(path):
    """Yield the absolute dotted names that a file imports, `litegold` being the repository's root."""
    package = ("litegold", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=path_id)
def test_imports_go_down_only(path):
    mine = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in FOLDERS, f"{name}: import litegold.{name} relatively"
        if parts[0] != "litegold" or len(parts) < 2:
            continue
        assert parts[1] in LEVEL, f"{name}: package code imports {parts[1]}"
        allowed = parts[1] == mine or LEVEL[parts[1]] < LEVEL[mine]
        assert allowed, f"{mine} may not import {name}"


@pytest.mark.parametrize("path", EVERYTHING, ids=path_id)
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= 400


NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize("path", EVERYTHING, ids=path_id)
def test_files_say_what_they_hold(path):
    assert not NAMELESS & set(path.relative_to(ROOT).with_suffix("").parts)
    assert ast.get_docstring(ast.parse(path.read_text())) or path in TESTS


def test_tests_hold_nothing_that_others_import():
    assert not (ROOT / "tests" / "__init__.py").exists()
    stems = {p.stem for p in TESTS}
    for path in TESTS:
        assert not stems & {name.split(".")[0] for name in imported(path)}, path.name


TOLERANCES = {"rtol", "atol", "rel_tol", "abs_tol", "allclose", "isclose", "approx", "decimal"}
JUDGING = [p for p in EVERYTHING if p.parts[len(ROOT.parts)] in ("tests", "conformance", "golden")]


@pytest.mark.parametrize("path", JUDGING, ids=path_id)
def test_no_tolerance_is_chosen(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = {getattr(node, key, None) for key in ("id", "attr", "arg")} - {None}
        names = {n for n in names if isinstance(n, str)} & TOLERANCES
        assert not names or path.name == "test_structure.py", f"{names} in line {node.lineno}"


COMPILING = {
    "atomics.py",
    "compiler.py",
    "isa.py",
    "kernel.py",
    "loading.py",
    "simd.py",
    "simd_base.py",
}


@pytest.mark.parametrize("path", [*SOURCES, *FACE], ids=path_id)
def test_numba_is_met_in_a_few_files_only(path):
    """Kernels are plain functions; those that compile them import numba, and inside of functions."""
    compiling = path.parent.name == "jit_kernels" and path.name in COMPILING
    names = {name.split(".")[0] for name in imported(path)} & {"numba", "llvmlite"}
    assert not names or compiling or path.parent.name == "gpu", f"{names}; use @kernel, @inlined"


def modules_after(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import litegold",
        "import litegold.refimpl; from litegold.ir import load_all; load_all('litegold.refimpl')",
        "from litegold.jit_kernels.lowering import CPU; len(CPU)",
        "import litegold.conformance.check",
    ],
)
def test_numba_and_other_engines_are_loaded_late(statement):
    assert not modules_after(statement) & {"numba", "ai_edge_litert", "onnx", "onnxruntime"}


EXACT_FILES = sorted((ROOT / "conformance" / "exact").glob("*.py"))


@pytest.mark.parametrize("path", EXACT_FILES, ids=path_id)
def test_exact_oracles_are_independent(path):
    """Of the reference they import the operators' names alone, and they do not compute with NumPy."""
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in ("numpy", "scipy"), name
        if parts[:2] == ["litegold", "refimpl"]:
            assert parts[-1] in OPS, f"{name} is not an operator"
        assert parts[:2] != ["litegold", "quant"], name
    tree = ast.parse(path.read_text())
    operators = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and "refimpl" in (node.module or "")
        for alias in node.names
    }
    calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
    called = {func.id for func in calls if isinstance(func, ast.Name)}
    assert not operators & called, "an exact oracle calls the reference"


OPERATORS = sorted(OPS.values(), key=lambda op: op.__name__)
NUMERIC = [op for op in OPERATORS if not op.host]
QUANTIZED = sorted(INT8, key=lambda key: (key[0].__name__, key[1]))


def op_id(op):
    return op.__name__


def key_id(key):
    return f"{key[0].__name__}-{key[1]}"


@pytest.mark.parametrize("op", OPERATORS, ids=op_id)
def test_operator_is_documented(op):
    text = op.__doc__ or ""
    first = text.strip().splitlines()[0]
    assert first.endswith("."), "an imperative first line"
    assert "Inputs:" in text and ">>>" in text
    assert "Attributes:" in text or not op.attributes
    labels = re.findall(r"\((C\d+)\)", text)
    assert labels == sorted(set(labels), key=lambda c: int(c[1:])), "labels in order, each once"


def formats(op):
    """Number formats in which an operator has a meaning: the plain ones and those of its quantized rules."""
    plain = [f for f in op.dtypes if f in FORMATS]
    return {*plain, *(form for o, form in INT8 if o is op)}


@pytest.mark.parametrize("op", NUMERIC, ids=op_id)
def test_operator_has_everything(op):
    forms = formats(op)
    assert forms, "no number format"
    drawn = {form for o, form in CASES if o is op}
    assert not forms - drawn, f"no strategy for {sorted(forms - drawn)}"
    plain = {form for form in forms if (op, form) not in INT8}
    assert op in EXACT or not plain, "no exact oracle"
    missing = {f for o, f in INT8 if o is op} - {f for o, f in EXACT_INT8 if o is op}
    assert not missing, f"no exact quantized oracle for {sorted(missing)}"
    assert "f32" not in plain or op in ENVELOPE, "no envelope"
    assert op not in ENVELOPE or ENVELOPE[op].__doc__, "an envelope says how it is derived"


@pytest.mark.parametrize("key", QUANTIZED, ids=key_id)
def test_quantized_rule_is_documented(key):
    assert INT8[key].__doc__

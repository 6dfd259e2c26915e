"""The exact oracles compute alone: with Python's numbers, without the references, without NumPy."""

import ast
import sys
from fractions import Fraction
from pathlib import Path

import mpmath
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from litegold.conformance.cells import Cells
from litegold.conformance.second import exact
from litegold.conformance.tables import CASES, EXACT, EXACT_INT8
from litegold.ir import Op

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "conformance" / "exact").glob("*.py"))
# Of the package they may have the names of operators, the container and the tables, and what describes tensors.
OURS = ("...refimpl", "...ir", "..cells", "..tables")
PLAIN = (bool, int, float, str, Fraction, mpmath.mpf)
KEYS = sorted(CASES, key=lambda key: (key[0].__name__, key[1]))


def place_of(key):
    """Return the table and the place in it of the oracle of a key."""
    return (EXACT_INT8, key) if key in EXACT_INT8 else (EXACT, key[0])


def each_once():
    """Return a key for each oracle: many formats share one."""
    found = {}
    for key in KEYS:
        table, place = place_of(key)
        found.setdefault(table[place], key)
    return list(found.values())


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_what_is_imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                assert root in sys.stdlib_module_names or root == "mpmath", alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            root = (node.module or "").split(".")[0]
            if node.level:
                assert node.level == 1 or module.startswith(OURS), module
            else:
                assert root in sys.stdlib_module_names or root == "mpmath", module
        elif isinstance(node, ast.Attribute):
            assert node.attr not in ("reference", "infer"), f"line {node.lineno}"


@pytest.mark.slow
@pytest.mark.parametrize("key", each_once(), ids=lambda key: f"{key[0].__name__}-{key[1]}")
def test_numbers_are_pythons(key, monkeypatch):
    """What goes in and comes out has no NumPy in it, and no operator is called meanwhile."""
    table, place = place_of(key)
    oracle, seen = table[place], []

    def refuse(*args, **attributes):
        raise AssertionError("an exact oracle runs a reference")

    def watched(*cells, **attributes):
        with monkeypatch.context() as patched:
            patched.setattr(Op, "__call__", refuse)
            result = oracle(*cells, **attributes)
        results = result if isinstance(result, tuple) else (result,)
        seen.extend(c for c in (*cells, *results) if isinstance(c, Cells))
        return result

    monkeypatch.setitem(table._table, place, watched)

    @settings(
        max_examples=4,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=CASES[key])
    def hold(case):
        exact(case)

    hold()
    kinds = {type(v) for c in seen for v in c.values}
    assert kinds <= set(PLAIN), kinds

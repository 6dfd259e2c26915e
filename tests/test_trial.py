"""The documents' examples: an operator in one file, and the test of somebody's engine."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from litegold.conformance.trial import try_operator, vector
from litegold.ir import OPS, InputError

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from litegold.cli import main; main()", "judge"]


def example(document):
    return re.search(r"```python\n(.*?)```", (ROOT / "docs" / document).read_text(), re.DOTALL)[1]


@pytest.mark.slow
def test_a_new_operator_gets_everything(tmp_path):
    code = example("new_operator.md")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 30, "thirty lines, imports and all"
    path = tmp_path / "signed_sqrt.py"
    path.write_text(code)
    start = time.perf_counter()
    findings = try_operator(path)
    print(f"from save to all findings {time.perf_counter() - start:.1f} s")
    wrong = [f for f in findings if f.ok is False]
    assert {(f.form, f.question) for f in wrong} == {("f16", "kernel"), ("f32", "kernel")}
    assert all(f.ok for f in findings if f not in wrong), findings
    assert all(f.case.args[0].size <= 2 and "instead of" in f.reason for f in wrong), wrong
    assert vector(OPS["signed_sqrt"], "f32", tmp_path / "golden" / "f32.npz")
    OPS.pop("signed_sqrt")


@pytest.mark.slow
def test_the_command_line_says_the_same(tmp_path):
    code = example("new_operator.md")
    path = tmp_path / "right_sqrt.py"
    path.write_text(
        code.replace("np.sqrt(np.abs(x[i]))", "np.copysign(np.sqrt(np.abs(x[i])), x[i])")
    )
    done = subprocess.run([*COMMAND, path, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert all(f["ok"] for f in said["findings"])
    assert said["first_counterexample_s"] is None


@pytest.mark.slow
def test_the_command_line_tells_when_it_found_the_mistake(tmp_path):
    path = tmp_path / "signed_sqrt.py"
    path.write_text(example("new_operator.md"))
    done = subprocess.run([*COMMAND, path, "--json"], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    seconds = json.loads(done.stdout)["first_counterexample_s"]
    print(f"from the start to the first counterexample {seconds:.1f} s")


def test_a_file_without_an_operator_is_refused(tmp_path):
    path = tmp_path / "empty_file.py"
    path.write_text("x = 1\n")
    with pytest.raises(InputError, match="no new operator"):
        try_operator(path)
    with pytest.raises(InputError, match="no such file"):
        try_operator(tmp_path / "nothing.py")


@pytest.mark.slow
def test_the_test_of_an_engine_finds_its_mistake():
    names = {}
    exec(example("testing_an_engine.md"), names)
    with pytest.raises(AssertionError, match="instead of"):
        names["test_my_pool"]()

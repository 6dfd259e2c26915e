"""The wheel holds real files and works away from the checkout."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SMOKE = """
import sys
import numpy as np
import litegold as lg
assert "site-packages" in lg.__file__, lg.__file__
from litegold.conformance.matrix import totals
from litegold.formats.tflite import write
from litegold.refimpl.activation import relu
from litegold.ir import Graph, Node, TensorType
t = TensorType((2, 3))
graph = Graph((Node(relu, ("x",), ("y",)),), ("x",), ("y",), {"x": t, "y": t})
net = lg.load(write(graph))
x = np.arange(-3, 3, dtype="f4").reshape(2, 3)
assert (net(x) == np.maximum(x, 0)).all()
assert lg.check(net, x).ok
assert totals()["operators"] > 80
print("smoke ok")
"""


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


@pytest.mark.slow
def test_wheel_passes_a_smoke_test(tmp_path):
    dist, home = tmp_path / "dist", tmp_path / "env"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    source = tmp_path / "source"
    # a copy of what git tracks: setuptools would reuse a build folder in the checkout
    run("git", "checkout-index", "--all", f"--prefix={source}/", cwd=ROOT)
    run(*pip, "wheel", "--no-deps", "--wheel-dir", str(dist), str(source))
    (wheel,) = dist.glob("*.whl")
    venv.create(home, with_pip=False)
    (site,) = home.glob("lib/python*/site-packages")
    run(*pip, "install", "--no-deps", "--target", str(site), str(wheel))
    # the dependencies are this environment's: installing them again would test the index, not the wheel
    others = os.pathsep.join(p for p in sys.path if p.endswith("site-packages"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), others])}
    printed = run(str(home / "bin" / "python"), "-c", SMOKE, cwd=tmp_path, env=environment)
    assert printed.strip() == "smoke ok"

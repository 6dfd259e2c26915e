"""The compiled plan against the reference: integers bit for bit, floats inside the envelope, at 1 and 2 threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.properties import plan_agrees
from litegold.conformance.tables import CASES
from litegold.jit_kernels.isa import HOST
from litegold.jit_kernels.kernel import Kernel, KernelFamily
from litegold.jit_kernels.loading import addresses
from litegold.jit_kernels.lowering import CPU

pytestmark = pytest.mark.slow  # not in make quick

KEYS = sorted((k for k in CPU if k in CASES), key=lambda key: (key[0].__name__, key[1]))
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def key_id(key):
    return f"{key[0].__name__}-{key[1]}"


@pytest.fixture(scope="session", autouse=True)
def compiled():
    """Compile all kernels at once: two at a time, and what is on disk not at all."""
    modules = [m for n, m in sorted(sys.modules.items()) if n.startswith("litegold.jit_kernels.")]
    found = [v for m in modules for v in vars(m).values()]
    members = [k for v in found if isinstance(v, KernelFamily) for k in v.values()]
    members += [v for v in found if isinstance(v, Kernel)]
    addresses(dict.fromkeys(k for k in members if k.needs <= HOST))


def check(case):
    verdict = plan_agrees(case)
    assert verdict, f"{verdict.reason}\n{case}"


@pytest.mark.parametrize("key", KEYS, ids=key_id)
def test_plan_equals_reference(key):
    # a function for each key: Hypothesis nests the settings of one that runs again
    @settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=SLOW)
    @given(case=CASES[key])
    def hold(case):
        check(case)

    hold()


@pytest.mark.long
@pytest.mark.parametrize("key", KEYS, ids=key_id)
@settings(max_examples=10_000, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_plan_equals_reference_on_many_cases(key, data):
    check(data.draw(CASES[key]))


def test_every_operator_has_a_kernel():
    """What a model may hold can be planned, in every format in which cases are drawn."""
    assert not [key_id(key) for key in CASES if key not in CPU]


@pytest.mark.long
@pytest.mark.parametrize("isa", ["avx2", "any"])
def test_plan_equals_reference_on_lesser_processors(isa):
    """The same test in a process that may not use the wider vector instructions."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", __file__, "-m", "not long"]
    environment = {**os.environ, "LITEGOLD_ISA": isa}
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]

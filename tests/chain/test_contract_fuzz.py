"""The contract does what its model does, for random sequences of calls.

WORKS_EXAMPLES=2000 tests so many sequences, other ones each time; WORKS_STEPS sets their length.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

pytest.importorskip("pyrevm", reason="pyrevm, an EVM, is missing: it has no packages for Python 3.13")

from tests.chain.machine import WorksMachine

# An example that fails is not shrunk: this takes minutes.
SETTINGS = settings(
    max_examples=int(os.environ.get("WORKS_EXAMPLES", 60)),
    stateful_step_count=int(os.environ.get("WORKS_STEPS", 60)),
    derandomize="WORKS_EXAMPLES" not in os.environ,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_contract_equals_model():
    WorksMachine.calls.clear()
    run_state_machine_as_test(WorksMachine, settings=SETTINGS)
    print({name: count for (name, good), count in sorted(WorksMachine.calls.items()) if good})
    print({name: count for (name, good), count in sorted(WorksMachine.calls.items()) if not good})

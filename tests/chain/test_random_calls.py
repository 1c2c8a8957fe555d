"""The contract does what its model does, for random sequences of calls.

WORKS_EXAMPLES=2000 tests so many sequences, other ones each time; WORKS_STEPS sets their length.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

pytest.importorskip("pyrevm", reason="pyrevm is not installed; it has no package for Python 3.13", exc_type=ImportError)

from tests.chain.machine import WorksMachine

EXAMPLES = int(os.environ.get("WORKS_EXAMPLES", 60))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=int(os.environ.get("WORKS_STEPS", 60)),
    derandomize="WORKS_EXAMPLES" not in os.environ,
    phases=[Phase.generate],  # to shrink an example takes minutes
    report_multiple_bugs=False,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
def test_contract_equals_model():
    calls = WorksMachine.calls
    calls.clear()
    run_state_machine_as_test(WorksMachine, settings=SETTINGS)
    table = {name: (calls[name, True], calls[name, False]) for name, _ in sorted(calls)}
    print(f"accepted and refused calls: {table}")
    assert all(accepted >= EXAMPLES / 6 for accepted, _ in table.values()), table
    can_be_refused = set(table) - {"anchor", "withdraw"}
    assert all(table[name][1] > 0 for name in can_be_refused), table

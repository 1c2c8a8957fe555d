"""What a command sets in its process before it imports torch."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has another library of threads")
@pytest.mark.parametrize(("typed", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_the_user_has_chosen(tmp_path, typed, policy):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "generate.py", "checkpoint=missing"],
        cwd=tmp_path, env=environment | typed | {"OMP_DISPLAY_ENV": "true"}, capture_output=True, text=True,
    )  # fmt: skip
    assert f"OMP_WAIT_POLICY = '{policy}'" in result.stderr

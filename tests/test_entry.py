"""Commands set how long waiting threads spin before they import torch, which reads it."""

import os
import subprocess
import sys

import pytest

COMMAND = """
from gan_lightning.commands.entry import command
@command
def main():
    import torch
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="macOS has another library of threads")
@pytest.mark.parametrize(
    ("typed", "spins"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "PASSIVE"}, "0")]
)
def test_threads_soon_sleep_while_they_wait_unless_the_user_has_chosen(typed, spins):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    result = subprocess.run(
        [sys.executable, "-c", COMMAND],
        env=environment | typed | {"OMP_DISPLAY_ENV": "verbose"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"GOMP_SPINCOUNT = '{spins}'" in result.stderr

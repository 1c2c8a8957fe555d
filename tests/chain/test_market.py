"""make market plays all scenes, and the sums of its table of money agree."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import FAST, ROOT


@pytest.mark.slow
def test_market_is_played_to_its_end(run, tmp_path):
    assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=market/model").code == 0
    command = [sys.executable, ROOT / "scripts" / "market" / "play.py", "--folder", tmp_path / "market"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAN_CHAIN")}
    environment |= {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert result.stdout.count("\n## ") == 12
    earned, withdrawn = re.findall(r"^\| \*\*(?:earned|withdrawn)\*\* +\|(.*)\|$", result.stdout, re.MULTILINE)
    assert earned == withdrawn
    assert [float(cell) for cell in earned.split("|")] == [7.485, 1.025, 2.68, 0.07, 1, 12.26]
    assert result.stdout.endswith("left in the contract: 0 wei: the sums agree.\n")

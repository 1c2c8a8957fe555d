"""scripts/results.py: tables and plot of docs/benchmarks.md from the metrics of runs."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from tests.conftest import FAST, ROOT


@pytest.mark.slow
def test_tables_and_plot(run, tmp_path):
    for seed in (1, 2):
        checkpoints = "checkpoint.after_epochs=[1,20]" if seed == 1 else "checkpoint.after_epochs=[1]"
        limits = ["trainer.max_epochs=20", "checkpoint.every_n_epochs=50", checkpoints]
        assert run("train", *FAST, *limits, f"seed={seed}", f"hydra.run.dir=run{seed}").code == 0
    assert run("evaluate", "checkpoint=[run1/checkpoints,run2/checkpoints]", "n=50", "seeds=[0,1]").code == 0
    # Add the values that only MNIST has.
    for path in tmp_path.glob("run*/evaluation/*/metrics.json"):
        content = json.loads(path.read_text())
        content["generators"]["raw"]["fcd"] = content["generators"]["raw"]["fcd_train"]
        content["floor"]["fcd"] = 0.125
        path.write_text(json.dumps(content))

    command = [sys.executable, str(ROOT / "scripts" / "results.py"), "run1"]
    text = subprocess.run([*command, "run2"], capture_output=True, text=True, check=True).stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    distances, metrics = rows[:3], rows[3:]
    assert [row[0] for row in distances] == ["epochs", "1", "20"]
    assert distances[0] == ["epochs", "seed 1", "seed 2"]
    assert "±" in distances[1][1]
    assert distances[2][2] == ""
    assert [row[:2] for row in metrics[1:]] == [["1", "2"], ["20", "1"], ["real data", ""]]
    assert "± " in metrics[1][2]
    assert metrics[3][2] == "0.125"
    assert "seed 1: 20 epochs in 0 minutes" in text

    subprocess.run([*command, "--plot", "plot.png"], check=True)
    assert Image.open(tmp_path / "plot.png").height <= 500

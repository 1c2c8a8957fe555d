"""Sweeps whose jobs run beside each other, through Hydra's launchers."""

import csv
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import FAST, ROOT

JOBS = [*FAST, "max_iterations=3", "seed=1,2"]


def train(folder, *arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "train.py"), "-m", *JOBS, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
    ],
    ids=lambda launcher: launcher[0],
)
def test_jobs_beside_each_other_come_out_the_same(tmp_path, launcher):
    for name, choice in {"one_by_one": [], "beside": launcher}.items():
        result = train(tmp_path, f"hydra.sweep.dir={name}", *choice)
        assert result.returncode == 0, result.stderr
        assert "mean ± sd over seeds" in result.stdout
    for job in "01":
        figures = [(tmp_path / name / job / "metrics.json").read_text() for name in ("one_by_one", "beside")]
        assert figures[0] == figures[1]
    with (tmp_path / "beside" / "summary.csv").open() as file:
        assert [(row["seed"], row["status"]) for row in csv.DictReader(file)] == [("1", "finished"), ("2", "finished")]


@pytest.mark.slow
def test_a_failed_job_beside_another(tmp_path):
    result = train(tmp_path, "data.batch_size=100,0", "hydra.sweep.dir=sweep", "hydra/launcher=joblib")
    assert result.returncode == 1
    states = [json.loads((tmp_path / "sweep" / job / "manifest.json").read_text())["status"] for job in "0123"]
    assert sorted(states) == ["failed", "failed", "finished", "finished"]
    assert "Traceback" not in result.stderr

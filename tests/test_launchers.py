"""Sweeps with concurrent jobs, through Hydra's launchers."""

import csv
import json
import os
import signal
import subprocess

import pytest

from tests.conftest import FAST
from tests.processes import children, ended, started, wait_for

JOBS = ["-m", *FAST, "max_iterations=3", "seed=1,2"]


def states(sweep):
    """Return the status of each job from its manifest."""
    return [json.loads(path.read_text())["status"] for path in sorted(sweep.glob("*/manifest.json"))]


def skip_without_slurm():
    try:
        subprocess.run(["sinfo"], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("there is no Slurm cluster")


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
        ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=5"],
    ],
    ids=lambda launcher: launcher[0],
)
def test_concurrent_jobs_equal_sequential_ones(trained_once, tmp_path, launcher):
    if "submitit_slurm" in launcher[0]:
        skip_without_slurm()
    trained_once("sequential", *JOBS, "hydra.sweep.dir=sequential")
    code, said = ended(started(tmp_path, *JOBS, "hydra.sweep.dir=concurrent", *launcher))
    assert code == 0, said
    assert "mean ± sd over seeds" in said
    for job in "01":
        metrics = [(tmp_path / name / job / "metrics.json").read_text() for name in ("sequential", "concurrent")]
        assert metrics[0] == metrics[1]
    with (tmp_path / "concurrent" / "summary.csv").open() as file:
        assert [(row["seed"], row["status"]) for row in csv.DictReader(file)] == [("1", "finished"), ("2", "finished")]


@pytest.mark.slow
def test_failed_job_does_not_stop_the_others(tmp_path):
    code, said = ended(started(tmp_path, *JOBS, "data.batch_size=100,0", "hydra.sweep.dir=s", "hydra/launcher=joblib"))
    assert code == 1
    assert sorted(states(tmp_path / "s")) == ["failed", "failed", "finished", "finished"]
    assert "Traceback" not in said


@pytest.mark.slow
def test_sweep_with_a_killed_job_can_be_resumed(tmp_path):
    """A killed job stops the sweep with one line; the resumed sweep runs all unfinished jobs."""
    killed = ["+callbacks.killed._target_=tests.parallel.KilledOnce", "checkpoint.every_n_iterations=2"]
    concurrent = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    code, said = ended(started(tmp_path, *JOBS, *killed, "hydra.sweep.dir=s", *concurrent))
    assert code == 2
    assert "error: hydra/launcher: A worker process managed by the executor was unexpectedly terminated" in said
    assert "Traceback" not in said
    assert "train.py sweep.resume=s" in said
    code, said = ended(started(tmp_path, "sweep.resume=s", "trust_code=[tests]", *concurrent))
    assert (code, states(tmp_path / "s")) == (0, ["finished", "finished"]), said


@pytest.mark.slow
def test_preempted_job_is_requeued_and_resumed(tmp_path):
    """SIGUSR2 is the signal that Slurm sends before the time limit of a job; the job then saves and is queued again."""
    one = ["-m", *FAST, "max_iterations=1500", "checkpoint.every_n_minutes=60", "hydra.sweep.dir=s"]
    process = started(tmp_path, *one, "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5")
    wait_for(tmp_path / "s" / "0" / "samples" / "iteration_0000008.png", process)
    (controller,) = children(process.pid)
    (job,) = children(controller)
    os.kill(job, signal.SIGUSR2)
    code, said = ended(process)
    assert (code, states(tmp_path / "s")) == (0, ["finished"]), said
    segments = json.loads((tmp_path / "s" / "0" / "manifest.json").read_text())["segments"]
    assert [segment["status"] for segment in segments] == ["interrupted", "finished"]


def test_missing_cluster_is_an_error(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    before = signal.getsignal(signal.SIGINT)
    result = run("train", "-m", *FAST, "seed=1,2", "hydra/launcher=submitit_slurm")
    signal.signal(signal.SIGINT, before)
    assert (result.code, result.err) == (
        2,
        'error: hydra/launcher: Could not detect "srun", are you indeed on a slurm cluster?\n',
    )
    assert not (tmp_path / "outputs").exists()

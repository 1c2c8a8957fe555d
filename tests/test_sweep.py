"""Sweeps: every job is started, and the table lists all."""

import csv
import fcntl
import json
import os
import signal
import statistics
import subprocess
import sys

import pytest
import torch

from gan_lightning.runs.checkpoints import read_last
from gan_lightning.runs.sweep import summarize
from tests.conftest import FAST


def test_sweep_continues_after_a_failed_job(run, tmp_path):
    result = run("train", "-m", *FAST, "max_iterations=2,0", "seed=1,2")
    assert result.code == 1
    (sweep,) = tmp_path.glob("outputs/sweep/*")

    with (sweep / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["status"] for row in rows] == ["finished", "finished", "failed", "failed"]
    assert [row["seed"] for row in rows] == ["1", "2", "1", "2"]
    for job in (0, 1):
        metrics = json.loads((sweep / str(job) / "metrics.json").read_text())
        assert float(rows[job]["loss/generator"]) == metrics["loss/generator"]
        assert float(rows[job]["duration_seconds"]) > 0

    # The error of each job is printed when it fails, and at the end.
    for job in (2, 3):
        assert f"error: job {job}: max_iterations=0: must be greater than 0" in result.err
        assert f"job {job} failed: max_iterations=0" in result.out
    assert "Traceback" not in result.err

    values = [float(rows[job]["loss/generator"]) for job in (0, 1)]
    assert f"{statistics.mean(values):.4g} ± {statistics.stdev(values):.2g}" in result.out
    assert "| job " in result.out


@pytest.mark.slow
def test_table_has_the_headline_metrics(run, tmp_path):
    evaluated = [argument for argument in FAST if not argument.startswith("callbacks.evaluation")]
    result = run("train", "-m", *evaluated, "callbacks.evaluation.n=50", "max_iterations=1", "seed=1,2")
    assert result.code == 0, result.err
    header = result.out[result.out.index("| job ") :].splitlines()[0]
    assert {"evaluation/fcd_train", "evaluation/coverage", "loss/generator"} <= set(header.split())
    assert "evaluation/density" not in header
    (summary,) = tmp_path.glob("outputs/sweep/*/summary.csv")
    assert "evaluation/density" in summary.read_text()


def test_table_shows_all_metrics_of_an_unknown_evaluator(tmp_path, capsys):
    """The code that a file names is not imported."""
    job = tmp_path / "0"
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "overrides.yaml").write_text("[]")
    (job / "metrics.json").write_text('{"evaluation/brightness": 0.5}')
    config = {"data": {"evaluator": {"_target_": "antigravity.fly"}}}
    (job / "manifest.json").write_text(json.dumps({"status": "finished", "duration_seconds": 1, "config": config}))
    assert summarize(tmp_path, "") == 0
    assert "evaluation/brightness" in capsys.readouterr().out
    assert "antigravity" not in sys.modules


@pytest.mark.slow
def test_unexpected_error_fails_only_its_job(run, tmp_path, monkeypatch):
    from gan_lightning.algorithms.gan import GAN

    step = GAN.training_step

    def broken_step(self, batch, batch_idx):
        if self.seed == 1:
            raise RuntimeError("out of luck")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(GAN, "training_step", broken_step)
    result = run("train", "-m", *FAST, "max_iterations=1", "seed=1,2")
    assert result.code == 1
    assert "RuntimeError: out of luck" in result.err  # with its traceback, because it is not a user's error
    (sweep,) = tmp_path.glob("outputs/sweep/*")
    assert json.loads((sweep / "0" / "manifest.json").read_text())["error"] == "out of luck"
    assert json.loads((sweep / "1" / "manifest.json").read_text())["status"] == "finished"


KILLED = """
import os, signal, sys
from gan_lightning.commands import cli
from gan_lightning.algorithms.gan import GAN
step = GAN.training_step
def killed(self, batch, batch_idx):
    if (self.seed, self.iteration) == (2, 12):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, batch_idx)
GAN.training_step = killed
cli.train()
"""
THREE = ["-m", *FAST, "max_iterations=20", "checkpoint.every_n_iterations=5", "seed=1,2,3"]


@pytest.mark.slow
def test_killed_sweep_is_resumed(run, tmp_path):
    assert run("train", *THREE, "hydra.sweep.dir=whole").code == 0
    command = [sys.executable, "-c", KILLED, *THREE, "hydra.sweep.dir=sweep"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # as in this process: sums round differently with more threads
    killed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    finished = tmp_path / "sweep" / "0" / "metrics.json"
    written = finished.stat().st_mtime_ns
    assert not (tmp_path / "sweep" / "2").exists()
    result = run("train", "sweep.resume=sweep")
    assert result.code == 0, result.err
    assert finished.stat().st_mtime_ns == written
    with (tmp_path / "sweep" / "summary.csv").open() as file:
        assert [(row["seed"], row["status"]) for row in csv.DictReader(file)] == [(s, "finished") for s in "123"]
    for job in "012":
        whole, resumed = (tmp_path / name / job for name in ("whole", "sweep"))
        assert (whole / "metrics.json").read_text() == (resumed / "metrics.json").read_text()
        weights = read_last(whole)[1]["state_dict"], read_last(resumed)[1]["state_dict"]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    segments = json.loads((tmp_path / "sweep" / "1" / "manifest.json").read_text())["segments"]
    assert len(segments) == 2  # the second from iteration 10
    assert run("train", "sweep.resume=sweep").code == 0  # there is nothing left to do


@pytest.mark.slow
def test_data_changed_between_jobs(run, tmp_path):
    assert "data changed" not in run("train", "-m", *THREE, "max_iterations=1", "hydra.sweep.dir=sweep").out
    manifest = tmp_path / "sweep" / "1" / "manifest.json"
    content = json.loads(manifest.read_text())
    first = content["data"]["sha256"]
    content["data"]["sha256"] = "a" * 64
    manifest.write_text(json.dumps(content))
    warning = (
        f"the data changed between jobs, so that their metrics cannot be compared: 0, 2 had {first[:8]}; 1 had aaaaaaaa"
    )
    assert warning in run("train", "sweep.resume=sweep").out


@pytest.mark.slow
def test_failed_job_is_repeated(run, tmp_path, monkeypatch):
    from gan_lightning.algorithms.gan import GAN

    def broken(self, batch, batch_idx):
        raise RuntimeError("out of luck")

    with monkeypatch.context() as context:
        context.setattr(GAN, "training_step", broken)
        result = run("train", "-m", *FAST, "max_iterations=1", "seed=1,2", "hydra.sweep.dir=sweep")
    assert (result.code, "sweep.resume=sweep" in result.out) == (1, True)

    manifest = tmp_path / "sweep" / "1" / "manifest.json"
    before = manifest.read_text()
    with manifest.with_name(".lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = run("train", "sweep.resume=sweep")
    assert (result.code, "error: job 1: " in result.err) == (1, True)
    assert "another process trains there" in result.err
    assert manifest.read_text() == before

    assert run("train", "-m", "sweep.resume=sweep").code == 0
    assert json.loads((tmp_path / "sweep" / "1" / "manifest.json").read_text())["status"] == "finished"


@pytest.mark.parametrize(
    ("arguments", "recorded", "expected"),
    [
        (
            ["sweep.resume=nowhere"],
            None,
            "sweep.resume=nowhere: no multirun.yaml of a sweep there: give a sweep's folder",
        ),
        (["sweep.resume=s"], "[]", "sweep.resume=s: no multirun.yaml of a sweep there"),
        (["sweep.resume=s"], "{hydra: {overrides: 1}}", "sweep.resume=s: no multirun.yaml of a sweep there"),
        (["sweep.resume=s", "seed=3"], "GOOD", "seed=3: a resumed sweep keeps its overrides: leave it out"),
        (["sweep.resume=s"], "SUBDIR", "started with hydra.sweep.subdir=x: add it to the command line"),
        (["sweep.resume=s"], "EVIL", "os.system: comes from a file and is no code of this project"),
        (["sweep.resume=s"], "EVILS", "os.system: comes from a file and is no code of this project"),
        (["sweep.resume=s"], "OPTION", "--config-dir=/tmp: comes from a file and is not of the form key=value"),
    ],
)
def test_sweep_that_cannot_be_resumed(run, tmp_path, arguments, recorded, expected):
    overrides = {
        "GOOD": ("data=digits", ""),
        "SUBDIR": ("data=digits", "hydra.sweep.subdir=x"),
        "EVIL": ("+objective={_target_:os.system}", ""),
        "EVILS": ("objective={_target_:os.system},{_target_:os.system}", ""),
        "OPTION": ("--config-dir=/tmp", ""),
    }
    if recorded:
        task, own = overrides.get(recorded, ("", ""))
        (tmp_path / "s").mkdir()
        text = json.dumps({"hydra": {"overrides": {"task": [task], "hydra": [own]}}}) if task else recorded
        (tmp_path / "s" / "multirun.yaml").write_text(text)
    before = sorted(tmp_path.rglob("*"))
    result = run("train", *arguments)
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_sweep_without_failures_exits_with_0(run):
    assert run("train", "-m", *FAST, "max_iterations=1", "model.generator.latent_dim=2,3").code == 0


def test_unknown_option_is_refused_before_any_job(run, tmp_path):
    result = run("train", "-m", "data=digits", "model=mlp,mpl", "max_iterations=1")
    assert result.code == 2
    assert "did you mean 'mlp'" in result.err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_sweep_is_not_overwritten(run, tmp_path):
    arguments = ["-m", *FAST, "max_iterations=1", "seed=1,2", "hydra.sweep.dir=sweep"]
    assert run("train", *arguments).code == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").rglob("*")}
    result = run("train", *arguments)
    assert result.code == 2
    assert "hydra.sweep.dir=sweep: holds runs already" in result.err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").rglob("*")} == before


def test_runs_with_different_metrics_share_a_table(run, tmp_path):
    for seed, metric in ((1, "a"), (2, "b")):
        folder = tmp_path / "sweep" / str(seed)
        (folder / ".hydra").mkdir(parents=True)
        (folder / ".hydra" / "overrides.yaml").write_text(f"- seed={seed}\n")
        (folder / "metrics.json").write_text(json.dumps({metric: 1.0, "c": seed}))
        (folder / "manifest.json").write_text(json.dumps({"status": "finished", "duration_seconds": 1.0}))
    assert summarize(tmp_path / "sweep", "") == 0
    assert (tmp_path / "sweep" / "summary.csv").read_text().splitlines()[1:] == [
        "1,1,1.0,1,,finished,1.0",
        "2,2,,2,1.0,finished,1.0",
    ]

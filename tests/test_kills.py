"""Killed and resumed runs equal uninterrupted runs; damaged and missing checkpoints."""

import json
import os
import subprocess
import sys
import zipfile

import pytest
import torch

from gan_lightning.runs.checkpoints import read_last
from scripts.benchmarks import kills
from tests.conftest import FAST, ROOT

RUN = [*FAST, "checkpoint.every_n_iterations=4", "callbacks.scalars.every_n_iterations=5"]


@pytest.mark.slow
def test_runs_killed_twenty_times_equal_uninterrupted_runs(tmp_path):
    campaign = kills.run_campaign(tmp_path, kills=20, seed=1)
    runs = [run for of_config in campaign.values() for run in of_config]
    all_kills = [kill for run in runs for kill in run.kills]
    assert len(all_kills) >= 20
    assert {kill.signal for kill in all_kills} == {"SIGKILL", "SIGTERM", "SIGINT"}
    assert max(kill.lost for kill in all_kills) <= kills.INTERVAL
    assert all(kill.lost == 0 for kill in all_kills if kill.signal != "SIGKILL")
    assert [run.differences for run in runs if run.differences] == []


def test_differences_are_found(run, tmp_path):
    for seed in (1, 2):
        run("train", *RUN, "max_iterations=5", f"seed={seed}", f"hydra.run.dir={seed}")
    found = kills.differences(tmp_path / "1", tmp_path / "2")
    assert found == ["state_dict", "optimizer_states", "callbacks", "metrics.json", "logged scalars"]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone"])
def test_damaged_checkpoint_is_replaced_by_the_earlier_one(run, tmp_path, damage):
    run("train", *RUN, "max_iterations=20", "hydra.run.dir=whole")
    run("train", *RUN, "max_iterations=10", "hydra.run.dir=parts")
    last = tmp_path / "parts" / "checkpoints" / "last.ckpt"
    content = bytearray(last.read_bytes())
    if damage == "flipped":
        with zipfile.ZipFile(last) as archive:
            largest = max(archive.infolist(), key=lambda info: info.file_size)
        content[largest.header_offset + largest.file_size // 2 + 100] ^= 1
    last.write_bytes({"cut": content[:-200], "flipped": content, "empty": b"", "gone": b""}[damage])
    if damage == "gone":
        last.unlink()
    result = run("train", "resume=parts", "max_iterations=20")
    assert result.code == 0, result.err
    assert ("using the checkpoint before it, " in result.out) == (damage != "gone")
    assert kills.differences(tmp_path / "whole", tmp_path / "parts") == []


def test_two_damaged_checkpoints_are_an_error(run, tmp_path):
    run("train", *RUN, "max_iterations=10", "hydra.run.dir=run")
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    result = run("train", "resume=run")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "last.ckpt.earlier: not a checkpoint, or a damaged one" in result.err


def test_checkpoint_of_an_earlier_version_cannot_be_resumed(run, tmp_path):
    run("train", *RUN, "max_iterations=8", "hydra.run.dir=run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    torch.save({key: value for key, value in content.items() if key not in ("logs", "rollbacks")}, path)
    result = run("train", "resume=run", "max_iterations=20")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "started with an earlier version" in result.err
    assert run("generate", "checkpoint=run").code == 0


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
sys.argv = ["train.py", *sys.argv[1:]]
from gan_lightning.commands.cli import train
train()
"""


@pytest.mark.slow
def test_full_disk_keeps_the_last_checkpoint(run, tmp_path):
    """Simulate a full disk by a limit on the size of files; small files can still be written."""
    run("train", *RUN, "max_iterations=8", "hydra.run.dir=run")
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, "resume=run", "max_iterations=20"],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "last.ckpt: not written: File too large; the last checkpoint is of iteration 8" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("error: the end of the run is not saved")
    assert read_last(tmp_path / "run")[1]["iteration"] == 8
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "failed"
    assert run("train", "resume=run", "max_iterations=20").code == 0


def test_removed_run_folder_is_an_error(run, tmp_path, monkeypatch):
    def save_and_move(*arguments, save=torch.save):
        save(*arguments)
        if folder.exists():
            folder.rename(tmp_path / "elsewhere")

    folder = tmp_path / "run"
    monkeypatch.setattr(torch, "save", save_and_move)
    result = run("train", *RUN, "max_iterations=8", "hydra.run.dir=run")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "No such file or directory" in result.err
    assert "last.ckpt: not written" in result.out


def test_run_killed_before_its_first_checkpoint_starts_again(run, tmp_path):
    run("train", *RUN, "max_iterations=10", "hydra.run.dir=run")
    (tmp_path / "run").rename(tmp_path / "whole")
    run("train", *RUN, "max_iterations=10", "hydra.run.dir=run")
    for path in [*(tmp_path / "run" / "checkpoints").iterdir()]:
        path.unlink()
    result = run("train", "resume=run")
    assert result.code == 2
    assert "the run has finished, but has no" in result.err
    (tmp_path / "run" / "metrics.json").unlink()
    result = run("train", "resume=run")
    assert result.code == 0, result.err
    assert "no checkpoint to resume from: starting from the beginning" in result.out
    assert kills.differences(tmp_path / "whole", tmp_path / "run") == []

"""A full disk: one line of error, no partial file, and the results on the screen."""

import errno
import os
import platform
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

from gan_lightning.files import read_json, write_atomically, write_json
from tests.conftest import FAST

RUN = [*FAST, "max_iterations=2", "callbacks.sample_grid=null"]


@contextmanager
def largest_file(size):
    """Limit files to ``size`` bytes in the body, which stands in for a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["format=arrays", "n=1000"], "new/x.npz"),
        (["format=sheet", "n=1024"], "new/x.png"),
        (["interpolate=4", "n=256"], "new/x.gif"),
    ],
)
def test_generate_leaves_no_partial_file(run, tmp_path, arguments, output):
    run("train", *RUN, "hydra.run.dir=run")
    with largest_file(20_000):
        result = run("generate", "checkpoint=run", *arguments, f"output={output}")
    assert result.code == 2
    assert result.err == f"error: output={output}: File too large: free some space there, or choose another path\n"
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_evaluate_prints_its_table(run, tmp_path):
    run("train", *RUN, "hydra.run.dir=run")
    with largest_file(5000):  # less than metrics.json takes
        result = run("evaluate", "checkpoint=run", "n=64", "output=new")
    assert result.code == 2
    assert "error: output=new: File too large: free some space there, or choose another path" in result.err
    assert "duplicate_rate" in result.out
    assert not list((tmp_path / "new").iterdir())


def test_train_extractor_leaves_no_partial_file(run, tmp_path):
    with largest_file(5000):
        result = run("train_extractor", "data=digits", "epochs=1", "output=new/x.safetensors")
    assert result.code == 2
    assert "error: output=new/x.safetensors: File too large" in result.err
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_sweep_prints_its_table(run, tmp_path, monkeypatch):
    def refuse(path, columns, rows):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("gan_lightning.runs.sweep.write_csv", refuse)
    result = run("train", "-m", *RUN, "seed=1,2", "hydra.sweep.dir=s")
    assert result.code == 2
    assert "| 0   | 1    |" in result.out
    assert "mean ± sd over seeds" in result.out
    expected = "s/summary.csv: No space left on device: free some space there, or choose another path"
    assert result.err == f"error: hydra.sweep.dir=s: {expected}\n"


def test_partial_file_is_removed(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        write_json(tmp_path / "x.json", {"a": "b" * 10_000})
    assert read_json(tmp_path / "x.json") == {"a": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_files_of_killed_processes_are_removed(tmp_path):
    code = "import os, sys; from gan_lightning.files import write_atomically\n"
    code += "with write_atomically(__import__('pathlib').Path('x')) as path: path.mkdir(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".tmp")
    others = [
        tmp_path / f".elsewhere.{left.name.split('.')[-3]}.0.tmp",  # another machine's
        tmp_path / f".{platform.node()}.{os.getppid()}.0.tmp",  # a running process's
        tmp_path / ".x.tmp",
    ]
    for path in others:
        path.touch()
    with write_atomically(tmp_path / "y") as outer, write_atomically(tmp_path / "z") as inner:
        assert outer != inner
        outer.touch()
        inner.touch()
    assert set(tmp_path.iterdir()) == {*others, tmp_path / "y", tmp_path / "z"}

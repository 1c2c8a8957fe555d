"""Folders and files that cannot be written or read: one line with key, path and remedy, and no file is written."""

import os
import shutil
import subprocess

import pytest

from gan_lightning.commands import identity as gan_identity
from gan_lightning.commands import ledger as gan_ledger
from gan_lightning.paths import cache_dir
from tests.conftest import FAST

RUN = [*FAST, "max_iterations=2", "callbacks.sample_grid=null"]
LONG = "a" * 300


def assert_refused(result, *expected):
    assert result.code == 2, result.err
    (line,) = result.err.splitlines()
    for text in ("error: ", *expected):
        assert text in line


def names(folder):
    """Return the names in a folder without the cache, which libraries fill when they are imported."""
    return set(os.listdir(folder)) - {"cache"}


def dangling(path):
    path.symlink_to("nowhere")


def looped(path):
    path.symlink_to(path.name)


def file(path):
    path.write_text("mine", encoding="utf-8")


@pytest.mark.parametrize(("make", "kind"), [(dangling, "a broken link"), (looped, "a broken link"), (file, "a file")])
def test_outputs_that_is_not_a_folder(run, tmp_path, make, kind):
    make(tmp_path / "outputs")
    blocked = (f"outputs is {kind}", "remove it, or choose another path")
    assert_refused(run("train", *RUN), "hydra.run.dir=outputs/mlp/", *blocked)
    assert_refused(run("train", "-m", *RUN, "seed=1,2"), "hydra.sweep.dir=outputs/sweep/", *blocked)
    assert_refused(run("train", *RUN, "hydra.run.dir=outputs/run"), "hydra.run.dir=outputs/run: ", *blocked)
    assert names(tmp_path) == {"outputs"}


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ([f"name={LONG}"], f"hydra.run.dir=outputs/{LONG}/"),
        ([f"hydra.run.dir={LONG}"], f"hydra.run.dir={LONG}: "),
        ([f"hydra.run.dir=new/{LONG}"], f"hydra.run.dir=new/{LONG}: "),
        (["-m", "seed=1,2", f"hydra.sweep.dir={LONG}"], f"hydra.sweep.dir={LONG}: "),
        ([f"resume={LONG}"], f"resume={LONG}: "),
    ],
)
def test_name_that_is_too_long(run, tmp_path, arguments, key):
    assert_refused(run("train", *RUN, *arguments), key, "File name too long: choose a shorter name")
    assert not names(tmp_path)


@pytest.fixture
def read_only():
    """Return a function that makes a folder read-only, for root too."""
    locked = []

    def lock(folder):
        if os.geteuid():
            folder.chmod(0o500)
        elif not shutil.which("chattr") or subprocess.run(["chattr", "+i", folder], capture_output=True).returncode:
            pytest.skip("needs another user than root, or a file system with attributes")
        locked.append(folder)

    yield lock
    for folder in locked:
        if os.geteuid():
            folder.chmod(0o700)
        else:
            subprocess.run(["chattr", "-i", folder], check=True)


@pytest.mark.slow
def test_read_only_folder(run, tmp_path, read_only):
    (tmp_path / "outputs").mkdir()
    run("train", *RUN, "hydra.run.dir=run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    for folder in ("outputs", "run"):
        read_only(tmp_path / folder)
    remedy = "change its permissions, or choose another path"
    assert_refused(run("train", *RUN), "hydra.run.dir=outputs/mlp/", remedy)
    assert_refused(run("train", "-m", *RUN, "seed=1,2"), "hydra.sweep.dir=outputs/sweep/", remedy)
    assert_refused(run("train", "resume=run", "max_iterations=4"), "resume=run: ", remedy)
    assert_refused(run("generate", "checkpoint=run", "n=4"), "output=run/generated/", remedy)
    result = run("evaluate", "checkpoint=run", "n=64")
    assert (result.code, "duplicate_rate" in result.out) == (2, True)
    assert "error: output=run/evaluation/last: " in result.err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before


def test_output_below_a_file(run, called, tmp_path):
    run("train", *RUN, "hydra.run.dir=run")
    file(tmp_path / "file")
    blocked = "file is a file: remove it, or choose another path"
    assert_refused(run("generate", "checkpoint=run", "n=4", "output=file/x.png"), "output=file/x.png: ", blocked)
    assert_refused(run("train_extractor", "data=digits", "output=file/x"), "output=file/x: ", blocked)
    pytest.importorskip("optuna")
    assert_refused(run("search", "folder=file/s", "search=quickstart"), "folder=file/s: ", blocked)
    pytest.importorskip("c2pa")
    code, said = called(gan_ledger.main, "root", "file/ledger")
    assert (code, said.count("\n")) == (2, 0)


def test_checkpoint_without_read_permission(run, tmp_path, monkeypatch):
    run("train", *RUN, "hydra.run.dir=run")

    def refuse(path, *arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("gan_lightning.runs.checkpoints.zipfile.ZipFile", refuse)
    result = run("generate", "checkpoint=run/checkpoints/last.ckpt")
    assert_refused(result, "last.ckpt: cannot be read: Permission denied: change its permissions")


@pytest.fixture
def homeless(monkeypatch):
    """Remove the home folder of the user, as in a container."""
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "GAN_IDENTITY_DIR", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


@pytest.mark.slow
def test_user_without_a_home_folder(run, called, tmp_path, homeless, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)  # set by ``run``
    assert run("train", *RUN, "hydra.run.dir=run").code == 0
    assert run("evaluate", "checkpoint=run", "n=64").code == 0
    assert_refused(run("train_extractor", "data=digits"), "no home folder: set XDG_CACHE_HOME, or HOME")
    folder = ["data=image_folder", f"data.root={tmp_path}", "data.channels=1", "data.num_classes=null"]
    assert_refused(run("train", *RUN, *folder), "no home folder: set XDG_CACHE_HOME, or HOME")
    pytest.importorskip("c2pa")
    code, said = called(gan_identity.main, "init", "--name", "a", "--organization", "b")
    assert (code, "no home folder: set XDG_CONFIG_HOME, or HOME" in said) == (2, True)


def test_cache_that_cannot_be_written(run, tmp_path, monkeypatch):
    file(tmp_path / "cache")
    assert cache_dir().parent == tmp_path / "cache"
    assert_refused(run("train_extractor", "data=digits"), "XDG_CACHE_HOME: ", f"{tmp_path / 'cache'} is a file")

"""Keys for paths accept names with spaces, brackets, commas and quotes."""

import shutil

import numpy as np
import pytest
from PIL import Image

from gan_lightning.commands.overrides import as_typed, split, value_of
from gan_lightning.config.settings import EvaluateSettings, GenerateSettings, TrainSettings
from gan_lightning.config.text import Keys
from tests.conftest import FAST

ODD = [
    "my pictures",
    "pics (1)",
    "my run [2]",
    "a,b",
    "a=b",
    "it's",
    'say "so"',
    "2024",
    "1e3",
    "null",
    "{x}",
    "Ü&Ö",
    "~",
]
QUIET = ["callbacks.collapse_alarm=null", "max_iterations=2"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pics (1)", "my run [2], it's=2024"])
def test_commands_accept_odd_names(run, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    for i in range(16):
        Image.fromarray(np.full((28, 28), 15 * i, np.uint8)).save(folder / f"{i}.png")
    data = ["data=image_folder", f"data.root={name}", "data.channels=1"]
    result = run("train", *data, *FAST[1:4], "data.batch_size=4", *FAST[5:], *QUIET, f"hydra.run.dir=runs/{name}")
    assert result.code == 0, result.err
    run_dir = tmp_path / "runs" / name
    assert (run_dir / "metrics.json").is_file()
    result = run("train", f"resume=runs/{name}", "max_iterations=3", f"hydra.run.dir=runs/{name}")
    assert result.code == 0, result.err
    result = run("generate", f"checkpoint=runs/{name}", "n=8", "format=files", f"output=made {name}")
    assert result.code == 0, result.err
    assert len(list((tmp_path / f"made {name}").glob("*.png"))) == 8
    result = run("evaluate", f"samples=made {name}", *data, "data.batch_size=4", f"output=figures {name}")
    assert result.code == 0, result.err
    assert (tmp_path / f"figures {name}" / "metrics.json").is_file()


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    ("key", "settings"), [("resume", TrainSettings), ("data.root", TrainSettings), ("samples", EvaluateSettings)]
)
def test_existing_path_is_taken_literally(tmp_path, monkeypatch, name, key, settings):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    command = "train" if settings is TrainSettings else "evaluate"
    keys = Keys(command, settings, ["data=image_folder"])
    for sweep in (False, True):
        assert value_of(as_typed(f"{key}={name}", keys.text, sweep=sweep)) == name


@pytest.mark.parametrize(
    ("argument", "command", "settings"),
    [
        ("checkpoint=[A,B]", "evaluate", EvaluateSettings),
        ("seed=1", "train", TrainSettings),  # though a folder has that name
        ("seed=1,2", "train", TrainSettings),
        ("model.generator.hidden_dims=[16]", "train", TrainSettings),
        ("output=null", "generate", GenerateSettings),
        ("output='a (b)'", "generate", GenerateSettings),
        ("~callbacks.scalars", "train", TrainSettings),
        ("--config-dir=a (b)", "train", TrainSettings),
    ],
)
def test_other_overrides_are_unchanged(tmp_path, monkeypatch, argument, command, settings):
    monkeypatch.chdir(tmp_path)
    for name in "AB1":
        (tmp_path / name).mkdir()
    assert as_typed(argument, Keys(command, settings, []).text) == argument


def test_missing_path_is_named_literally(run):
    result = run("train", "data=image_folder", "data.root=no pics (1)")
    assert result.err == ("error: data.root=no pics (1): no such folder: data.root=<a folder of images>\n")
    result = run("generate", "checkpoint=no run (1)")
    assert result.err.startswith("error: checkpoint=no run (1): no run (1) does not exist")


@pytest.mark.slow
def test_sweeps_over_paths(run, tmp_path, idx_folder):
    shutil.copytree(idx_folder, tmp_path / "b")
    where = [f"data.root={idx_folder.name},b", "data.checksums=null", "hydra.sweep.dir=my sweep (1)"]
    result = run("train", "-m", *FAST[1:4], "data.batch_size=64", *FAST[5:], *QUIET, *where)
    assert result.code == 0, result.err
    assert sorted(path.parent.name for path in (tmp_path / "my sweep (1)").glob("*/metrics.json")) == ["0", "1"]
    assert run("train", "sweep.resume=my sweep (1)").code == 0


@pytest.mark.slow
def test_resume_accepts_the_folder_of_the_run_as_run_dir(run, tmp_path):
    assert run("train", *FAST, *QUIET, "hydra.run.dir=run").code == 0
    assert run("train", "resume=run", f"hydra.run.dir={tmp_path / 'run'}", "max_iterations=3").code == 0
    result = run("train", "resume=run", "hydra.run.dir=other", "max_iterations=4")
    assert result.err == "error: hydra.run.dir=other: a resumed run stays in its own folder: leave out hydra.run.dir\n"


def test_options_may_stand_anywhere():
    options, overrides = split(["a=1", "--config-dir", "d=1", "b=2", "-m"])
    assert (options, overrides) == (["--config-dir", "d=1", "-m"], ["a=1", "b=2"])

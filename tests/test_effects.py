"""Marks in annotations name the keys that do not affect results; such keys are left out of comparisons of configs."""

import json
from typing import Any

import pytest

from gan_lightning.config.effects import example_settings, result_settings, settings_marked
from gan_lightning.config.settings import EvaluateSettings, TrainSettings
from gan_lightning.data.digits import Digits
from gan_lightning.marks import Location, Mark, WithoutEffect
from gan_lightning.runs.hyperparameters import hyperparameters
from tests.conftest import FAST

QUIET = ["callbacks.collapse_alarm=null", "data=digits", "data._target_=tests.test_effects.MarkedDigits"]
KEYS = ["+data.csv=here.csv", "+data.notes=null", "max_iterations=2"]


class MarkedDigits(Digits):
    """Digits defined outside the package, with two keys that do not affect the data."""

    def __init__(self, csv: Location[str], notes: WithoutEffect[Any], **others: Any) -> None:
        super().__init__(**others)


class UnmarkedDigits(MarkedDigits):
    """Subclass that repeats the keys without their marks, and adds one that may have an effect."""

    def __init__(self, csv: str, notes: Any = None, size: int = 3, **others: Any) -> None:
        super().__init__(csv, notes, **others)


@pytest.mark.parametrize("target", [MarkedDigits, UnmarkedDigits])
def test_marked_keys_are_left_out_of_results(target):
    node = {"_target_": f"{__name__}.{target.__name__}", "csv": "a.csv", "notes": {"by": "me"}, "size": 2, "seed": 1}
    assert result_settings({"data": node, "debug": True, "seed": 3}) == {
        "data": {"_target_": node["_target_"], "size": 2, "seed": 1}, "seed": 3
    }  # fmt: skip
    assert example_settings(node) == {"_target_": node["_target_"], "size": 2}
    # With the config of a file, the marks are read from a schema: its target is not imported.
    other = {"data": node | {"_target_": "no.such.module"}}
    assert result_settings(other, schema={"data": node}) == {
        "data": {"_target_": "no.such.module", "size": 2, "seed": 1}
    }


def test_paths_of_lightning_classes_are_left_out():
    config = {
        "trainer": {"_target_": "lightning.pytorch.Trainer", "default_root_dir": "run", "max_epochs": 3},
        "data": {"_target_": "lightning.pytorch.loggers.TensorBoardLogger", "save_dir": "run", "name": "x"},
    }
    kept = result_settings(config)
    assert kept["trainer"].keys() == {"_target_", "max_epochs"}
    assert kept["data"].keys() == {"_target_", "name"}


def test_marks_of_settings():
    marked = settings_marked(TrainSettings, Mark.WITHOUT_EFFECT)
    assert marked == {
        "resume", "allow_changed_data", "reproduce", "provenance", "trust_code", "debug", "run_dir", "logger"
    }  # fmt: skip
    assert {"checkpoint", "samples", "output"} <= settings_marked(EvaluateSettings, Mark.PATH)


@pytest.mark.slow
def test_marked_keys_may_change_in_every_command(run, tmp_path):
    own = [*FAST[1:], *QUIET]
    result = run("train", *own, *KEYS, "hydra.run.dir=first")
    assert result.code == 0, result.err
    # A run is resumed, found by its config, and reproduced although a file has moved.
    moved = "data.csv=there.csv"
    assert run("train", "resume=first", f"+{moved}", "trust_code=[tests]").code == 0
    assert run("train", *own, *KEYS, "hydra.run.dir=outputs/mlp/second").code == 0
    result = run("train", "resume=auto", *own, f"+{moved}", *KEYS[1:])
    assert result.code == 0, result.err
    assert len(list(tmp_path.glob("outputs/mlp/*"))) == 1
    result = run("train", "reproduce=first", f"+{moved}", "trust_code=[tests]", "hydra.run.dir=third")
    assert (result.code, "bit for bit" in result.out) == (0, True), result.err
    # Runs with other batches have the same examples, so they can be compared; hyperparameters have no paths.
    assert run("train", *own, *KEYS, "seed=2", "data.batch_size=300", "hydra.run.dir=fourth").code == 0
    result = run("evaluate", "checkpoint=[first,fourth]", "trust_code=[tests]", "seeds=[0]", "n=32")
    assert result.code == 0, result.err
    config = json.loads((tmp_path / "first" / "manifest.json").read_text())["config"]
    assert not {"data/csv", "data/notes"} & hyperparameters(config).keys()


def test_repeated_keys_are_not_hyperparameters(run, only_run):
    assert run("train", *FAST, "callbacks.collapse_alarm=null", "max_iterations=1").code == 0
    shown = hyperparameters(json.loads((only_run() / "manifest.json").read_text())["config"])
    assert {
        "seed",
        "model/generator/latent_dim",
        "model/generator/hidden_dims",
        "model/discriminator/hidden_dims",
    } <= shown.keys()
    assert not {"data/seed", "model/seed", "model/generator/sample_shape"} & shown.keys()

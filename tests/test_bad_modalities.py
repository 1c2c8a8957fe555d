"""Faulty modalities, evaluators, data sets and files are refused in one line, before anything is written."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lightning.commands import verify as gan_verify

TOY = Path(__file__).parent / "toy"
TRAIN = ["--config-dir", str(TOY / "conf"), "trainer=cpu", "data=sines", "model=waves", "max_iterations=2"]
BAD = """
import torch
import waves
from gan_lightning.data.datamodule import Examples
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.modalities.modality import Modality


class Half(Modality):
    suffix, media_type, content_dtype = ".half", "x/x", torch.int16

    def encode(self, content): ...
    def decode(self, sample): ...
    def sheet(self, content, columns=None): ...
    def write(self, content, folder, start=0): ...
    def read_file(self, path): ...


class OfHalf(waves.Sines):
    def __init__(self, batch_size: int, seed: int, size: int, conditional: bool, evaluator=None):
        super().__init__(batch_size, seed, size, conditional, evaluator)
        self.modality = Half()


class NoFeatures(Evaluator): ...


class NoLoad(waves.Sines):
    load = waves.Data.load


class Floats(waves.Sines):
    def load(self):
        content, labels = super().load()
        return Examples(content.float(), labels)


class Short(waves.Sines):
    def load(self):
        content, labels = super().load()
        return Examples(content[..., :32], labels)


class NoLabels(waves.Sines):
    def load(self):
        return Examples(super().load().content)


class NoSuffix(Modality):
    media_type, content_dtype, sample_shape = "x/x", torch.int16, (1, 64)
    encode = decode = sheet = write = read_file = digest = None


class FloatWaves(waves.Waves):
    def decode(self, sample):
        return sample.cpu()


class GreySheets(waves.Waves):
    def sheet(self, content, columns=None):
        return super().sheet(content, columns)[..., 0]


def data(modality):
    class Changed(waves.Sines):
        def __init__(self, batch_size: int, seed: int, size: int, conditional: bool, evaluator=None):
            super().__init__(batch_size, seed, size, conditional, evaluator)
            waves.Data.__init__(self, modality(), batch_size, seed, None, evaluator)

    return Changed


OfNoSuffix, OfFloatWaves, OfGreySheets = data(NoSuffix), data(FloatWaves), data(GreySheets)


class TokenFeatures(Evaluator):
    def features(self, content):
        return content.flatten(1).long()
"""


@pytest.fixture(autouse=True)
def bad(monkeypatch, tmp_path):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "bad.py").write_text(BAD)
    monkeypatch.syspath_prepend(TOY)
    monkeypatch.syspath_prepend(tmp_path / "modules")


def assert_one_line(result, *expected):
    """Assert that a command failed with a one-line message that contains the expected texts."""
    assert result.code == 2, result.err
    assert len(result.err.strip().splitlines()) == 1, result.err
    for text in expected:
        assert text in result.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["data._target_=bad.OfHalf"], ["data: ", "Half", "digest"]),
        (["data.evaluator._target_=bad.NoFeatures"], ["data", "NoFeatures", "features"]),
        (["data._target_=bad.NoLoad"], ["NoLoad.load() must return Examples"]),
        (["data._target_=bad.Floats"], ["float32", "must be int16"]),
        (["data._target_=bad.Short"], ["[1, 32]", "must be [1, 64]"]),
        (["data._target_=bad.NoLabels", "conditional=true"], ["NoLabels is conditional", "no conditions"]),
        (["data._target_=bad.OfNoSuffix"], ["modality NoSuffix lacks suffix"]),
        (
            ["data._target_=bad.OfFloatWaves"],
            ["data: FloatWaves does not fit", "what decode() returns", "must be int16"],
        ),
        (["data._target_=bad.OfGreySheets"], ["data: GreySheets does not fit", "must be uint8 (H, W, 3)"]),
        (["data.conditional=false", "conditional=true"], ["conditional=true: Sines has no condition"]),
        (["wrapper=diffaugment"], ["model: ", "DiffAugment changes images"]),
        (["pack=2"], ["model: the networks do not fit together or to the data"]),
    ],
)
def test_faulty_classes_are_refused_before_training(run, tmp_path, arguments, expected):
    assert_one_line(run("train", *TRAIN, *arguments), *expected)
    assert not (tmp_path / "outputs").exists()


def test_data_without_an_evaluator_can_be_trained_on(run):
    result = run("train", *TRAIN, "data.evaluator=null", "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert "samples will not be evaluated" in result.out + result.err
    assert_one_line(run("evaluate", "checkpoint=run", "trust_code=[waves]"), "data.evaluator=null")


def test_features_must_be_floats(run):
    result = run("train", *TRAIN, "data.evaluator._target_=bad.TokenFeatures", "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert "TokenFeatures.features() returns int64 (100, 64): must be floats (n, d)" in result.out + result.err


@pytest.fixture
def trained(trained_once):
    trained_once("waves", *TRAIN, "conditional=true", "callbacks.evaluation=null", "hydra.run.dir=run")


@pytest.mark.parametrize("condition", ["4", "-1", "seven", "missing.labels", "image.npy"])
def test_unreadable_conditions_are_refused(run, trained, condition):
    np.save("image.npy", np.zeros((1, 3, 8, 8), np.uint8))
    assert_one_line(run("generate", "checkpoint=run", "trust_code=[waves]", f"condition={condition}"), "condition=")
    assert not Path("run/generated").exists()


def test_files_of_another_modality_are_refused(run, trained):
    Path("samples").mkdir()
    assert_one_line(run("evaluate", "samples=samples", *TRAIN[:2], "data=sines"), "samples=samples", ".wave")
    Path("samples/a.wave").write_bytes(b"\x89PNG")
    assert_one_line(run("evaluate", "samples=samples", *TRAIN[:2], "data=sines"), "samples=samples", "no wave")
    Path("samples/a.wave").write_bytes(b"WAVE" + bytes(3))
    assert_one_line(run("evaluate", *TRAIN[:2], "samples=samples/a.wave", "data=sines"), "samples=samples", "no wave")
    np.save("floats.npy", np.zeros((9, 1, 64)))
    assert_one_line(run("evaluate", "samples=floats.npy", *TRAIN[:2], "data=sines"), "float64", "must be int16")
    assert_one_line(
        run("evaluate", "checkpoint=run", "trust_code=[waves]", "data=digits"), "checkpoint=", "Waves", "Images"
    )


def test_arrays_that_are_not_content_are_refused(run):
    np.save("empty.npy", np.zeros((0, 1, 64), np.int16))
    assert_one_line(run("evaluate", *TRAIN[:2], "samples=empty.npy", "data=sines"), "empty.npy", "holds no samples")
    np.save("texts.npy", np.array(["a", "b"]))
    assert_one_line(run("evaluate", *TRAIN[:2], "samples=texts.npy", "data=sines"), "texts.npy", "must be int16")


def test_state_that_does_not_fit_is_refused(run, trained):
    path = Path("run/checkpoints/last.ckpt")
    content = torch.load(path, weights_only=True)
    content["Sines"] = {"modality": {"vocabulary": ["a"]}}
    torch.save(content, path)
    assert_one_line(
        run("generate", "checkpoint=run", "trust_code=[waves]"), "last.ckpt", "has no state, found vocabulary"
    )


def test_each_command_says_how_to_trust_a_package(run, called, trained):
    assert_one_line(run("generate", "checkpoint=run"), "trust_code=[waves]")
    Path("a.wave").write_bytes(b"WAVE" + bytes(128))
    code, said = called(gan_verify.main, "a.wave", "--checkpoint", "run")
    assert code == 2
    assert "if you know it, --trust-code waves" in said
    assert_one_line(run("train", "resume=run"), "no such option", "needs it again")


@pytest.mark.parametrize("arguments", [["sign=true", "format=sheet"], ["format=files", "output=a.wave"]])
def test_format_must_fit_signing_and_output(run, trained, arguments):
    assert_one_line(run("generate", "checkpoint=run", "trust_code=[waves]", *arguments), "format=")
    assert not Path("a.wave").exists()

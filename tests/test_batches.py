"""Batches that are too small for networks that mix the samples of a batch."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.optim import Adam

from gan_lightning.algorithms.vae import VAE
from gan_lightning.data.batches import EpochBatches
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.modalities.image import Images
from gan_lightning.networks import mlp
from gan_lightning.runs.batches import fit_batches
from tests.conftest import FAST
from tests.test_bad_input import assert_refused

SMALL = [argument for argument in FAST if not argument.startswith("data")]


@pytest.fixture
def image_arguments(tmp_path):
    """Write 65 random images; return the arguments of a run on them."""
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for i in range(65):
        Image.fromarray(random.integers(0, 256, (28, 28), np.uint8)).save(tmp_path / "images" / f"{i}.png")
    return ["data=image_folder", "data.root=images", "data.channels=1", *SMALL]


def finished(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    return metrics["iteration"], metrics["epoch"]


def weights(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
def test_a_last_batch_of_one_is_left_out(run, image_arguments, tmp_path):
    result = run("train", *image_arguments, "model=mlp_bn", "trainer.max_epochs=2", "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert "data.batch_size=64: each epoch leaves out the last 1 of its 65 examples" in result.out + result.err
    assert finished(tmp_path / "run") == (2, 2)
    result = run("train", *image_arguments, "model=mlp", "trainer.max_epochs=2", "hydra.run.dir=other")
    assert result.code == 0, result.err
    assert "leaves out" not in result.out + result.err
    assert finished(tmp_path / "other") == (4, 2)  # model=mlp does not mix samples


@pytest.mark.slow
def test_resumed_run_without_last_batches_equals_uninterrupted_run(run, tmp_path):
    arguments = ["data=digits", "data.batch_size=449", *SMALL, "model=mlp_bn"]  # 1797 = 4 · 449 + 1
    assert run("train", *arguments, "max_iterations=9", "hydra.run.dir=whole").code == 0
    assert run("train", *arguments, "max_iterations=5", "hydra.run.dir=parts").code == 0
    result = run("train", "resume=parts", "max_iterations=9")
    assert result.code == 0, result.err
    assert finished(tmp_path / "parts") == (9, 2.25)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["data.batch_size=1"], ["data.batch_size=1: ", "on 1 sample at once", "Expected more than 1 value"]),
        (["model.discriminator_steps=64"], ["data.batch_size=64: ", "on 65 samples in 64 parts"]),  # 32 of 2, 1 of 1
    ],
)
def test_batches_that_are_all_too_small_are_refused(run, image_arguments, tmp_path, arguments, expected):
    assert_refused(run("train", *image_arguments, "model=mlp_bn", *arguments), tmp_path, *expected)


@pytest.mark.parametrize(("size", "left_out"), [(20, True), (19, False)])
def test_parts_of_a_last_batch_may_be_too_small(run, image_arguments, size, left_out):
    """Three discriminator updates share the last batch: 65 = 60 + 5 gives 2, 2 and 1; 65 = 57 + 8 gives 3, 3 and 2."""
    arguments = ["model=mlp_bn", "model.discriminator_steps=3", f"data.batch_size={size}", "max_iterations=2"]
    result = run("train", *image_arguments, *arguments, "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert ("leaves out the last 5 of" in result.out + result.err) == left_out


class DistinctImages(Data):
    """Data whose images are all different."""

    def __init__(self, n, batch_size):
        super().__init__(Images(1, 4, 4), batch_size, seed=1)
        self.n = n

    def load(self):
        return Examples(torch.arange(self.n * 16).to(torch.uint8).view(self.n, 1, 4, 4))


class Normed(nn.Module):
    """An encoder that divides by the deviation of the batch, which gives NaN for a single sample."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))

    def forward(self, sample, condition=None):
        features = self.layers(self.norm(sample))
        return features / (features - features.mean(0)).norm(dim=0) if self.training else features


def test_networks_that_mix_samples_are_found_and_not_changed():
    data = DistinctImages(9, 4)
    data.setup("fit")
    encoder = Normed()
    model = VAE(lambda n, **_: torch.randn(n, 2), mlp.Generator(2, [8], [1, 4, 4]), encoder, Adam)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    encoder.layers.eval()
    state = torch.get_rng_state()
    fit_batches(model, data)
    assert data.whole_batches
    assert len(data.train_dataloader()) == 2
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert (encoder.training, encoder.layers.training) == (True, False)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("processes", "n", "size", "shares"),
    [(1, 65, 64, (64, 1)), (2, 65, 32, (16, 0)), (2, 67, 32, (16, 1)), (1, 5, 8, (0, 5))],
)
def test_shares_equal_the_batches_served(processes, n, size, shares):
    data = DistinctImages(n, min(n, size))
    data.setup("fit")
    data.processes, data.batch_size = processes, size
    assert data.shares() == shares

    def order(generator):
        return (torch.randperm(n, generator=generator),) * 2

    whole, last = shares
    for whole_batches in (False, True) if whole else (False,):
        batches = list(EpochBatches(order, n, size, 1, processes=processes, whole_batches=whole_batches))
        expected = [whole] * (n // size) + [last] * (last > 0 and not whole_batches)
        assert [len(content) for content, _ in batches] == expected


def test_batch_larger_than_the_data_is_refused_when_batches_are_served():
    data = DistinctImages(9, 10)
    data.setup("test")
    with pytest.raises(UserError, match=r"data.batch_size=10: larger than the data set, which has 9"):
        data.train_dataloader()

"""Runs whose numbers are no longer finite: error message, last checkpoint and rollback."""

import json
from math import prod

import pytest
import torch
from torch import nn

from gan_lightning.algorithms.gan import GAN
from gan_lightning.callbacks import divergence
from gan_lightning.callbacks.divergence import Divergence
from gan_lightning.networks import mlp
from gan_lightning.runs.checkpoints import read_last
from scripts.benchmarks.kills import equal
from tests.conftest import FAST

RUN = [*FAST, "checkpoint.every_n_iterations=4", "hydra.run.dir=run"]


@pytest.fixture
def diverging(monkeypatch):
    """Return a function (term, iteration) that makes a loss NaN in an iteration, unless the run was rolled back."""

    def at(term, iteration):
        update = GAN.update

        def diverging_update(self, batch):
            losses = update(self, batch)
            bad = self.iteration == iteration - 1 and not self.rollbacks
            return losses | ({term: torch.tensor(torch.nan)} if bad else {})

        monkeypatch.setattr(GAN, "update", diverging_update)

    return at


@pytest.mark.parametrize("term", ["loss/discriminator", "loss/generator"])
def test_loss_that_is_not_a_number_stops_the_run(run, tmp_path, diverging, term):
    diverging(term, 11)
    result = run("train", *RUN, "max_iterations=20")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert f"error: iteration 11: {term} is nan" in result.err
    assert "on_divergence=rollback" in result.err
    assert "the last saved iteration is 8" in result.err
    assert read_last(tmp_path / "run")[1]["iteration"] == 8
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "diverged"


@pytest.mark.parametrize("rates", ["generator", "discriminator"])
def test_exploding_weights_stop_the_run(run, tmp_path, rates):
    result = run("train", *RUN, f"model.{rates}_optimizer.lr=1e38", "max_iterations=20")
    assert result.code == 2
    assert "error: iteration " in result.err
    assert "Traceback" not in result.err


def test_infinite_gradient_stops_the_run(run, tmp_path, monkeypatch):
    backward = GAN.manual_backward

    def infinite(self, loss, *arguments):
        backward(self, loss * (torch.inf if self.iteration == 5 else 1), *arguments)

    monkeypatch.setattr(GAN, "manual_backward", infinite)
    result = run("train", *RUN, "max_iterations=20")
    assert result.code == 2
    assert "error: iteration 6: the gradient of the discriminator is" in result.err


def test_rollback_continues_with_other_noise(run, tmp_path, diverging):
    run("train", *RUN, "max_iterations=20")
    (tmp_path / "run").rename(tmp_path / "undisturbed")
    diverging("loss/generator", 11)
    result = run("train", *RUN, "max_iterations=20", "on_divergence=rollback")
    assert result.code == 0, result.err
    assert "iteration 11: loss/generator is nan: continuing from iteration 8 with other noise" in result.out
    content = read_last(tmp_path / "run")[1]
    assert (content["iteration"], content["rollbacks"]) == (20, 1)
    assert not equal(content["state_dict"], read_last(tmp_path / "undisturbed")[1]["state_dict"])
    assert run("train", "resume=run", "max_iterations=24").code == 0
    assert read_last(tmp_path / "run")[1]["rollbacks"] == 1


def test_rollback_to_the_beginning(run, tmp_path, diverging):
    diverging("loss/generator", 3)
    result = run("train", *RUN, "max_iterations=20", "on_divergence=rollback")
    assert result.code == 0, result.err
    assert "continuing from iteration 0" in result.out
    assert read_last(tmp_path / "run")[1]["iteration"] == 20


def test_run_stops_after_five_rollbacks(run, tmp_path):
    result = run("train", *RUN, "model.generator_optimizer.lr=1e38", "max_iterations=20", "on_divergence=rollback")
    assert result.code == 2
    assert result.out.count("continuing from iteration 0") == 5
    assert "Traceback" not in result.err


class Branches(mlp.Discriminator):
    """Two discriminators that see the same sample and return a logit each."""

    def __init__(self, sample_shape, hidden_dims, num_classes=None, bias=True):
        super().__init__(sample_shape, hidden_dims, num_classes)
        self.second = nn.Sequential(nn.Flatten(), nn.Linear(prod(sample_shape), 1, bias=bias))

    def forward(self, sample, condition=None):
        return torch.cat([super().forward(sample, condition), self.second(sample)], 1)


@pytest.fixture
def bad_second_branch(monkeypatch):
    """Make the gradient of one branch NaN in iteration 6; return the arguments of the run."""
    backward = GAN.manual_backward

    def with_nan(self, loss, *arguments):
        backward(self, loss, *arguments)
        for parameter in self.discriminator.second.parameters():
            if self.iteration == 5 and parameter.grad is not None:
                parameter.grad.mul_(torch.nan)

    monkeypatch.setattr(GAN, "manual_backward", with_nan)
    return [*RUN, "model.discriminator._target_=tests.test_divergence.Branches", "max_iterations=20"]


@pytest.mark.parametrize("bias", ["true", "false"])
def test_nan_gradient_of_one_branch_stops_the_run(run, bad_second_branch, bias):
    result = run("train", *bad_second_branch, f"+model.discriminator.bias={bias}")
    assert result.code == 2
    assert "error: iteration 6: the gradient of the discriminator is nan" in result.err
    assert "the last saved iteration is 4" in result.err


def test_gradients_are_checked_before_a_checkpoint(run, tmp_path, bad_second_branch, monkeypatch):
    """This matters on a GPU, where not every iteration is checked."""
    monkeypatch.setattr(divergence, "CPU_INTERVAL", 50)
    result = run("train", *bad_second_branch)
    assert result.code == 2
    assert "error: iteration 6: the gradient of the discriminator is nan" in result.err
    assert read_last(tmp_path / "run")[1]["iteration"] == 4


def test_weights_that_are_not_finite_are_never_saved(run, tmp_path, bad_second_branch, monkeypatch):
    monkeypatch.setattr(Divergence, "_check_values", lambda self: None)
    result = run("train", *bad_second_branch)
    assert result.code == 2
    assert "has weights that are not finite" in result.err
    assert read_last(tmp_path / "run")[1]["iteration"] == 4

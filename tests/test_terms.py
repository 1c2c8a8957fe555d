"""Terms of the generator's loss, compared with closed forms."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gan_lightning.algorithms.gan import GAN
from gan_lightning.algorithms.objectives import NonSaturating
from gan_lightning.algorithms.priors import Normal
from gan_lightning.algorithms.schedules import Linear
from gan_lightning.algorithms.terms import L1, BackProjection, GeneratorPass, ModeSeeking
from gan_lightning.networks import mlp
from tests.conftest import FAST


def gan(terms, prior=True):
    adam = torch.optim.Adam
    networks = mlp.Generator(8, [1, 4, 4], [16]), mlp.Discriminator([1, 4, 4], [16])
    return GAN(Normal([8]) if prior else None, *networks, NonSaturating(), adam, adam, terms=terms)


class Collapsed(nn.Module):
    """A generator whose samples are all zero."""

    def forward(self, latent, condition=None):
        return {"a": latent[:, :1] * 0, "b": latent[:, :2] * 0}


def pass_of(model):
    latent = model.latents(64)
    fake = model.generator(latent, None)
    return GeneratorPass(latent, None, fake, fake, torch.zeros(64, 1))


def test_mode_seeking_of_a_linear_generator():
    """Samples G(z) = 3 z are 3 times as far apart as their latents."""
    model = gan({})
    model.generator = nn.Module()
    model.generator.forward = lambda latent, condition: 3 * latent
    assert ModeSeeking(1.0)(model, pass_of(model)).item() == pytest.approx(1 / 3, rel=1e-4)


def test_mode_seeking_of_a_collapsed_generator():
    model = gan({})
    model.generator = Collapsed()
    assert ModeSeeking(1.0)(model, pass_of(model)).item() == pytest.approx(1e5)


def test_l1_is_the_mean_over_the_parts_of_a_sample():
    real = {"a": torch.zeros(2, 3), "b": torch.zeros(2, 5)}
    fake = {"a": torch.full((2, 3), 2.0), "b": torch.full((2, 5), -1.0)}
    assert L1()(gan({}), GeneratorPass(None, None, real, fake, None)).item() == pytest.approx(1.5)


def test_back_projection_is_zero_for_an_image_that_becomes_the_condition():
    torch.manual_seed(0)
    fake = torch.rand(2, 3, 16, 16)
    resized = F.interpolate(fake, (4, 4), mode="bicubic", antialias=True)
    term = BackProjection(1.0)
    assert term(gan({}), GeneratorPass(None, resized, fake, fake, None)).item() == pytest.approx(0, abs=1e-6)
    shifted = term(gan({}), GeneratorPass(None, resized + 0.25, fake, fake, None))
    assert shifted.item() == pytest.approx(0.25, abs=1e-6)


class Learned(nn.Module):
    """A term with a parameter that is trained."""

    weight = staticmethod(Linear(0.0, 1.0, 10))

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, model, seen):
        return self.scale * seen.fake.mean()


def test_parameters_of_a_term_are_trained_by_the_generator_optimizer():
    model = gan({"learned": Learned()})
    _, optimizer = model.configure_optimizers()
    assert any(weight is model.terms["learned"].scale for weight in optimizer.param_groups[0]["params"])


def test_terms_are_added_with_their_weights():
    model = gan({"one": Learned(), "two": Learned()})
    model.term_weights.copy_(torch.tensor([2.0, 3.0]))
    terms = {"one": torch.tensor(5.0), "two": torch.tensor(7.0)}
    assert model.add_terms(torch.tensor(1.0), terms).item() == 32
    loss = torch.tensor(1.0)
    assert gan({}).add_terms(loss, {}) is loss


def test_a_term_of_latents_needs_a_prior():
    with pytest.raises(ValueError, match="mode_seeking: a term compares latents"):
        gan({"mode_seeking": ModeSeeking(1.0)}, prior=False)


def test_train_logs_a_term(run, only_run):
    result = run("train", *FAST, "term=[mode_seeking]", "terms.mode_seeking.weight=0.5", "max_iterations=50")
    assert result.code == 0, result.err
    assert "loss/mode_seeking" in result.out

import math

import pytest
import torch
from torch import nn

from gan_lightning.algorithms.objectives import (
    BinaryCrossEntropy,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Objective,
    Relativistic,
    Wasserstein,
    probability,
)

ALL = [BinaryCrossEntropy, Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein]


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return torch.randn(2, 16, 3, dtype=torch.float64, requires_grad=True) * 4


@pytest.mark.parametrize("objective", [NonSaturating(), BinaryCrossEntropy()])
def test_binary_cross_entropy(logits, objective):
    real, fake = logits
    bce, ones, zeros = nn.BCELoss(), torch.ones_like(real), torch.zeros_like(fake)
    d_expected = bce(torch.sigmoid(real), ones) + bce(torch.sigmoid(fake), zeros)
    torch.testing.assert_close(objective.discriminator_loss(real, fake), d_expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(objective.generator_loss(fake), bce(torch.sigmoid(fake), ones), rtol=1e-12, atol=0)


def test_non_saturating_keeps_its_gradient_where_the_sigmoid_rounds_to_zero():
    fake = torch.tensor([-200.0], requires_grad=True)
    NonSaturating().generator_loss(fake).backward()
    assert fake.grad.item() == pytest.approx(-1)


def test_binary_cross_entropy_loses_its_gradient_where_the_sigmoid_rounds_to_zero():
    fake = torch.tensor([-200.0], requires_grad=True)
    BinaryCrossEntropy().generator_loss(fake).backward()
    assert fake.grad.item() == 0


def both_losses(objective, real, fake):
    return objective.discriminator_loss(real, fake).item(), objective.generator_loss(fake, real).item()


def test_objectives_match_their_definitions(logits):
    """The expected losses come from loops over single logits in plain Python."""
    real, fake = (x.flatten().tolist() for x in logits)

    def mean(function, *lists):
        values = [function(*pair) for pair in zip(*lists, strict=True)]
        return sum(values) / len(values)

    def log_sigmoid(x):
        return -math.log1p(math.exp(-x))

    discriminator = {
        Minimax: -mean(log_sigmoid, real) - mean(lambda f: log_sigmoid(-f), fake),
        LeastSquares: mean(lambda r: (r - 1) ** 2, real) / 2 + mean(lambda f: f**2, fake) / 2,
        Hinge: mean(lambda r: max(0, 1 - r), real) + mean(lambda f: max(0, 1 + f), fake),
        Wasserstein: mean(lambda f: f, fake) - mean(lambda r: r, real),
        Relativistic: mean(lambda r, f: -log_sigmoid(r - f), real, fake),
    }
    generator = {
        Minimax: mean(lambda f: log_sigmoid(-f), fake),
        LeastSquares: mean(lambda f: (f - 1) ** 2, fake) / 2,
        Hinge: -mean(lambda f: f, fake),
        Wasserstein: -mean(lambda f: f, fake),
        Relativistic: mean(lambda r, f: -log_sigmoid(f - r), real, fake),
    }
    for kind, expected in discriminator.items():
        assert both_losses(kind(), *logits) == pytest.approx((expected, generator[kind]), rel=1e-12)


@pytest.mark.parametrize("kind", ALL)
def test_gradients(logits, kind):
    objective = kind()
    assert isinstance(objective, Objective)
    assert torch.autograd.gradcheck(objective.discriminator_loss, tuple(logits))
    assert torch.autograd.gradcheck(lambda fake, real: objective.generator_loss(fake, real), (logits[1], logits[0]))


@pytest.mark.parametrize("kind", ALL)
def test_gradients_point_the_right_way(kind):
    """D raises the logits of reals and lowers those of fakes; G raises the logits of fakes."""
    real, fake = torch.zeros(2, 4, 1, requires_grad=True)
    to_real, to_fake = torch.autograd.grad(kind().discriminator_loss(real, fake), (real, fake), materialize_grads=True)
    assert (to_real < 0).all()
    assert (to_fake > 0).all() or (kind is LeastSquares and not to_fake.any())  # the logits of fakes equal their label
    (to_fake,) = torch.autograd.grad(kind().generator_loss(fake, real), fake)
    assert (to_fake < 0).all()


def test_one_sided_label_smoothing(logits):
    """Only reals have a target of .9."""
    real, fake = logits
    bce = nn.BCEWithLogitsLoss()
    expected = bce(real, torch.full_like(real, 0.9)) + bce(fake, torch.zeros_like(fake))
    torch.testing.assert_close(NonSaturating(0.9).discriminator_loss(real, fake), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(Minimax(0.9).discriminator_loss(real, fake), expected, rtol=1e-12, atol=0)
    assert LeastSquares(0.9).discriminator_loss(torch.full_like(real, 0.9), torch.zeros_like(fake)) == 0
    assert NonSaturating(0.9).generator_loss(fake) == NonSaturating().generator_loss(fake)


def test_probability():
    assert probability(torch.zeros(4, 2)).item() == 0.5

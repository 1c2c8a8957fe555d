import pytest
import torch
from torch import nn

from gan_lightning.objectives import BinaryCrossEntropy, NonSaturating, probability


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


def test_binary_cross_entropy_loses_it_there():
    fake = torch.tensor([-200.0], requires_grad=True)
    BinaryCrossEntropy().generator_loss(fake).backward()
    assert fake.grad.item() == 0


@pytest.mark.parametrize("objective", [NonSaturating(), BinaryCrossEntropy()])
def test_gradients(logits, objective):
    assert torch.autograd.gradcheck(objective.discriminator_loss, tuple(logits))
    assert torch.autograd.gradcheck(objective.generator_loss, (logits[1],))


def test_probability():
    assert probability(torch.zeros(4, 2)).item() == 0.5

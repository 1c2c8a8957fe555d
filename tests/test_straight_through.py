"""Values drawn by the Gumbel-max trick, with the gradient of the softmax."""

import pytest
import torch

from gan_lightning.networks.straight_through import draw, gumbel, uniform


def test_gradient_of_a_value_is_that_of_the_softmax():
    logits = torch.randn(6, 2, 3, requires_grad=True)
    weights = torch.randn(3)
    (draw(logits, 0.7) @ weights).sum().backward()
    found, logits.grad = logits.grad, None
    (torch.softmax(logits / 0.7, 2) @ weights).sum().backward()
    torch.testing.assert_close(found, logits.grad)


def test_noise_has_its_distribution():
    noise = torch.randn(1000, 300, generator=torch.Generator().manual_seed(0))
    numbers = uniform(noise)
    assert numbers.mean().item() == pytest.approx(0.5, abs=0.005)
    assert numbers.var().item() == pytest.approx(1 / 12, abs=0.001)
    drawn = gumbel(noise)
    assert torch.equal(drawn, -(-numbers.clamp(min=1e-12).log()).log().float())
    assert drawn.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert drawn.var().item() == pytest.approx(torch.pi**2 / 6, abs=0.05)

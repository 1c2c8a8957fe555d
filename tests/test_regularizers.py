"""Penalties in float64, compared with closed forms and loops over samples."""

import pytest
import torch
from torch import nn

from gan_lightning.algorithms.regularizers import (
    R1,
    R1R2,
    DiscriminatorPass,
    GradientPenalty,
    NoPenalty,
    squared_slopes,
)
from gan_lightning.algorithms.schedules import Linear
from gan_lightning.networks.mlp import Discriminator


def pass_of(discriminator, n=6, shape=(1, 4, 4)):
    torch.manual_seed(0)
    real, fake = torch.randn(2, n, *shape, dtype=torch.float64)
    real.requires_grad_()
    fake.requires_grad_()
    return DiscriminatorPass(real, fake, None, discriminator(real), discriminator(fake))


@pytest.fixture
def linear():
    torch.manual_seed(1)
    return Discriminator([1, 4, 4], []).double()


@pytest.fixture
def mlp():
    torch.manual_seed(1)
    return Discriminator([1, 4, 4], [8]).double()


def slopes_of_mlp(network, samples):
    """Return ‖W₂ diag(LeakyReLU′(W₁x + b₁)) W₁‖² of each sample."""
    first, last = network.layers[1], network.head.linear
    before = samples.flatten(1) @ first.weight.T + first.bias
    gradient = (last.weight * torch.where(before > 0, torch.ones_like(before), 0.2)) @ first.weight
    return gradient.square().sum(1)


def test_on_a_linear_discriminator(linear):
    seen = pass_of(linear)
    slope = linear.head.linear.weight.square().sum()
    torch.testing.assert_close(R1(1.0)(linear, seen), slope / 2)
    torch.testing.assert_close(R1R2(1.0)(linear, seen), slope)
    torch.testing.assert_close(GradientPenalty(10.0)(linear, seen), (slope.sqrt() - 1) ** 2)
    assert NoPenalty()(linear, seen) == 0


def test_on_an_mlp(mlp):
    seen = pass_of(mlp)
    at_real, at_fake = slopes_of_mlp(mlp, seen.real), slopes_of_mlp(mlp, seen.fake)
    torch.testing.assert_close(R1(1.0)(mlp, seen), at_real.mean() / 2, rtol=1e-10, atol=0)
    torch.testing.assert_close(R1R2(1.0)(mlp, seen), (at_real.mean() + at_fake.mean()) / 2, rtol=1e-10, atol=0)


@pytest.mark.parametrize("penalty", [R1(1.0), R1R2(1.0)])
def test_gradients_of_the_penalty(mlp, penalty):
    """The gradient of the penalty in the discriminator's weights equals that of the closed form."""
    seen = pass_of(mlp)
    found = torch.autograd.grad(penalty(mlp, seen), mlp.layers[1].weight)[0]
    expected = slopes_of_mlp(mlp, seen.real).mean() / 2
    if isinstance(penalty, R1R2):
        expected = expected + slopes_of_mlp(mlp, seen.fake).mean() / 2
    torch.testing.assert_close(found, torch.autograd.grad(expected, mlp.layers[1].weight)[0], rtol=1e-10, atol=0)


def test_one_pass_over_reals_and_fakes_equals_two_passes(mlp):
    """Penalty and gradients are the same."""
    apart = pass_of(mlp)
    real_logits, fake_logits = mlp(torch.cat([apart.real, apart.fake])).chunk(2)
    together = apart._replace(real_logits=real_logits, fake_logits=fake_logits)
    penalties = [R1R2(1.0)(mlp, seen) for seen in (apart, together)]
    torch.testing.assert_close(*penalties, rtol=1e-10, atol=0)
    gradients = [torch.autograd.grad(penalty, mlp.layers[1].weight, retain_graph=True)[0] for penalty in penalties]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=0)


def test_gradient_penalty_against_a_loop(mlp):
    seen = pass_of(mlp)
    torch.manual_seed(5)
    found = GradientPenalty(10.0)(mlp, seen)
    torch.manual_seed(5)
    epsilon = torch.rand(len(seen.real), 1, 1, 1, dtype=torch.float64)
    terms = []
    for e, real, fake in zip(epsilon, seen.real, seen.fake, strict=True):
        gradient = []
        between = (e * real + (1 - e) * fake).detach()
        for i in range(between.numel()):  # central differences, exact where D is linear
            step = torch.zeros(16, dtype=torch.float64)
            step[i] = 1e-6
            step = step.view_as(between)
            difference = mlp((between + step)[None]) - mlp((between - step)[None])
            gradient.append(difference.item() / 2e-6)
        terms.append((torch.tensor(gradient, dtype=torch.float64).norm() - 1) ** 2)
    torch.testing.assert_close(found, torch.stack(terms).mean(), rtol=1e-6, atol=0)


def test_gradient_penalty_does_not_reach_the_fakes(mlp):
    seen = pass_of(mlp)
    GradientPenalty(10.0)(mlp, seen).backward()
    assert seen.fake.grad is None
    assert seen.real.grad is None


def test_several_logits_of_a_sample_are_averaged():
    torch.manual_seed(0)
    patches = nn.Sequential(nn.Flatten(), nn.Linear(16, 5)).double()
    samples = torch.randn(3, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    (found,) = squared_slopes(patches(samples), [samples])
    torch.testing.assert_close(found, patches[1].weight.mean(0).square().sum().expand(3))


@pytest.mark.parametrize("penalty", [R1(1.0), R1R2(1.0), GradientPenalty(10.0)])
def test_gradcheck(penalty):
    """Numerical gradients of the penalty in the weights of a smooth discriminator."""
    torch.manual_seed(0)
    real, fake = torch.randn(2, 3, 4, dtype=torch.float64)

    def value(weight):
        real.requires_grad_()
        fake.requires_grad_()
        torch.manual_seed(3)

        def discriminator(x, condition=None):
            return torch.tanh(x @ weight).square().sum(1, keepdim=True)

        return penalty(discriminator, DiscriminatorPass(real, fake, None, discriminator(real), discriminator(fake)))

    weight = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(value, (weight,))


def test_weight_may_be_a_schedule():
    assert R1(2.5).weight(0) == R1(2.5).weight(1000) == 2.5
    penalty = R1(Linear(1.0, 0.0, 10))
    assert [penalty.weight(i) for i in (0, 5, 10, 20)] == [1.0, 0.5, 0.0, 0.0]

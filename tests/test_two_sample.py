"""The classifier two-sample test on sets whose AUC is known."""

import math

import pytest
import torch

from gan_lightning.metrics.two_sample import two_sample_auc


def gaussians(shift, n=4000, d=8):
    generator = torch.Generator().manual_seed(0)
    real, generated = torch.randn(2, n, d, generator=generator)
    generated[:, 0] += shift
    return real, generated


@pytest.mark.parametrize("classifier", ["linear", "boosting"])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 3.0])
def test_shifted_gaussians(classifier, shift):
    """The best AUC is that of the shifted coordinate: P(x + shift > y) = Φ(shift / √2)."""
    expected = (1 + math.erf(shift / 2)) / 2
    found = two_sample_auc(*gaussians(shift), classifier=classifier)
    assert found == pytest.approx(expected, abs=0.035 if classifier == "linear" else 0.05)


def test_boosting_sees_a_difference_in_scale():
    """A linear classifier does not."""
    real, generated = gaussians(0)
    generated *= 2
    assert two_sample_auc(real, generated) == pytest.approx(0.5, abs=0.04)
    assert two_sample_auc(real, generated, classifier="boosting") > 0.8


def test_same_seed_same_value():
    sets = gaussians(0.5)
    assert two_sample_auc(*sets, seed=1) == two_sample_auc(*sets, seed=1)
    assert two_sample_auc(*sets, seed=1) != two_sample_auc(*sets, seed=2)


def test_few_samples_and_constant_features():
    assert two_sample_auc(torch.zeros(6, 3), torch.zeros(7, 3)) == 0.5
    assert two_sample_auc(torch.zeros(6, 3), torch.ones(7, 3)) == 1

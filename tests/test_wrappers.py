"""Wrappers of discriminators: spectral norm and packing."""

import pytest
import torch
from torch import nn

from gan_lightning.networks import dcgan, mlp, resnet
from gan_lightning.networks.wrappers import limits_slope, mixes_samples, packed, spectral_norm


class Recorder(nn.Module):
    """Discriminator that stores its last sample and condition."""

    def forward(self, sample, condition=None):
        self.seen, self.condition = sample, condition
        return sample.flatten(1).mean(1, keepdim=True)


def test_spectral_norm_divides_by_the_largest_singular_value():
    torch.manual_seed(0)
    plain = mlp.Discriminator([1, 4, 4], [12]).double()
    weights = {name: weight.detach().clone() for name, weight in plain.named_parameters() if weight.dim() == 2}
    normed = spectral_norm(plain).train()
    sample = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    for _ in range(200):  # each pass is a step of power iteration
        normed(sample)
    normed.eval()
    for name, weight in weights.items():
        layer = normed.get_submodule(name.removesuffix(".weight"))
        expected = weight / torch.linalg.svdvals(weight)[0]
        torch.testing.assert_close(layer.weight, expected, rtol=1e-6, atol=1e-8)


def test_spectral_norm_of_layers_that_start_at_zero_is_finite():
    network = spectral_norm(resnet.Discriminator([1, 28, 28], width=16, depth=1))
    assert network(torch.randn(2, 1, 28, 28)).isfinite().all()


@pytest.mark.parametrize(
    ("layer", "sample"),
    [
        (nn.Conv1d(3, 5, 2), torch.randn(2, 3, 9)),
        (nn.Conv3d(2, 3, 2), torch.randn(2, 2, 4, 4, 4)),
        (nn.ConvTranspose1d(3, 5, 2), torch.randn(2, 3, 9)),
        (nn.ConvTranspose2d(3, 5, 2), torch.randn(2, 3, 4, 4)),
        (nn.ConvTranspose3d(2, 3, 2), torch.randn(2, 2, 4, 4, 4)),
        (nn.Embedding(7, 3), torch.tensor([0, 6])),
    ],
)
def test_spectral_norm_of_every_kind_of_layer(layer, sample):
    """Assert that the weight, as a matrix with a row for each output channel, has the largest singular value 1."""
    normed = spectral_norm(nn.Sequential(layer))
    for _ in range(200):
        normed(sample)
    weight = normed.eval()[0].weight
    matrix = weight.transpose(0, 1) if "Transpose" in type(layer).__name__ else weight
    assert torch.linalg.svdvals(matrix.flatten(1))[0].item() == pytest.approx(1, abs=1e-4)
    assert limits_slope(normed)


def test_spectral_norm_needs_a_layer():
    with pytest.raises(ValueError, match="no linear or convolutional layer and no embedding in Recorder"):
        spectral_norm(Recorder())


def test_only_spectral_norm_of_all_layers_limits_the_slope():
    plain = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(4, 1))
    assert not limits_slope(plain)
    nn.utils.parametrizations.spectral_norm(plain[0])
    assert not limits_slope(plain)  # only one of two layers
    nn.utils.parametrizations.orthogonal(plain[2])
    assert not limits_slope(plain)  # the second has another parametrization
    assert limits_slope(packed(spectral_norm(mlp.Discriminator([2, 4, 4], [8])), 2))
    assert not limits_slope(Recorder())


def test_packs_stack_the_channels_of_consecutive_samples():
    recorder = Recorder()
    network = packed(recorder, 3)
    sample = torch.arange(6.0)[:, None, None, None].expand(6, 2, 4, 4)
    assert network(sample).shape == (2, 1)
    assert recorder.seen.shape == (2, 6, 4, 4)
    assert recorder.seen[:, :, 0, 0].tolist() == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]
    assert packed(recorder, 1) is recorder


def test_the_last_pack_is_filled_with_the_first_sample():
    recorder = Recorder()
    packed(recorder, 4)(torch.arange(5.0)[:, None, None, None].expand(5, 1, 2, 2))
    assert recorder.seen[:, :, 0, 0].tolist() == [[0, 1, 2, 3], [4, 0, 0, 0]]


def test_batch_norm_and_packing_mix_samples():
    assert mixes_samples(mlp.Discriminator([1, 4, 4], [8])) is None
    assert mixes_samples(dcgan.Discriminator([1, 28, 28], 4, batch_norm=True)) == "batch norm"
    assert mixes_samples(packed(mlp.Discriminator([2, 4, 4], [8]), 2)) == "packing"

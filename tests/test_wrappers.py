import pytest
import torch
from torch import nn

from gan_lightning.networks import dcgan, mlp, resnet
from gan_lightning.networks.wrappers import DiffAugment, mixes_samples, packed, spectral_norm


class Recorder(nn.Module):
    """A discriminator that remembers what it was shown."""

    def forward(self, sample, condition=None):
        self.seen, self.condition = sample, condition
        return sample.flatten(1).mean(1, keepdim=True)


def test_spectral_norm_is_by_the_svd():
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


def test_spectral_norm_of_layers_that_start_at_zero():
    network = spectral_norm(resnet.Discriminator([1, 28, 28], width=16, depth=1))
    assert network(torch.randn(2, 1, 28, 28)).isfinite().all()


def test_packs_are_consecutive_samples_channel_upon_channel():
    recorder = Recorder()
    network = packed(recorder, 3)
    sample = torch.arange(6.0)[:, None, None, None].expand(6, 2, 4, 4)
    assert network(sample).shape == (2, 1)
    assert recorder.seen.shape == (2, 6, 4, 4)
    assert recorder.seen[:, :, 0, 0].tolist() == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]
    assert packed(recorder, 1) is recorder


def test_the_last_pack_is_filled_up():
    recorder = Recorder()
    packed(recorder, 4)(torch.arange(5.0)[:, None, None, None].expand(5, 1, 2, 2))
    assert recorder.seen[:, :, 0, 0].tolist() == [[0, 1, 2, 3], [4, 0, 0, 0]]


class TestDiffAugment:
    @pytest.fixture
    def sample(self):
        return torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def seen(self, sample, *policy):
        torch.manual_seed(0)
        recorder = Recorder()
        DiffAugment(recorder, policy)(sample, torch.arange(len(sample)))
        assert recorder.condition.tolist() == list(range(len(sample)))
        return recorder.seen

    def test_nothing(self, sample):
        assert torch.equal(self.seen(sample), sample)

    def test_color_keeps_what_is_where(self, sample):
        """One affine map of each sample's grey values."""
        grey = self.seen(sample, "color").mean(1)
        for before, after in zip(sample.mean(1), grey, strict=True):
            assert torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1] > 0.9999

    def test_translation(self, sample):
        """Every sample is itself, moved by up to two pixels."""
        shifted = self.seen(sample, "translation")
        offsets = set()
        for before, after in zip(sample, shifted, strict=True):
            padded = nn.functional.pad(before, [2] * 4, value=-1.0)
            found = [
                (y, x) for y in range(5) for x in range(5) if torch.equal(padded[:, y : y + 16, x : x + 16], after)
            ]
            assert len(found) == 1
            offsets.add(found[0])
        assert len(offsets) > 10

    def test_cutout(self, sample):
        cut = self.seen(sample, "cutout")
        changed = (cut != sample).all(1)
        assert (cut[changed[:, None].expand_as(cut)] == 0).all()
        assert changed.flatten(1).sum(1).max() <= 8 * 8
        assert 30 < changed.flatten(1).sum(1).float().mean() < 64

    def test_gradients_reach_the_generator(self, sample):
        sample.requires_grad_()
        self.seen(sample, "color", "translation", "cutout").sum().backward()
        assert sample.grad.abs().sum() > 0


def test_what_mixes_samples():
    assert mixes_samples(mlp.Discriminator([1, 4, 4], [8])) is None
    assert mixes_samples(dcgan.Discriminator([1, 28, 28], 4, batch_norm=True)) == "batch norm"
    assert mixes_samples(packed(mlp.Discriminator([2, 4, 4], [8]), 2)) == "packing"

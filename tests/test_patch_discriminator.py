"""The patch discriminator: size of its patches, the condition, and norms."""

import pytest
import torch
from torch import nn

from gan_lightning.networks.patch_discriminator import PatchDiscriminator, receptive_field, suitable_layers


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_logit_depends_on_its_patch_alone(layers, pixels):
    """The sizes are those that the paper gives for 1, 2 and 3 layers."""
    torch.manual_seed(0)
    discriminator = PatchDiscriminator([1, 112, 112], width=2, layers=layers)
    images = torch.randn(1, 1, 112, 112, requires_grad=True)
    logits = discriminator(images)
    middle = round(logits.shape[1] ** 0.5) // 2
    logits.view(1, round(logits.shape[1] ** 0.5), -1)[0, middle, middle].backward()
    rows, columns = images.grad[0, 0].nonzero().T
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == pixels == receptive_field(layers)


def test_patches_are_half_of_the_image_by_default():
    sizes = {28: 1, 32: 1, 64: 2, 96: 2, 128: 3, 512: 3}
    assert {size: suitable_layers([3, size, size]) for size in sizes} == sizes
    assert suitable_layers([3, 512, 64]) == 2
    strides = [layer.stride[0] for layer in PatchDiscriminator([3, 64, 64], 4).layers if isinstance(layer, nn.Conv2d)]
    assert strides == [2, 2, 1, 1]


def test_condition_is_seen_only_if_conditioned():
    samples, conditions = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 8, 8)
    unpaired, paired = PatchDiscriminator([3, 32, 32], 4), PatchDiscriminator([3, 32, 32], 4, conditioned=True)
    assert torch.equal(unpaired(samples, conditions), unpaired(samples))
    assert unpaired(samples).shape == paired(samples, conditions).shape == (2, 14 * 14)
    assert not torch.allclose(paired(samples, conditions), paired(samples, -conditions))
    with pytest.raises(ValueError, match="conditioned=true: the discriminator needs a condition"):
        paired(samples)


def test_condition_is_enlarged_as_by_image_editors():
    """A condition of the sample's size is unchanged, and a ramp stays a ramp."""
    paired = PatchDiscriminator([1, 16, 16], 4, layers=1, conditioned=True)
    seen = []
    paired.layers[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    same, ramp = torch.randn(1, 1, 16, 16), torch.arange(8.0).expand(1, 1, 8, 8)
    paired(torch.zeros(1, 1, 16, 16), same)
    paired(torch.zeros(1, 1, 16, 16), ramp)
    torch.testing.assert_close(seen[0][:, 1:], same)
    torch.testing.assert_close(seen[1][0, 1, 8, 4:12], torch.arange(4.0, 12) / 2 - 0.25)


def test_instance_norm():
    def norms(norm):
        layers = PatchDiscriminator([3, 64, 64], 4, layers=2, norm=norm).layers
        return [layer.num_features for layer in layers if isinstance(layer, nn.InstanceNorm2d)]

    assert norms("none") == []
    assert norms("instance") == [8, 16]


def test_small_images_are_rejected():
    assert PatchDiscriminator([3, 12, 12], 4, layers=2)(torch.zeros(1, 3, 12, 12)).shape == (1, 1)
    with pytest.raises(ValueError, match="2 layers rate images of at least 12×12"):
        PatchDiscriminator([3, 16, 11], 4, layers=2)

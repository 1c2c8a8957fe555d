"""DiffAugment and shifts of images."""

import pytest
import torch
from torch import nn

from gan_lightning.networks.augment import DiffAugment, shift
from tests.test_wrappers import Recorder


class TestDiffAugment:
    @pytest.fixture
    def sample(self):
        return torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def seen(self, sample, *policy):
        """Return the augmented samples that the wrapped discriminator gets."""
        torch.manual_seed(0)
        recorder = Recorder()
        DiffAugment(recorder, policy)(sample, torch.arange(len(sample)))
        assert recorder.condition.tolist() == list(range(len(sample)))
        return recorder.seen

    def test_an_empty_policy_is_refused(self):
        with pytest.raises(ValueError, match=r"policy=\[\] changes nothing: name one of color, translation, cutout"):
            DiffAugment(Recorder(), [])

    def test_color_is_affine_in_grey_values(self, sample):
        grey = self.seen(sample, "color").mean(1)
        for before, after in zip(sample.mean(1), grey, strict=True):
            assert torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1] > 0.9999

    def test_translation_moves_by_up_to_two_pixels(self, sample):
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

    def test_cutout_clears_at_most_a_square_of_half_the_size(self, sample):
        cut = self.seen(sample, "cutout")
        changed = (cut != sample).all(1)
        assert (cut[changed[:, None].expand_as(cut)] == 0).all()
        assert changed.flatten(1).sum(1).max() <= 8 * 8
        assert 30 < changed.flatten(1).sum(1).float().mean() < 64

    def test_gradients_reach_the_generator(self, sample):
        sample.requires_grad_()
        self.seen(sample, "color", "translation", "cutout").sum().backward()
        assert sample.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shift_is_padding_and_cropping(dtype):
    """Shift up and left by numbers that may exceed the image's size; new pixels have the value ``fill``."""
    images = torch.randint(1, 255, (4, 2, 5, 6), generator=torch.Generator().manual_seed(0)).to(dtype)
    offsets = [(0, 0), (2, -1), (-3, 4), (9, 0)]
    rows, columns = torch.tensor(offsets).unbind(1)
    for image, moved, (y, x) in zip(images, shift(images, rows, columns, fill=7), offsets, strict=True):
        padded = nn.functional.pad(image, [9] * 4, value=7)
        assert torch.equal(moved, padded[:, 9 + y : 14 + y, 9 + x : 15 + x])

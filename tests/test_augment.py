"""DiffAugment and shifts of images."""

import pytest
import torch
from torch import nn

from gan_lightning.algorithms.gan import GAN
from gan_lightning.algorithms.objectives import NonSaturating
from gan_lightning.algorithms.priors import Normal
from gan_lightning.algorithms.schedules import Cosine
from gan_lightning.networks import mlp
from gan_lightning.networks.augment import DiffAugment, shift
from gan_lightning.networks.wrappers import packed
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
        with pytest.raises(
            ValueError, match=r"policy=\[\] changes nothing: name one of color, flip, translation, cutout"
        ):
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

    def test_flip_mirrors_half_of_the_images(self, sample):
        flipped = self.seen(sample, "flip")
        mirrored = [torch.equal(after, before.flip(2)) for before, after in zip(sample, flipped, strict=True)]
        assert 20 < sum(mirrored) < 44
        for before, after, is_mirrored in zip(sample, flipped, mirrored, strict=True):
            assert is_mirrored or torch.equal(before, after)

    def test_gradients_reach_the_generator(self, sample):
        sample.requires_grad_()
        self.seen(sample, "color", "translation", "cutout").sum().backward()
        assert sample.grad.abs().sum() > 0


class TestProbability:
    ALL = ("color", "flip", "translation", "cutout")

    @pytest.fixture
    def sample(self):
        return torch.rand(400, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def seen(self, sample, policy, probability):
        torch.manual_seed(0)
        recorder = Recorder()
        DiffAugment(recorder, policy, probability)(sample)
        return recorder.seen

    def test_zero_changes_nothing(self, sample):
        assert torch.equal(self.seen(sample, self.ALL, 0.0), sample)

    def test_one_draws_as_without_a_probability(self, sample):
        torch.manual_seed(0)
        recorder = Recorder()
        DiffAugment(recorder, self.ALL)(sample)
        state = torch.get_rng_state()
        assert torch.equal(self.seen(sample, self.ALL, 1), recorder.seen)
        assert torch.equal(torch.get_rng_state(), state)

    def test_a_schedule_at_one_applies_all(self, sample):
        assert not (self.seen(sample, ["color"], lambda iteration: 1.0) == sample).flatten(1).all(1).any()

    def test_each_augmentation_is_applied_to_a_share_of_images_on_its_own(self, sample):
        """Colour changes all pixels, cutout sets some to 0: their counts are those of independent draws."""
        seen = self.seen(sample, ["color", "cutout"], 0.3)
        cut = (seen == 0).flatten(1).any(1)
        colored = ((seen != sample) & (seen != 0)).flatten(1).any(1)
        for number, probability in ((cut.sum(), 0.3), (colored.sum(), 0.3), ((cut & colored).sum(), 0.09)):
            assert abs(number - 400 * probability) < 4 * (400 * probability * (1 - probability)) ** 0.5

    def test_is_twice_differentiable(self, sample):
        """Draws are repeated in each call, so that the function of the images is fixed."""
        weight = torch.randn(3 * 6 * 6, dtype=torch.float64)

        class Cubic(nn.Module):
            def forward(self, sample, condition=None):
                return (sample.flatten(1) ** 3 @ weight)[:, None]

        augmented = DiffAugment(Cubic(), self.ALL, 0.5)

        def logits(images):
            torch.manual_seed(1)
            return augmented(images)

        images = sample[:4, :, :6, :6].double().requires_grad_()
        assert torch.autograd.gradcheck(logits, images, fast_mode=True)
        assert torch.autograd.gradgradcheck(logits, images, fast_mode=True)

    def test_follows_its_schedule_whatever_came_before(self):
        schedule = Cosine(0.0, 0.3, iterations=100)
        augmented = DiffAugment(Recorder(), ["flip"], schedule)
        for iteration in (7, 100, 0, 50, 7):
            augmented.set_iteration(iteration)
            assert augmented.probability.item() == pytest.approx(schedule(iteration))
        assert not augmented.state_dict()

    def test_gan_sets_the_iteration_of_modules_inside_wrappers(self):
        schedule = Cosine(0.0, 0.3, iterations=100)
        gan = GAN(
            Normal([4]), mlp.Generator(4, [1, 4, 4], [8]), mlp.Discriminator([2, 4, 4], [8]), NonSaturating(),
            torch.optim.SGD, torch.optim.SGD, wrappers={
                "pack": lambda discriminator: packed(discriminator, 2),
                "augment": lambda discriminator: DiffAugment(discriminator, ["flip"], schedule),
                "identity": lambda discriminator: nn.ModuleList([discriminator]),
            },
        )  # fmt: skip
        gan.iteration = 30
        gan.on_train_batch_start(None, 0)
        assert gan.discriminator[0].probability.item() == pytest.approx(schedule(30))

    def test_images_of_a_pack_have_draws_of_their_own(self, sample):
        recorder = Recorder()
        torch.manual_seed(0)
        DiffAugment(packed(recorder, 2), self.ALL, 0.5)(sample)
        seen = recorder.seen.unflatten(1, (2, 3)).flatten(0, 1)  # in the order of the samples
        assert torch.equal(seen, self.seen(sample, self.ALL, 0.5))
        changed = (seen != sample).flatten(1).any(1).view(-1, 2)
        assert (changed[:, 0] != changed[:, 1]).any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shift_is_padding_and_cropping(dtype):
    """Shift up and left by numbers that may exceed the image's size; new pixels have the value ``fill``."""
    images = torch.randint(1, 255, (4, 2, 5, 6), generator=torch.Generator().manual_seed(0)).to(dtype)
    offsets = [(0, 0), (2, -1), (-3, 4), (9, 0)]
    rows, columns = torch.tensor(offsets).unbind(1)
    for image, moved, (y, x) in zip(images, shift(images, rows, columns, fill=7), offsets, strict=True):
        padded = nn.functional.pad(image, [9] * 4, value=7)
        assert torch.equal(moved, padded[:, 9 + y : 14 + y, 9 + x : 15 + x])

"""Data modules: batches, conditions and the content of each data set."""

import hashlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from gan_lightning.data.batches import EpochBatches
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.data.digits import Digits
from gan_lightning.data.image_files import read_image
from gan_lightning.data.image_folder import ImageFolder
from gan_lightning.data.mnist import MNIST
from gan_lightning.data.stacked_mnist import StackedMNIST
from gan_lightning.errors import UserError
from gan_lightning.metrics.classes import class_kl, modes
from gan_lightning.metrics.extractors import Classifier, StackedClassifier
from gan_lightning.metrics.images import ImageEvaluator, wanted_class_shares
from gan_lightning.modalities.image import Images, to_uint8
from gan_lightning.modalities.label import Labels


@pytest.fixture(scope="module")
def digits():
    data = Digits(batch_size=64, sample_shape=[1, 28, 28], num_classes=10, seed=1, conditional=True)
    data.setup("fit")
    return data


def order_of(n):
    """Return a function order(generator) that returns the paired indices of an epoch of n examples."""

    def order(generator):
        indices = torch.randperm(n, generator=generator)
        return indices, indices

    return order


def folder_data(root, cache, size=8, channels=3):
    shape = [channels, size, size]
    data = ImageFolder(str(root), str(cache), size, channels, shape, batch_size=1, num_classes=None, seed=1)
    data.setup("fit")
    return data


class TestEpochBatches:
    def test_each_index_is_served_once(self):
        batches = [content for content, _ in EpochBatches(order_of(10), 10, 4, seed=1)]
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert sorted(torch.cat(batches).tolist()) == list(range(10))

    def test_order_is_a_function_of_seed_and_epoch(self):
        def order(seed, epoch, history=()):
            sampler = EpochBatches(order_of(100), 100, 10, seed)
            for earlier in history:
                sampler.set_epoch(earlier)
                list(sampler)
            sampler.set_epoch(epoch)
            return torch.cat([content for content, _ in sampler]).tolist()

        assert order(1, 3) == order(1, 3, history=(0, 1, 2))
        assert order(1, 3) != order(1, 4)
        assert order(1, 3) != order(2, 3)

    def test_start_skips_once(self):
        sampler = EpochBatches(order_of(10), 10, 4, seed=1)
        whole = list(sampler)
        sampler.start = 2
        ((content, condition),) = sampler
        assert torch.equal(content, whole[2][0])
        assert torch.equal(condition, whole[2][1])
        assert len(list(sampler)) == 3


class TestImages:
    def test_batches_are_normalized_images(self, digits):
        loader = digits.train_dataloader()
        ((indices, _), *_) = list(loader.sampler)
        images, labels = digits.on_after_batch_transfer(next(iter(loader)), 0)
        assert images.dtype == torch.float32
        assert torch.equal(to_uint8(images), digits.examples.content[indices])
        assert torch.equal(labels, digits.labels[indices])
        assert digits.examples.content.dtype == torch.uint8
        assert images.min() >= -1
        assert images.max() <= 1

    def test_description_hashes_the_content(self, digits):
        images, labels = digits.examples
        expected = hashlib.sha256(str(tuple(images.shape)).encode())
        expected.update(images.numpy().tobytes() + labels.numpy().tobytes())
        assert digits.describe() == {"examples": 1797, "sha256": expected.hexdigest()}


def test_digits_are_those_of_scikit_learn(digits):
    original = load_digits()
    assert digits.labels.tolist() == original.target.tolist()
    # Resizing keeps the mean brightness of each image.
    assert digits.examples.content.shape == (1797, 1, 28, 28)
    brightness = digits.examples.content.float().mean((1, 2, 3)) / 255
    assert np.corrcoef(brightness, original.images.mean((1, 2)) / 16)[0, 1] > 0.99


def test_real_mnist(real_mnist):
    data = MNIST(str(real_mnist), False, "MNIST", None, 64, [1, 28, 28], 10, 1)
    data.prepare_data()
    data.setup("fit")
    assert data.examples.content.shape == (60_000, 1, 28, 28)
    assert data.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_real_mnist_test_split(real_mnist):
    data = MNIST(str(real_mnist), False, "MNIST", None, 64, [1, 28, 28], 10, 1)
    data.setup("test")
    assert data.test_examples.content.shape == (10_000, 1, 28, 28)
    assert data.test_examples.condition[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def stacked(root, stacks):
    data = StackedMNIST(str(root), False, "MNIST", None, stacks, 64, [3, 28, 28], 1000, seed=1)
    data.setup("test")
    return data


class Plain(Data):
    """Four images with the given conditions."""

    def __init__(self, conditions=None, condition=None):
        super().__init__(Images(1, 2, 2), 2, 1, condition)
        self.conditions = conditions

    def load(self):
        return Examples(torch.arange(16, dtype=torch.uint8).view(4, 1, 2, 2), self.conditions)


class Unpaired(Plain):
    """Four images whose conditions are drawn independently of the content."""

    def order(self, generator):
        return tuple(torch.randperm(4, generator=generator) for _ in range(2))


class TestConditions:
    def test_unconditional_data_have_no_conditions(self):
        data = Plain()
        data.setup("fit")
        batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
        assert batch.real.shape == (2, 1, 2, 2)
        assert batch.condition is None
        assert data.sample_conditions(5, 0) is None

    def test_labels_are_independent_of_the_latents_of_the_same_seed(self):
        data = Plain(condition=Labels(10))
        drawn = data.sample_conditions(1000, 0)
        assert drawn.bincount(minlength=10).min() > 60
        assert torch.equal(drawn, data.sample_conditions(1000, 0))
        assert not torch.equal(drawn, data.sample_conditions(1000, 1))
        assert not torch.equal(drawn, torch.randint(10, (1000,), generator=torch.Generator().manual_seed(0)))

    def test_other_conditions_are_drawn_from_examples_in_the_state(self):
        images = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1)
        data = Plain(images, Images(1, 1, 1))
        data.setup("fit")
        drawn = data.sample_conditions(9, 3)
        assert set(to_uint8(drawn).flatten().tolist()) <= {0, 1, 2, 3}
        without = Plain(condition=Images(1, 1, 1))
        with pytest.raises(UserError, match="condition=…"):
            without.sample_conditions(1, 0)
        without.load_state_dict(data.state_dict())
        assert torch.equal(without.sample_conditions(9, 3), drawn)

    def test_unpaired_data_draw_conditions_independently(self):
        images = torch.arange(16, dtype=torch.uint8).view(4, 1, 2, 2)
        for kind, same in ((Plain, True), (Unpaired, False)):
            data = kind(images, Images(1, 2, 2))
            data.setup("fit")
            batches = list(data.train_dataloader())
            assert all(torch.equal(*batch) for batch in batches) == same

    @pytest.mark.parametrize(
        ("conditions", "condition", "message"),
        [
            (None, Labels(3), "gives no conditions"),
            (torch.tensor([0, 1, 2, 3]), Labels(3), "the data have 3 classes"),
            (torch.zeros(4), Labels(3), "is float32: must be int64"),
            (torch.zeros(4, 1, 3, 3, dtype=torch.uint8), Images(1, 2, 2), "must be [1, 2, 2]"),
        ],
    )
    def test_wrong_conditions_are_refused(self, conditions, condition, message):
        with pytest.raises(UserError, match=re.escape(message)):
            Plain(conditions, condition).setup("fit")

    @pytest.mark.parametrize("state", [{"vocabulary": {}}, {"modality": {"a": 1}}, {"conditions": torch.zeros(1)}])
    def test_state_that_does_not_fit_is_refused(self, state):
        with pytest.raises(ValueError, match="state"):
            Plain().load_state_dict(state)


def test_load_must_return_examples():
    data = Plain()
    data.load = lambda: (torch.zeros(4, 1, 2, 2, dtype=torch.uint8), None)
    with pytest.raises(UserError, match="must return Examples"):
        data.setup("fit")


class TestStackedMNIST:
    def test_channels_are_the_digits_of_the_label(self, idx_folder):
        digits = MNIST(str(idx_folder), False, "MNIST", None, 64, [1, 28, 28], 10, 1)
        digits.setup("test")
        images = torch.cat([digits.examples.content, digits.test_examples.content])
        labels = torch.cat([digits.labels, digits.test_examples.condition])
        data = stacked(idx_folder, 200)
        assert data.test_examples is None
        for stack, label in zip(data.examples.content, data.labels.tolist(), strict=True):
            for channel, digit in zip(stack, f"{label:03d}", strict=True):
                found = (images[:, 0] == channel).all((1, 2)).nonzero()
                assert int(digit) in labels[found]

    def test_stacks_are_fixed(self, idx_folder):
        assert torch.equal(stacked(idx_folder, 200).examples.content, stacked(idx_folder, 200).examples.content)

    @pytest.mark.slow
    def test_floor_of_the_published_measure(self, real_mnist):
        """Classify 26,000 stacks of real digits channel by channel: the KL divergence from uniform is 0.024 nats."""
        evaluator = ImageEvaluator(StackedClassifier(Classifier()), n=26_000, uniform_classes=True)
        evaluator.prepare(stacked(real_mnist, 52_000))
        labels = evaluator.reference.other.labels
        uniform = wanted_class_shares(evaluator.reference, evaluator.num_classes)
        assert modes(labels) == 1000
        assert modes(labels, at_least=5) >= 990
        assert class_kl(labels, uniform) == pytest.approx(0.0235, abs=0.003)
        assert class_kl(torch.full((26_000,), 123), uniform) == pytest.approx(np.log(1000))


class TestImageFolder:
    def test_subfolders_are_classes(self, tmp_path):
        for i, name in enumerate(["cat/a.png", "cat/deep/b.png", "ant/c.jpg"]):
            path = tmp_path / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(path)
        data = folder_data(tmp_path / "images", tmp_path / "cache")
        assert data.labels.tolist() == [0, 1, 1]  # ant, cat, cat
        assert data.examples.content[1:, 0, 0, 0].tolist() == [0, 40]

    def test_without_subfolders_there_are_no_classes(self, tmp_path):
        (tmp_path / "images" / "sub").mkdir(parents=True)
        for name in ("a.png", "sub/b.png"):
            Image.new("RGB", (8, 8)).save(tmp_path / "images" / name)
        assert folder_data(tmp_path / "images", tmp_path / "cache").labels.tolist() == [0, 0]

    def test_cache_is_used_until_an_image_changes(self, tmp_path, monkeypatch):
        folder, cache = tmp_path / "images", tmp_path / "cache"
        folder.mkdir()
        Image.new("RGB", (8, 8), "red").save(folder / "a.png")
        folder_data(folder, cache)

        with monkeypatch.context() as patch:
            patch.setattr("gan_lightning.data.image_folder.read_image", None)
            assert folder_data(folder, cache).examples.content[0, :, 0, 0].tolist() == [255, 0, 0]

        Image.new("RGB", (9, 9), "blue").save(folder / "a.png")
        assert folder_data(folder, cache).examples.content[0, :, 0, 0].tolist() == [0, 0, 255]
        assert folder_data(folder, cache, channels=1).examples.content.shape == (1, 1, 8, 8)
        assert len(list(cache.iterdir())) == 3
        assert not list(cache.glob("*.tmp"))

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_images_stay_on_disk(self, tmp_path):
        (tmp_path / "images").mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / "a.png")
        images = folder_data(tmp_path / "images", tmp_path / "cache").examples.content
        (cached,) = (tmp_path / "cache").iterdir()
        assert images.data_ptr()
        assert str(cached) in Path("/proc/self/maps").read_text()

    def test_wide_image_is_cropped_at_its_sides(self, tmp_path):
        pixels = np.zeros((8, 16, 3), np.uint8)
        pixels[:, 4:12] = 255  # the middle half is white
        Image.fromarray(pixels).save(tmp_path / "a.png")
        assert read_image(tmp_path / "a.png", 8, 3).min() == 255

    def test_transparency_is_blended_with_white(self, tmp_path):
        Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.png")
        assert read_image(tmp_path / "a.png", 8, 1).min() == 255
        Image.new("RGBA", (8, 8), (0, 0, 0, 128)).save(tmp_path / "a.png")
        assert read_image(tmp_path / "a.png", 8, 1)[0, 0, 0] == 127

    def test_invisible_pixels_of_four_channels_are_black(self, tmp_path):
        image = Image.new("RGBA", (8, 8), (10, 20, 30, 1))
        image.paste((10, 20, 30, 0), (0, 0, 8, 4))
        image.save(tmp_path / "a.png")
        pixels = read_image(tmp_path / "a.png", 8, 4)
        assert not pixels[:, :4].any()
        assert (pixels[:, 4:].reshape(4, -1).T == (10, 20, 30, 1)).all()

    @pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
    def test_four_channels_keep_transparency(self, tmp_path, mode):
        (tmp_path / "images").mkdir()
        image = Image.new("RGBA", (16, 16), (255, 255, 255, 255))
        image.paste((0, 0, 0, 0), (0, 0, 16, 8))  # the upper half is transparent
        image.convert(mode).save(tmp_path / "images" / "a.png")
        images = folder_data(tmp_path / "images", tmp_path / "cache", channels=4).examples.content
        assert images.shape == (1, 4, 8, 8)
        assert images[0, :, 7, 0].tolist() == [255] * 4
        transparent = mode in ("LA", "P", "RGBA")
        assert images[0, 3, 0, 0] == (0 if transparent else 255)
        assert images[0, 0, 0, 0] == 0

    def test_hidden_folders_and_files_are_left_out(self, tmp_path):
        for name in ("ant/a.png", "cat/b.png", "cat/.c.png", ".ipynb_checkpoints/b.png", "cat/.git/d.png"):
            path = tmp_path / ".images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8)).save(path)
        assert folder_data(tmp_path / ".images", tmp_path / "cache").labels.tolist() == [0, 1]

    def test_several_frames_give_a_warning(self, tmp_path, caplog):
        """Warn when the images are decoded, and again when they come from the cache."""
        folder, cache = tmp_path / "images", tmp_path / "cache"
        folder.mkdir()
        frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
        for name in ("b.gif", "c.webp", "d.png", "e.tiff"):
            frames[0].save(folder / name, save_all=True, append_images=frames[1:], lossless=True)
        for name in ("a.gif", "f.webp", "g.png", "h.tiff", "i.jpg", "j.bmp"):
            frames[0].save(folder / name, lossless=True)
        frames[0].save(folder / "k.jpg", format="MPO", save_all=True, append_images=frames[1:])  # as phones do
        for _ in range(2):
            caplog.clear()
            assert folder_data(folder, cache).examples.content[:8, :, 0, 0].tolist() == [[255, 0, 0]] * 8
            (message,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
            assert message == f"data.root={folder}: 4 images have several frames, of which the first counts: b.gif, …"
        for name in ("c.webp", "d.png", "e.tiff"):
            (folder / name).unlink()
        caplog.clear()
        folder_data(folder, cache)
        assert caplog.messages[-1].endswith("1 image has several frames, of which the first counts: b.gif")

    def test_exif_orientation_is_applied(self, tmp_path):
        image = Image.new("L", (8, 8))
        image.paste(255, (0, 0, 8, 4))  # the upper half is white
        exif = Image.Exif()
        exif[0x0112] = 3  # upside down
        image.save(tmp_path / "a.png", exif=exif)
        pixels = read_image(tmp_path / "a.png", 8, 1)[0]
        assert pixels[:4].max() == 0
        assert pixels[4:].min() == 255

    def test_sixteen_bits_are_reduced_to_eight(self, tmp_path):
        Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "a.png")
        assert read_image(tmp_path / "a.png", 8, 1)[0, 0, 0] == 40_000 >> 8

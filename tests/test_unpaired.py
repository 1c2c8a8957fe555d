"""Data of two domains without pairs: folders, digits and their outlines, emoji, MNIST and USPS."""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.data.batches import EpochBatches
from gan_lightning.data.datamodule import Examples
from gan_lightning.data.digit_outlines import DigitOutlines, shuffled_digits
from gan_lightning.data.emoji import TEST_CELLS, Emoji
from gan_lightning.data.image_files import read_image
from gan_lightning.data.mnist_usps import MnistUsps, read_usps
from gan_lightning.data.pairing import MutualNearest, NearestFeatures
from gan_lightning.data.unpaired_folders import UnpairedFolders, held_out
from gan_lightning.errors import UserError
from gan_lightning.imaging.colors import luma
from gan_lightning.metrics.fidelity import psnr
from tests.two_domains import write_emoji, write_images, write_usps

SHAPE = {"sample_shape": [3, 16, 16], "condition_shape": [3, 16, 16]}


@pytest.fixture
def folders(tmp_path):
    """Write 30 images to a/ and 20 to b/."""
    write_images(tmp_path / "a", 30)
    write_images(tmp_path / "b", 20, seed=1)
    return tmp_path


def folder_data(root, **changes):
    settings = {
        "a": str(root / "a"), "b": str(root / "b"), "a_test": None, "b_test": None, "cache_dir": str(root / "cache"),
        "image_size": 16, "channels": 3, "batch_size": 4, "seed": 0, **SHAPE,
    }  # fmt: skip
    return UnpairedFolders(**(settings | changes))


def prepared(data):
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    return data


class TestUnpaired:
    def test_an_epoch_has_the_larger_domain_once_and_repeats_the_smaller(self, folders):
        data = prepared(folder_data(folders))
        assert (data.epoch_size, len(data.examples.content), len(data.examples.condition)) == (27, 18, 27)
        batches = list(EpochBatches(data.order, data.epoch_size, data.batch_size, seed=0))
        content, condition = (torch.cat(part) for part in zip(*batches, strict=True))
        assert condition.sort().values.tolist() == list(range(27))
        assert content[:18].sort().values.tolist() == list(range(18))
        assert content[18:].unique().numel() == 9

    def test_orders_are_independent(self, folders):
        write_images(folders / "c", 30, seed=2)
        data = prepared(folder_data(folders, b=str(folders / "c")))
        content, condition = data.order(torch.Generator().manual_seed(0))
        assert (content == condition).sum() < 5

    def test_flips_follow_the_seed_and_differ_between_domains(self, folders):
        data = prepared(folder_data(folders, flip=True))
        examples = Examples(data.examples.content[:18], data.examples.condition[:18])
        plain = Examples(*(torch.as_tensor(one) / 127.5 - 1 for one in examples))
        torch.manual_seed(0)
        first = data.batch(examples)
        torch.manual_seed(0)
        again = data.batch(examples)
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
        flipped = []
        for image, original in zip(first, plain, strict=True):
            same, turned = ((image == one).flatten(1).all(1) for one in (original, original.flip(3)))
            assert (same ^ turned).all()
            flipped.append(turned)
        assert 4 <= flipped[0].sum() <= 14
        assert not torch.equal(*flipped)

    def test_reverse_exchanges_the_domains(self, folders):
        data, reverse = prepared(folder_data(folders)), prepared(folder_data(folders, reverse=True))
        assert torch.equal(data.examples.content, reverse.examples.condition)
        assert torch.equal(data.test_examples.condition, reverse.test_examples.content)
        assert data.describe()["examples"] == reverse.describe()["conditions"] == 18

    def test_batch_larger_than_a_domain_is_refused(self, folders):
        with pytest.raises(
            UserError, match=r"^data.batch_size=19: larger than the number of training images of a domain, 18"
        ):
            folder_data(folders, batch_size=19).setup("fit")


class TestFolders:
    def test_a_tenth_is_held_out_by_name(self, folders):
        names = [f"{i:03d}.png" for i in range(30)]
        data = prepared(folder_data(folders))
        files = {name: torch.from_numpy(read_image(folders / "a" / name, 16, 3)) for name in names}
        test = held_out(names)
        assert len(test) == 3
        assert torch.equal(data.test_domains[0].images, torch.stack([files[name] for name in test]))
        rest = [name for name in names if name not in test]
        assert torch.equal(data.domains[0].images, torch.stack([files[name] for name in rest]))
        assert set(test) <= {*held_out([*names, "more.png"]), "more.png"}

    def test_test_folders_replace_the_tenth(self, folders):
        write_images(folders / "more", 5, seed=2)
        data = prepared(folder_data(folders, b_test=str(folders / "more")))
        assert [len(one.images) for one in (*data.domains, *data.test_domains)] == [27, 20, 3, 5]

    def test_images_of_any_mode_become_rgb(self, folders):
        Image.new("L", (40, 20), 7).save(folders / "b" / "grey.png")
        Image.new("RGBA", (9, 9), (255, 0, 0, 0)).save(folders / "b" / "transparent.png")
        Image.new("P", (9, 9), 3).save(folders / "b" / "palette.gif")
        data = prepared(folder_data(folders))
        images = torch.cat([data.domains[1].images, data.test_domains[1].images])
        assert images.shape == (23, 3, 16, 16)
        plain = {tuple(image[:, 0, 0].tolist()) for image in images if image.flatten(1).unique(dim=1).shape[1] == 1}
        assert {(7, 7, 7), (255, 255, 255)} <= plain

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"b": "{root}/none"}, r"^data.b=.*none: no such folder: get the images from SITE, and data.b=<a folder"),
            ({"a": "{root}/a/000.png"}, r"^data.a=.*000.png: is a file, not a folder"),
            ({"b": "{root}/a"}, r"^data.b=.*a: lies in data.a=.*: choose folders that share no images"),
            ({"a_test": "{root}/a/sub"}, r"^data.a_test=.*sub: lies in data.a="),
            ({"b": "{root}/one"}, r"^data.b=.*one: has 1 image: a domain needs one to train on .* gan-stylize"),
            ({"b": "{root}/bad"}, r"^data.b=.*bad: 1 of 12 images cannot be read .*y.png: not a readable image"),
            ({"b": "{root}/empty"}, r"^data.b=.*empty: no images in it or below"),
            ({"image_size": 8}, r"^data.sample_shape=\[3, 16, 16\]: the images have \[3, 8, 8\]"),
        ],
    )
    def test_bad_input_is_explained_in_one_line(self, folders, changes, message):
        write_images(folders / "one", 1)
        write_images(folders / "bad", 12)
        (folders / "bad" / "y.png").write_bytes(b"no image")
        (folders / "empty").mkdir()
        settings = {key: value.format(root=folders) if key != "image_size" else value for key, value in changes.items()}
        with pytest.raises(UserError, match=message) as raised:
            folder_data(folders, b_origin="SITE", **settings).setup("fit")
        assert "\n" not in str(raised.value)

    @pytest.mark.slow
    def test_training_with_flips_can_be_resumed_exactly(self, run, folders):
        small = [
            "data=unpaired", "data.a=a", "data.b=b", "data.image_size=16", "data.batch_size=4", "model=cyclegan",
            "model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4", "trainer=cpu",
            "callbacks.evaluation=null", "callbacks.collapse_alarm=null",
        ]  # fmt: skip
        for name, iterations in (("whole", 5), ("halves", 2)):
            result = run("train", *small, f"max_iterations={iterations}", f"hydra.run.dir={name}")
            assert result.code == 0, result.err
        assert run("train", "resume=halves", "max_iterations=5").code == 0
        whole, halves = (torch.load(folders / name / "checkpoints/last.ckpt") for name in ("whole", "halves"))
        for name, weight in whole["state_dict"].items():
            assert torch.equal(weight, halves["state_dict"][name]), name


SIZE_32 = {"sample_shape": [3, 32, 32], "condition_shape": [3, 32, 32]}


class TestDigitOutlines:
    @pytest.fixture(scope="class")
    def data(self):
        return prepared(DigitOutlines("digits_to_outlines", batch_size=4, seed=0, **SIZE_32))

    def test_no_digit_is_in_both_domains_or_in_the_test(self, data):
        in_a, in_b = data._training_digits()
        digits = torch.cat([in_a, in_b, shuffled_digits()[: len(data.test_examples.content)]])
        assert digits.sort().values.tolist() == list(range(1797))
        assert [len(one.images) for one in (*data.domains, *data.test_domains)] == [750, 750, 297, 297]

    def test_truth_has_the_same_digit_on_the_same_background(self, data):
        filled, outlined = data.test_domains
        assert torch.equal(filled.labels, outlined.labels)
        grey = luma(outlined.images.float())[:, 0]
        unlike = ((grey - filled.images[:, 0]).abs() > 2).float()
        assert 0.2 < unlike.mean() < 0.5  # the digits themselves
        border = torch.cat([unlike[:, :2].flatten(), unlike[..., :2].flatten(), unlike[..., -2:].flatten()])
        assert border.mean() < 0.001

    def test_images_depend_on_nothing(self, data):
        again = prepared(DigitOutlines("outlines_to_digits", batch_size=8, seed=5, **SIZE_32))
        assert torch.equal(data.examples.content, again.examples.condition)
        assert torch.equal(again.test_examples.content, data.test_examples.condition)
        outlined, filled = again.pairs
        assert torch.equal(filled, data.examples.condition)
        assert torch.equal(data.pairs[1], outlined)


def emoji(root, **changes):
    settings = {"image_size": 64, "direction": "flat_to_3d", "batch_size": 4, "seed": 0, **SIZE_64}
    return Emoji(root=str(root), **(settings | changes))


SIZE_64 = {"sample_shape": [3, 64, 64], "condition_shape": [3, 64, 64]}


class TestEmoji:
    def test_both_styles_of_a_cell_are_in_the_same_split(self, tmp_path):
        write_emoji(tmp_path / "emoji", 210)
        data = prepared(emoji(tmp_path / "emoji"))
        expected = np.random.default_rng(0).permutation(210)
        assert data.test_domains[0].images[:, 0, 5, 5].tolist() == expected[:TEST_CELLS].tolist()
        assert data.domains[0].images[:, 0, 5, 5].tolist() == expected[TEST_CELLS:].tolist()
        for flat, three_d in (data.domains, data.test_domains):
            assert torch.equal(flat.images + torch.tensor([0, 0, 100])[:, None, None], three_d.images)
        small = prepared(emoji(tmp_path / "emoji", image_size=32, direction="3d_to_flat", **SIZE_32))
        assert torch.equal(small.examples.condition, data.domains[1].images[:, :, :32, :32])

    def test_bad_input_is_explained(self, tmp_path):
        with pytest.raises(UserError, match=r"emoji: flat.webp is not there: .*set GAN_DATA_DIR"):
            emoji(tmp_path / "emoji").prepare_data()
        with pytest.raises(UserError, match=r"^data.image_size=65: .*at most 64"):
            emoji(tmp_path, image_size=65)
        write_emoji(tmp_path / "emoji", 201)
        with (tmp_path / "emoji" / "names.csv").open("a", encoding="utf-8") as file:
            file.write("\nmore,more" * 50)
        with pytest.raises(UserError, match=r"flat.webp: has 208 cells of 64×64, names.csv has 251 rows"):
            prepared(emoji(tmp_path / "emoji"))

    def test_identity_has_the_known_distance(self, real_data):
        data = emoji(real_data("emoji"))
        flat, three_d = data.load_test_domains()
        values = [psnr(a, b) for a, b in zip(flat.images, three_d.images, strict=True)]
        assert np.mean(values) == pytest.approx(19.10, abs=0.005)

    def test_likely_pairs_of_emoji_are_pairs(self, real_data):
        flat, three_d = (domain.images for domain in emoji(real_data("emoji")).load_domains())
        order = torch.randperm(len(three_d), generator=torch.Generator().manual_seed(0))
        translated, result = MutualNearest()(flat, three_d[order])
        assert len(translated) == 854
        assert (order[result] == translated).float().mean() > 0.98


class TestMnistUsps:
    def test_usps_is_read_and_framed_as_mnist(self, tmp_path, idx_folder):
        random = np.random.default_rng(0)
        digits, labels = random.integers(0, 201, (12, 256)) / 100 - 1, np.arange(12) % 10
        write_usps(idx_folder / "usps", digits, labels)
        found = read_usps(idx_folder / "usps" / "zip.train.gz")
        assert found.labels.tolist() == labels.tolist()
        assert torch.equal(found.images.flatten(1), torch.from_numpy((digits + 1) * 127.5).round().to(torch.uint8))

        shape = {"sample_shape": [1, 28, 28], "condition_shape": [1, 28, 28]}
        data = prepared(MnistUsps(str(idx_folder), False, None, 28, "mnist_to_usps", batch_size=4, seed=0, **shape))
        assert [len(one.images) for one in (*data.domains, *data.test_domains)] == [128, 12, 128, 12]
        assert data.examples.content.shape == (12, 1, 28, 28)
        framed = data.domains[1].images.double()
        sums = [one.double().sum((1, 2, 3)) / one[0].numel() for one in (framed, found.images)]
        assert torch.allclose(sums[0], sums[1] * (20 / 28) ** 2, rtol=0.02)
        places = torch.arange(28.0, dtype=torch.float64)
        for axis in (2, 3):
            profile = framed.sum((1, axis))
            assert torch.allclose((profile * places).sum(1) / profile.sum(1), torch.tensor(13.5).double(), atol=0.6)

    def test_missing_and_damaged_files_are_explained(self, tmp_path):
        shape = {"sample_shape": [1, 28, 28], "condition_shape": [1, 28, 28]}
        data = MnistUsps(str(tmp_path), False, None, 28, "mnist_to_usps", batch_size=4, seed=0, **shape)
        with pytest.raises(UserError, match=r"usps/zip.train.gz is not there: get it from https://"):
            data.prepare_data()
        path = tmp_path / "zip.gz"
        path.write_bytes(gzip.compress(b"6 1 0.5\n"))
        with pytest.raises(UserError, match=r"zip.gz: not digits of USPS \(3 numbers a line, not 257\)"):
            read_usps(path)
        path.write_bytes(b"no gzip")
        with pytest.raises(UserError, match=r"zip.gz: not digits of USPS"):
            read_usps(path)


class TestNearestFeatures:
    def test_features_and_pixels_count_alike(self):
        """The feature is the brightness of a corner, the class; the partner has the same class and a bar as near."""

        class Corner:
            def extract(self, images):
                return SimpleNamespace(features=images[:, 0, -1:, -1].float())

        images = TestMutualNearest.bars(8).repeat(2, 1, 1, 1)
        images[8:, :, -1, -1] = 0
        order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
        other = images[order].roll(1, 2)  # the bars are one pixel lower
        other[:, :, -1, -1] = images[order, :, -1, -1]
        translated, result = NearestFeatures(Corner())(images, other)
        assert translated.tolist() == list(range(16))
        assert torch.equal(order[result], translated)


class TestMutualNearest:
    @staticmethod
    def bars(n):
        """Return white images (n, 3, 32, 32) with a bar at another place in each."""
        images = torch.full((n, 3, 32, 32), 255, dtype=torch.uint8)
        for i in range(n):
            images[i, :, 3 * i : 3 * i + 3] = 30
        return images

    def test_counterparts_are_found_and_strangers_left_out(self):
        bars = self.bars(10)
        order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
        red = bars[:9][order].clone()
        red[:, 0] = 255
        stranger = torch.randint(0, 256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        translated, result = MutualNearest()(bars[:9], torch.cat([red, stranger]))
        assert translated.tolist() == list(range(9))
        assert torch.equal(order[result], translated)

    def test_two_images_without_a_match_are_an_error(self):
        with pytest.raises(UserError, match=r"data.pairing: finds 1 pair"):
            MutualNearest()(self.bars(1), self.bars(3))

    def test_training_sees_pairs_flipped_alike(self, tmp_path):
        for name, color in (("a", 0), ("b", 60)):
            (tmp_path / name).mkdir()
            for i, bar in enumerate(self.bars(10)):
                bar = bar.permute(1, 2, 0).clone()
                bar[:, :16][bar[:, :16] == 255] = 200 - color
                Image.fromarray(bar.numpy()).save(tmp_path / name / f"{i}.png")
        data = UnpairedFolders(
            a=str(tmp_path / "a"),
            b=str(tmp_path / "b"),
            a_test=None,
            b_test=None,
            cache_dir=str(tmp_path / "cache"),
            image_size=32,
            channels=3,
            batch_size=4,
            seed=0,
            flip=True,
            pairing=MutualNearest(),
            sample_shape=[3, 32, 32],
            condition_shape=[3, 32, 32],
        )
        data.prepare_data()
        data.setup("fit")
        content, condition = data.order(torch.Generator().manual_seed(0))
        assert data.epoch_size == len(content) == data.describe()["pairs"] == 9
        examples = Examples(data.examples.content[content], data.examples.condition[condition])
        torch.manual_seed(0)
        real, sources = data.batch(examples)
        flipped = real[:, 0, 31, 31] < 1  # their white half is on the left
        assert set(flipped.tolist()) == {True, False}
        assert torch.equal(flipped, sources[:, 0, 31, 31] < 1)

"""Super-resolution: photos in two resolutions, training in two stages, and metrics of the literature."""

import itertools
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from gan_lightning.algorithms.objectives import Relativistic
from gan_lightning.algorithms.pretrained_gan import PretrainedGAN
from gan_lightning.algorithms.terms import L1
from gan_lightning.data.datamodule import Batch, Examples
from gan_lightning.data.degradations import Bicubic, Blind
from gan_lightning.data.digits import Digits
from gan_lightning.data.photos import PhotoFolder, SamplePhotos
from gan_lightning.data.super_resolution import turn
from gan_lightning.imaging.resizing import bicubic, bicubic_uint8
from gan_lightning.metrics.fidelity import psnr, ssim, y_channel
from gan_lightning.metrics.linear_upscaling import WINDOW, LinearUpscaling
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.metrics.super_resolution import SuperResolutionEvaluator
from gan_lightning.modalities.image import normalize, to_uint8
from gan_lightning.networks.patch_discriminator import PatchDiscriminator
from gan_lightning.networks.super_resolution import Generator

SMALL = [
    *("experiment=super_resolution", "trainer=cpu", "data.region=8", "data.crop=4", "data.crops_per_region=1"),
    *("data.scale=4", "data.batch_size=8", "model.generator.width=4", "model.generator.blocks=1"),
    *("model.discriminator.width=4", "model.discriminator.layers=1"),
]


def photo(height, width, channels=3, seed=0):
    """Return a smooth random photo (C, H, W) uint8."""
    noise = torch.rand(1, channels, height // 8 + 2, width // 8 + 2, generator=torch.Generator().manual_seed(seed))
    return (255 * F.interpolate(noise, (height, width), mode="bilinear")[0]).to(torch.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)


@pytest.fixture
def photos(tmp_path):
    """Write three photos of different sizes to photos/."""
    for i, size in enumerate([(80, 64), (64, 96), (100, 70)]):
        save(tmp_path / "photos" / f"{i}.png", photo(*size, seed=i))
    return tmp_path / "photos"


def folder_data(root, **changes):
    settings = {"scale": 2, "channels": 3, "region": 16, "crop": 8, "crops_per_region": 3, "batch_size": 4, "seed": 0}
    data = PhotoFolder(root=str(root), **(settings | changes))
    data.setup("fit")
    return data


class TestMetrics:
    def test_luma_of_white_black_and_grey(self):
        assert y_channel(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)).item() == pytest.approx(235)
        assert y_channel(torch.zeros(1, 3, 1, 1, dtype=torch.uint8)).item() == pytest.approx(16)
        grey = y_channel(torch.full((1, 1, 1, 1), 100, dtype=torch.uint8)).item()
        assert grey == pytest.approx(16 + 219 * 100 / 255)

    def test_psnr_equals_the_formula(self):
        a, b = photo(12, 13)[None], photo(12, 13, seed=1)[None]
        error = np.mean((a.numpy().astype(float) - b.numpy()) ** 2)
        assert psnr(a, b) == pytest.approx(20 * np.log10(255 / np.sqrt(error)))
        assert psnr(a, a) == 100

    def test_ssim_equals_a_plain_loop(self):
        a, b = photo(16, 14, 1)[0].numpy().astype(float), photo(16, 14, 1, seed=1)[0].numpy().astype(float)
        x = np.arange(11) - 5
        window = np.exp(-(x**2) / (2 * 1.5**2))
        window = np.outer(window, window) / window.sum() ** 2
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        values = []
        for i, j in itertools.product(range(16 - 10), range(14 - 10)):
            p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * p**2).sum() - mp**2, (window * q**2).sum() - mq**2
            covariance = (window * p * q).sum() - mp * mq
            values.append((2 * mp * mq + c1) * (2 * covariance + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
        found = ssim(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None])
        assert found == pytest.approx(np.mean(values), abs=1e-6)

    def test_bicubic_on_set5_equals_the_literature(self, real_data):
        """28.42 dB and .8104 are printed for ×4 by most papers, computed in MATLAB."""
        values = []
        for path in sorted(real_data("set5").glob("*.png")):
            high = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)
            height, width = (side // 4 * 4 for side in high.shape[1:])
            high = high[:, :height, :width]
            enlarged = bicubic_uint8(bicubic_uint8(high, height // 4, width // 4), height, width)
            a, b = (y_channel(one[None])[..., 4:-4, 4:-4] for one in (enlarged, high))
            values.append((psnr(a, b), ssim(a, b)))
        assert np.mean(values, 0) == pytest.approx([28.42, 0.8104], abs=0.015)

    def test_bicubic_resizing_equals_pillow(self):
        image = photo(40, 48)
        for size in [(10, 12), (80, 96)]:
            resized = Image.fromarray(image.permute(1, 2, 0).numpy()).resize(size[::-1], Image.Resampling.BICUBIC)
            difference = bicubic_uint8(image, *size).permute(1, 2, 0).numpy().astype(int) - np.array(resized)
            assert np.abs(difference).max() <= 1

    def test_linear_upscaling_finds_a_linear_truth(self):
        """Fit a truth that adds differences of neighbours to bicubic pixels, and predict unseen images of it."""
        low = torch.stack([photo(24, 24, seed=i) for i in range(8)]).clamp(60, 190)
        padded = F.pad(low.float().flatten(0, 1).unsqueeze(1), [WINDOW // 2] * 4, mode="replicate")
        right, centre = padded[..., 4:-4, 5:-3], padded[..., 4:-4, 4:-4]
        details = F.interpolate(0.5 * (right - centre), scale_factor=2, mode="nearest")
        enlarged = bicubic(low.float().flatten(0, 1).unsqueeze(1), 48, 48) + details
        high = enlarged.round().clamp(0, 255).to(torch.uint8).view(8, 3, 48, 48)
        found = LinearUpscaling(high[:6], low[:6])(low[6:])
        assert psnr(found, high[6:]) > 50


class TestData:
    def test_region_is_degraded_as_in_the_whole_photo(self, photos):
        data = folder_data(photos, scale=4, region=8)
        whole = bicubic_uint8(photo(64, 96, seed=1), 16, 24)  # the second photo; the first is held out
        high, low = data.examples
        assert high.shape[1:] == (3, 32, 32)
        assert low.shape[1:] == (3, 8, 8)
        assert torch.equal(low[0], whole[:, :8, :8])
        assert torch.equal(low[5], whole[:, 8:, 16:])  # the last region of 2 × 3
        assert torch.equal(high[5], photo(64, 96, seed=1)[:, 32:, 64:])

    def test_regions_cover_photos_whose_size_is_no_multiple(self, photos):
        data = folder_data(photos, region=16)
        assert len(data.examples.content) == 2 * 3 + 4 * 3  # of 32×48 and 50×35 pixels of low resolution

    def test_crops_of_a_batch_belong_together(self, photos):
        data = folder_data(photos)
        torch.manual_seed(0)
        real, condition = data.batch(Examples(*(one[:4] for one in data.examples)))
        assert real.shape == (4, 3, 16, 16)
        assert condition.shape == (4, 3, 8, 8)
        inside = (bicubic(real, 8, 8) - condition)[..., 2:-2, 2:-2]
        assert inside.abs().max() < 0.02

    def test_symmetries_differ_and_keep_the_pixels(self):
        image = torch.arange(9).view(1, 3, 3)
        turned = {tuple(turn(image, symmetry).flatten().tolist()) for symmetry in range(8)}
        assert len(turned) == 8
        assert all(sorted(one) == list(range(9)) for one in turned)

    def test_epoch_holds_each_region_equally_often(self, photos):
        data = folder_data(photos)
        content, condition = data.order(torch.Generator().manual_seed(0))
        assert torch.equal(content, condition)
        assert content.bincount().tolist() == [3] * len(data.examples.content)

    def test_every_tenth_photo_is_held_out(self, photos):
        data = folder_data(photos)
        data.setup("test")
        assert [one.name for one in data.test_photos] == ["0"]
        assert data.test_photos[0].low.shape == (3, 40, 32)

    def test_sample_photos_are_split(self):
        data = SamplePhotos(scale=4, channels=1, region=32, crop=16, crops_per_region=1, batch_size=4, seed=0)
        data.setup("fit")
        data.setup("test")
        assert data.examples.content.shape[1:] == (1, 128, 128)
        assert [(one.name, tuple(one.high.shape)) for one in data.test_photos] == [
            ("china", (1, 424, 160)),
            ("flower", (1, 424, 160)),
        ]

    @pytest.mark.parametrize("channels", [1, 3])
    def test_blind_degradation_is_repeatable_and_varies(self, channels):
        image = photo(64, 48, channels)
        first, again, other = (Blind()(image, 4, np.random.default_rng(seed)) for seed in (0, 0, 1))
        assert first.shape == (channels, 16, 12)
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert psnr(first, Bicubic()(image, 4, np.random.default_rng())) > 15

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["data=photos", "data.crop=40"], "data.crop=40: larger than data.region=32: at most that"),
            (["data=photos", "data.region=128"], "data.region=128: no photo has 512×512 pixels"),
            (["data=photos", "data.scale=5"], "data.scale=5"),
            (["data=photo_folder", "data.root=missing"], "data.root=missing: no such folder"),
            (["data=photo_folder", "data.root=one"], "data.root=one: one photo alone: add others"),
        ],
    )
    def test_bad_input(self, run, tmp_path, arguments, expected):
        save(tmp_path / "one" / "a.png", photo(160, 160))
        result = run("train", *SMALL[:2], *arguments, "max_iterations=1")
        assert (result.code, result.err.count("\n")) == (2, 1), result.err
        assert expected in result.err

    def test_degradation_needs_photos(self, run):
        result = run("train", "data=digits", "degradation=blind", "max_iterations=1")
        assert (result.code, result.err) == (
            2, "error: data.degradation: unknown key of gan_lightning.data.digits.Digits\n",
        )  # fmt: skip

    def test_small_photos_are_left_out(self, run, photos, tmp_path):
        save(tmp_path / "photos" / "tiny.png", photo(20, 20))
        result = run("train", *SMALL, "data=photo_folder", "data.root=photos", "max_iterations=1")
        assert result.code == 0, result.err
        assert "1 photos smaller than 32×32 are left out: tiny" in result.out + result.err


def small_gan(iterations=2, **settings):
    torch.manual_seed(0)
    adam = lambda parameters: torch.optim.Adam(parameters, 1e-2)  # noqa: E731
    networks = Generator(2, 3, 4, 1), PatchDiscriminator([3, 16, 16], 4, 1, conditioned=True)
    stages = {"pretraining": L1(), "pretraining_iterations": iterations}
    return PretrainedGAN(None, *networks, Relativistic(), adam, adam, **stages, **settings)


class TestTwoStages:
    def updated(self, model, n):
        """Return the scalars of n updates of a model on random pairs."""
        optimizers = model.configure_optimizers()
        model.optimizers = lambda: optimizers
        model.manual_backward = lambda loss: loss.backward()
        scalars = []
        for _ in range(n):
            real = torch.rand(2, 3, 16, 16) * 2 - 1
            scalars.append(model.update(Batch(real, bicubic(real, 8, 8))))
            model.iteration += 1
        return scalars

    def test_first_stage_trains_the_generator_alone(self):
        model = small_gan()
        before = {name: one.clone() for name, one in model.state_dict().items()}
        scalars = self.updated(model, 2)
        assert [list(one) for one in scalars] == [["loss/pretraining"]] * 2
        changed = {name.split(".")[0] for name, one in model.state_dict().items() if not torch.equal(one, before[name])}
        assert changed == {"generator"}
        assert model.weights == ["raw"]

    def test_second_stage_starts_from_the_first_and_keeps_it(self):
        model = small_gan()
        self.updated(model, 2)
        first = {name: one.clone() for name, one in model.generator.state_dict().items()}
        (scalars,) = self.updated(model, 1)
        assert "loss/discriminator" in scalars
        assert model.weights == ["raw", "pretrained"]
        kept = model.generator_of("pretrained").state_dict()
        assert all(torch.equal(kept[name], one) for name, one in first.items())
        assert any(not torch.equal(model.generator.state_dict()[name], one) for name, one in first.items())

    def test_blend_is_the_mean_of_the_weights(self):
        model = small_gan()
        self.updated(model, 3)
        first, second = (model.generator_of(weights).state_dict() for weights in ("pretrained", "raw"))
        for share in (0, 0.25, 1):
            for name, one in model.blended(share).state_dict().items():
                assert torch.allclose(one, (1 - share) * first[name] + share * second[name], atol=1e-7)

    def test_cuda_graph_is_refused(self):
        with pytest.raises(ValueError, match="cuda_graph=true: one graph cannot hold two stages"):
            small_gan(cuda_graph=True)

    def test_generator_starts_as_bicubic_resizing(self):
        low = photo(12, 10)
        enlarged = to_uint8(Generator(3, 3, 4, 2)(None, normalize(low[None])))[0]
        difference = enlarged.int() - bicubic_uint8(low, 36, 30)
        assert difference.abs().max() <= 1


class TestCommands:
    STAGES = ("model.pretraining_iterations=2", "max_iterations=4")

    def test_train_and_evaluate(self, run, only_run):
        result = run("train", *SMALL, *self.STAGES)
        assert result.code == 0, result.err
        metrics = json.loads((only_run() / "metrics.json").read_text())
        assert {"loss/pretraining", "loss/discriminator", "loss/back_projection"} <= metrics.keys()
        assert metrics["evaluation/psnr_y_border4"] > 20
        result = run("evaluate", f"checkpoint={only_run()}")
        assert result.code == 0, result.err
        header = next(line for line in result.out.splitlines() if "metric" in line)
        assert all(name in header for name in ("(ema)", "(raw)", "(pretrained)", "bicubic", "linear"))
        assert (only_run() / "evaluation" / "last" / "details.png").is_file()
        assert "before adversarial training" in (only_run() / "evaluation" / "last" / "report.html").read_text()

    @pytest.mark.slow
    def test_resumed_run_equals_an_uninterrupted_one(self, run, tmp_path):
        """Crops and symmetries are drawn anew for each batch, and the resumed run draws the same ones."""
        assert run("train", *SMALL, *self.STAGES, "hydra.run.dir=whole").code == 0
        for iterations in (1, 3):  # in both stages
            cut = f"cut{iterations}"
            stages = [self.STAGES[0], f"max_iterations={iterations}"]
            assert run("train", *SMALL, *stages, f"hydra.run.dir={cut}").code == 0
            assert run("train", f"resume={cut}", "max_iterations=4").code == 0
            whole, resumed = (
                torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
                for name in ("whole", cut)
            )
            assert all(torch.equal(one, resumed[name]) for name, one in whole.items())

    def test_generate_draws_stored_conditions(self, run, only_run):
        assert run("train", *SMALL, *self.STAGES, "callbacks.evaluation=null").code == 0
        for weights in ("ema", "pretrained"):
            result = run("generate", f"checkpoint={only_run()}", "n=4", f"weights={weights}")
            assert result.code == 0, result.err

    def test_evaluator_refuses_other_data(self):
        data = Digits(batch_size=8, sample_shape=[1, 28, 28], num_classes=10, seed=0)
        with pytest.raises(NotEvaluated, match="needs photos of two resolutions: data=photos"):
            SuperResolutionEvaluator(4).prepare(data)


def test_photos_of_two_folders_may_have_the_same_name(photos, tmp_path):
    for i, folder in enumerate("ab"):
        save(tmp_path / "test" / folder / "photo.png", photo(40, 48, seed=i))
    data = folder_data(photos, test_root=str(tmp_path / "test"))
    data.setup("test")
    evaluator = SuperResolutionEvaluator(2)
    evaluator.prepare(data)
    metrics = evaluator(evaluator.baselines()["bicubic"])
    inside = (..., slice(2, -2), slice(2, -2))
    expected = [psnr(bicubic_uint8(one.low, 40, 48)[inside], one.high[inside]) for one in data.test_photos]
    assert len(expected) == 2
    assert metrics["psnr_rgb_border2"] == pytest.approx(np.mean(expected))


def test_metrics_name_the_border():
    names = [metric.name for metric in SuperResolutionEvaluator(3).metrics]
    assert names == [*(f"{one}_border3" for one in ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb")), "st_lpips", "lr_psnr"]

"""Evaluator of translated images and its baselines."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.data.digits import Digits
from gan_lightning.data.unpaired import Domain, Unpaired
from gan_lightning.metrics import translation
from gan_lightning.metrics.extractors import RandomConvolutions
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.metrics.translation import TranslationEvaluator
from gan_lightning.metrics.translation_baselines import ColourMoments, PairedLinear
from tests.two_domains import write_images

SHAPE = [3, 12, 12]


def shapes(n, seed=0):
    """Return images (n, 3, 12, 12) uint8 of one bright, speckled rectangle, and labels (n,): 1 if it is tall."""
    random = np.random.default_rng(seed)
    images, labels = np.zeros((n, *SHAPE), np.uint8), np.arange(n) % 2
    for image, tall in zip(images, labels, strict=True):
        top, left = random.integers(1, 4, 2)
        height, width = (8, 3) if tall else (3, 8)
        image[:, top : top + height, left : left + width] = random.integers(100, 200, (1, height, width))
    return torch.from_numpy(images), torch.from_numpy(labels)


def tint(images):
    """Return the truth of images: dark on blue."""
    return 255 - images // torch.tensor([1, 2, 4], dtype=torch.uint8)[:, None, None]


class Shapes(Unpaired):
    """Rectangles and the same ones tinted."""

    truth = True

    def __init__(self, labelled=True, **changes):
        settings = {"sample_shape": SHAPE, "condition_shape": SHAPE, "batch_size": 4, "seed": 0}
        super().__init__(**(settings | changes))
        self.labelled = labelled

    def load_domains(self):
        (a, of_a), (b, of_b) = shapes(120, 1), shapes(100, 2)
        return self._domain(a, of_a), self._domain(tint(b), of_b)

    def load_test_domains(self):
        images, labels = shapes(40, 3)
        return self._domain(images, labels), self._domain(tint(images), labels)

    def load_pairs(self):
        images, _ = shapes(60, 4)
        return images, tint(images)

    def _domain(self, images, labels):
        return Domain(images, labels if self.labelled else None)


class Layer(nn.Module):
    """Generator that computes a function of its condition."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, latent, condition):
        return self.function(condition)


class Translator(GenerativeModel):
    """Model of two functions of images, there and back."""

    def __init__(self, there, back=None):
        super().__init__(Layer(there), None)
        if back is not None:
            self.backward_of = lambda weights: Layer(back)


@pytest.fixture(autouse=True)
def _short_training(monkeypatch):
    monkeypatch.setattr(translation, "IMAGES_SEEN", 1500)
    monkeypatch.setattr(translation, "MIN_EPOCHS", 1)


def evaluator_of(data, **options):
    data.setup("fit")
    data.setup("test")
    evaluator = TranslationEvaluator(RandomConvolutions())
    evaluator.prepare(data, **options)
    return evaluator


def evaluate(evaluator, model):
    return evaluator(*evaluator.generate(model, evaluator.data, evaluator.n_generated, seed=0))


def tint_samples(samples):
    return (255 - ((samples + 1) * 127.5).round() // torch.tensor([1, 2, 4])[:, None, None]) / 127.5 - 1


class TestEvaluator:
    def test_perfect_translations(self):
        evaluator = evaluator_of(Shapes())
        metrics = evaluate(evaluator, Translator(tint_samples))
        assert (metrics["psnr"], metrics["retrieval"]) == (100, 1)
        assert metrics["frechet_random_conv"] == pytest.approx(0, abs=1e-3)
        assert metrics["frechet_ratio"] < 0.01
        assert metrics["label_accuracy"] == evaluator.real_baseline()["label_accuracy"] > 0.9
        assert metrics["transfer_accuracy"] > 0.9
        assert evaluator.findings(metrics) == []
        assert not {"cycle_error", "hidden_code"} & metrics.keys()

    def test_sources_are_no_translations(self):
        evaluator = evaluator_of(Shapes())
        metrics = evaluate(evaluator, Translator(lambda images: images))
        assert metrics["frechet_ratio"] == pytest.approx(1)
        assert metrics["psnr"] < 10
        assert metrics["retrieval"] > 0.5
        assert evaluator.findings(metrics)[0].startswith("style: translations are 1 times as far from real images")
        assert metrics == pytest.approx(evaluator.baseline_metrics()["identity"])

    def test_content_that_is_lost_is_found(self):
        """A translation to other real images looks real, but is not of the source."""
        data = Shapes()
        evaluator = evaluator_of(data)
        others = tint(shapes(40, 9)[0]).roll(1, 0)
        metrics = evaluator(others, None)
        assert metrics["frechet_ratio"] < 0.3
        assert metrics["label_accuracy"] < 0.2
        assert [finding.split(":")[0] for finding in evaluator.findings(metrics)] == ["content", "content"]

    def test_hidden_code_is_found(self):
        """A grey image with the source in its last bits is translated back exactly, unless there is noise on it."""
        hide, find = lambda images: images * 4 / 127.5, lambda images: images * 127.5 / 4
        metrics = evaluate(evaluator := evaluator_of(Shapes(labelled=False)), Translator(hide, find))
        assert metrics["cycle_error_noisy"] > 3 * metrics["cycle_error"] > 0
        assert metrics["hidden_code"] > 10
        assert "hidden code: noise that nobody sees" in evaluator.findings(metrics)[-1]

    def test_honest_cycle_hides_no_code(self):
        evaluator = evaluator_of(Shapes(labelled=False))
        metrics = evaluate(evaluator, Translator(torch.neg, torch.neg))
        assert metrics["cycle_error"] == pytest.approx(0, abs=1e-3)
        assert metrics["cycle_error_noisy"] == pytest.approx(2 * (2 / np.pi) ** 0.5, rel=0.05)
        assert metrics["hidden_code"] == pytest.approx(1, rel=0.05)

    def test_quick_metrics_need_no_more_than_translations(self):
        evaluator = evaluator_of(Shapes(), split="train", n=30)
        content, measured = evaluator.generate(Translator(tint_samples, torch.neg), evaluator.data, 30, 0, quick=True)
        assert measured is None
        assert evaluator(content, measured, quick=True).keys() == {"coverage", "duplicate_rate"}

    def test_data_without_truth_or_labels_have_fewer_metrics(self):
        data = Shapes(labelled=False)
        data.truth = False
        evaluator = evaluator_of(data)
        metrics = evaluate(evaluator, Translator(tint_samples))
        assert not {"psnr", "st_lpips", "label_accuracy", "transfer_accuracy"} & metrics.keys()
        assert metrics["retrieval"] > 0.9
        assert list(evaluator.pictures(*evaluator.generate(Translator(torch.neg), data, 8, 0))) == ["translations"]

    def test_other_data_are_refused(self):
        data = Digits(64, [1, 28, 28], 10, 0)
        data.setup("test")
        with pytest.raises(NotEvaluated, match=r"TranslationEvaluator needs images of two domains: data=unpaired"):
            TranslationEvaluator().prepare(data)


class TestBaselines:
    def test_colour_moments_are_those_of_the_other_domain(self):
        random = np.random.default_rng(0)
        a = torch.from_numpy(random.normal(100, 10, (9, 3, 8, 8)).round().astype(np.uint8))
        b = torch.from_numpy(random.normal([[[90]], [[120]], [[150]]], 20, (7, 3, 8, 8)).round().astype(np.uint8))
        translated = ColourMoments(a, b)(a).double()
        for moment in (torch.mean, torch.std):
            found, wanted = (moment(images.double(), dim=(0, 2, 3)) for images in (translated, b))
            assert torch.allclose(found, wanted, atol=0.1)

    def test_paired_linear_finds_a_filter(self):
        """The truth mixes channels and shifts by two pixels, which a weighted sum of 7×7 neighbours can do."""
        random = np.random.default_rng(0)
        a = torch.from_numpy(random.integers(0, 256, (40, 3, 16, 16), np.uint8))
        mixed = F.pad(0.5 * a[:, :1] + 0.25 * a[:, 1:2] + 30, (2, 0, 0, 0), mode="replicate")[..., :16]
        truth = torch.cat([mixed, 255 - mixed], 1).round().to(torch.uint8)
        translate = PairedLinear(a[:30], truth[:30])
        assert (translate(a[30:]).double() - truth[30:]).abs().mean() < 1


def test_commands_train_and_evaluate_a_translator(run, tmp_path):
    write_images(tmp_path / "a", 80)
    write_images(tmp_path / "b", 70, seed=1)
    small = [
        *("data=unpaired", "data.a=a", "data.b=b", "data.image_size=16", "data.batch_size=4", "model=cyclegan"),
        *("model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4", "trainer=cpu"),
        "data.evaluator.features={_target_:gan_lightning.metrics.extractors.RandomConvolutions}",
        *("max_iterations=2", "hydra.run.dir=run"),
    ]
    result = run("train", *small)
    assert result.code == 0, result.err
    assert "frechet_ratio" in result.out + result.err
    result = run("evaluate", "checkpoint=run", "output=report")
    assert result.code == 0, result.err
    content = json.loads((tmp_path / "report" / "metrics.json").read_text(encoding="utf-8"))
    assert content["baselines"].keys() == {"identity", "colour_moments"}
    assert {"cycle_error", "hidden_code"} <= content["generators"]["ema"].keys()
    assert (tmp_path / "report" / "translations.png").is_file()

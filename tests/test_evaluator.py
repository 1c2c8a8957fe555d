"""All metrics together on planted faults: each fault has its finding, and honest samples have none."""

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from gan_lightning.callbacks.collapse_alarm import discriminator_failures
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.data.digits import Digits
from gan_lightning.data.mnist import MNIST
from gan_lightning.errors import UserError
from gan_lightning.metrics.evaluator import Evaluator, evaluator_of
from gan_lightning.metrics.extractors import Classifier, RandomConvolutions, StackedClassifier
from gan_lightning.metrics.images import ImageEvaluator, accuracy
from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import size, take

ALL = {metric.name for metric in ImageEvaluator.metrics}


def prepared(data, features=None, **options):
    evaluator = ImageEvaluator(features or Classifier())
    evaluator.prepare(data, **options)
    return evaluator


def shifted(images, pixels, generator):
    shifts = torch.randint(-pixels, pixels + 1, (len(images), 2), generator=generator).tolist()
    return torch.stack([torch.roll(image, shift, (1, 2)) for image, shift in zip(images, shifts, strict=True)])


def planted(images, labels, training, n, generator):
    """Return sets of n samples by the name of their fault, made of real images outside the training set."""
    noise = torch.randint(0, 256, (n, *images.shape[1:]), dtype=torch.uint8, generator=generator)
    spots = torch.rand(noise.shape, generator=generator) < 0.1

    def repeated(few):
        return few.repeat(-(-n // len(few)), 1, 1, 1)[:n]

    return {
        "honest": images[:n],
        "copies": training[:n],
        "half duplicates": repeated(images[: n // 2]),
        "binarised": (images[:n] > 127).to(torch.uint8) * 255,
        "shifted": shifted(images[:n], 2, generator),
        "no 9s": repeated(images[labels != 9]),
        "few images": repeated(images[: max(n // 100, 6)]),
        "blurred": gaussian_blur(images[:n], 9, 1.0),
        "10 % noise": torch.where(spots, noise, images[:n]),
        "only 3s": repeated(images[labels == 3]),
        "noise": noise,
    }


@pytest.fixture(scope="module")
def digits():
    """scikit-learn's digits in three parts: training set, test set, and unseen ones as samples of an honest model."""
    data = Digits(64, [1, 28, 28], 10, seed=0)
    data.setup("test")
    images, labels = data.examples
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    training, test, unseen = order.split([797, 500, 500])
    data.examples = Examples(images[training], labels[training])
    data.test_examples = Examples(images[test], labels[test])
    return data, images[unseen], labels[unseen]


@pytest.fixture(scope="module")
def evaluated(digits):
    data, images, labels = digits
    evaluator = prepared(data, n=500)
    sets = planted(images, labels, data.examples.content, 500, torch.Generator().manual_seed(0))
    metrics = {
        name: evaluator(samples)
        for name, samples in sets.items()
        if name != "binarised"  # these digits have few greys and smooth edges, so that the metrics see noise
    }
    return evaluator, metrics


def test_all_metrics_are_computed(evaluated):
    evaluator, metrics = evaluated
    assert evaluator.reference.split == "test"
    assert evaluator.real_baseline().keys() == ALL
    assert metrics["honest"].keys() == ALL - {"label_accuracy"}  # the samples have no condition


def test_quick_metrics_are_a_part_of_all(digits, evaluated):
    evaluator, metrics = evaluated
    quick = evaluator(digits[1], quick=True)
    assert quick.keys() == {"coverage", "duplicate_rate", "class_kl", "modes"}
    assert quick.items() <= metrics["honest"].items()


def test_a_classifier_tells_only_bad_samples_from_real_ones(evaluated):
    evaluator, metrics = evaluated
    assert evaluator.real_baseline()["two_sample_auc"] == pytest.approx(0.5, abs=0.1)
    assert metrics["honest"]["two_sample_auc"] == pytest.approx(0.5, abs=0.1)
    assert metrics["noise"]["two_sample_auc"] > 0.99
    assert metrics["blurred"]["two_sample_auc"] > 0.6


def test_table_has_the_meaning_of_each_metric(evaluated):
    evaluator, metrics = evaluated
    lines = evaluator.table({"samples": metrics["honest"]}).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        metric.name for metric in evaluator.metrics if metric.name != "label_accuracy"
    ]
    assert all(metric.meaning in "\n".join(lines) for metric in evaluator.metrics if metric.name != "label_accuracy")


def test_pictures(digits, evaluated):
    evaluator, _ = evaluated
    images = evaluator.pictures(digits[1])
    assert images.keys() == {"samples", "nearest_training", "precision_recall", "classes"}
    assert all(image.dtype == np.uint8 and image.shape[2] == 3 for image in images.values())
    training = digits[0].examples.content[:8]
    rows = evaluator.pictures(training)["nearest_training"]
    above, below = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    assert np.array_equal(above[-56:], below[-58:-2])  # each is its own nearest training example


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("honest", []),
        ("copies", ["copies"]),
        ("half duplicates", ["repeats"]),
        ("shifted", ["distance"]),
        ("few images", ["repeats", "classes", "variety"]),
        ("blurred", ["blur"]),
        ("10 % noise", ["fidelity", "variety", "noise"]),
        ("only 3s", ["repeats", "classes", "variety"]),
        ("noise", ["fidelity", "variety", "noise", "distance"]),
    ],
)
def test_each_fault_is_found(evaluated, name, expected):
    evaluator, metrics = evaluated
    found = [line.partition(":")[0] for line in evaluator.findings(metrics[name])]
    assert set(expected) <= set(found)
    assert name != "honest" or not found


def test_samples_that_fool_the_extractor_do_not_fool_pixels(digits):
    """Noise with the features of real digits, as a generator trained on the extractor could make."""
    data, _, _ = digits
    noise = torch.randint(0, 256, (500, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    evaluator = prepared(data, n=500)
    real, other = evaluator.real_baseline(), evaluator.reference.other
    classifier, extracted = evaluator.extractor, other.extracted
    evaluator.extractor = SimpleNamespace(extract=lambda images: extracted)
    metrics = evaluator(noise)
    evaluator.extractor = classifier
    assert metrics["fcd"] == pytest.approx(real["fcd"])
    assert metrics["frechet_random_conv"] > 20 * real["frechet_random_conv"]
    assert any(line.startswith("distance") for line in evaluator.findings(metrics))


def test_without_a_test_split_halves_of_the_training_set_are_compared(digits):
    data, images, _ = digits
    evaluator = prepared(data, split="train")
    n = evaluator.reference.n
    assert evaluator.reference.split == "train"
    assert n == 797 // 2
    metrics, real = evaluator(images[:n]), evaluator.real_baseline()
    assert "fcd" not in metrics
    assert max(metrics["fcd_train"], real["fcd_train"]) < 1.5  # few images: far from 0
    assert metrics["copy_rate"] < 0.05
    assert evaluator(data.examples.content[:n])["copy_rate"] == 1


def test_label_accuracy(digits, monkeypatch):
    data, images, _ = digits
    evaluator = prepared(data, n=500)
    labels = evaluator.extractor.extract(images).labels
    half_right = torch.where(torch.arange(len(labels)) % 2 == 0, labels, (labels + 1) % 10)
    samples = evaluator.view(images, half_right)
    assert accuracy(evaluator.reference, samples) == 0.5
    assert evaluator.real_baseline()["label_accuracy"] > 0.7  # the classifier was trained on MNIST only
    monkeypatch.setattr(data, "num_classes", 3)
    assert accuracy(evaluator.reference, samples) is None


def test_without_labels(digits):
    data, images, _ = digits
    evaluator = prepared(data, RandomConvolutions(), n=500)
    metrics = evaluator(images)
    need_a_classifier = {"fcd", "fcd_train", "class_kl", "label_accuracy", "modes", "modes_5", "classifier_score"}
    assert metrics.keys() == evaluator.real_baseline().keys() == ALL - need_a_classifier
    assert evaluator.findings(metrics) == []


HEALTHY = {"class_kl": 0.05, "modes": 10, "duplicate_rate": 0.01, "coverage": 0.5}
TRAINING = {"probability/real": 0.6, "probability/fake": 0.4, "gradient_norm/discriminator": 2.0}


@pytest.mark.parametrize(
    ("quality", "training", "word"),
    [
        ({}, {}, None),
        ({"class_kl": 2.3, "modes": 1}, {}, "few classes"),
        ({"duplicate_rate": 0.9}, {}, "repeat"),
        ({"coverage": 0.01}, {}, "coverage"),
        ({}, {"probability/real": 0.9999, "probability/fake": 1e-5}, "has won"),
        ({}, {"probability/real": 0.5, "probability/fake": 0.5, "gradient_norm/discriminator": 0.0}, "is dead"),
        ({}, {"probability/real": 0.5, "probability/fake": 0.5}, None),
    ],
)
def test_collapse(evaluated, quality, training, word):
    evaluator, _ = evaluated
    found = evaluator.collapsed(HEALTHY | quality) + discriminator_failures(TRAINING | training)
    assert len(found) == (word is not None)
    assert word is None or word in found[0]


def test_real_digits_do_not_look_collapsed(digits):
    data, images, _ = digits
    evaluator = prepared(data, n=300, split="train")
    assert evaluator.collapsed(evaluator(images[:300], quick=True)) == []


def test_custom_metrics(digits):
    """A metric is one line in ``metrics``; the error of a failing one is one line with its name."""
    data, images, _ = digits

    class Mine(ImageEvaluator):
        metrics = (*Evaluator.metrics, Metric("brightness", "mean pixel", lambda real, fake: fake.flat.float().mean()))

    class Failing(ImageEvaluator):
        metrics = (Metric("broken", "nothing", lambda reference, samples: 1 / 0),)

    mine, failing = Mine(Classifier()), Failing(Classifier())
    for evaluator in (mine, failing):
        evaluator.prepare(data, n=50)
    assert mine(images[:50])["brightness"] == pytest.approx(images[:50].float().mean().item())
    assert mine.real_baseline().keys() == {metric.name for metric in Mine.metrics}
    with pytest.raises(UserError, match="metric broken: ZeroDivisionError division by zero"):
        failing(images[:50])


def test_reasons_why_data_cannot_be_evaluated(digits):
    data, _, _ = digits
    with pytest.raises(NotEvaluated, match="n=5: at least 6 samples are needed"):
        prepared(data, n=5)
    with pytest.raises(NotEvaluated, match=r"takes images of \[3, 28, 28\], the data have \[1, 28, 28\]"):
        prepared(data, StackedClassifier(Classifier()))
    with pytest.raises(NotEvaluated, match="evaluator=null"):
        evaluator_of(data)


def test_joint_content_of_any_kind(monkeypatch):
    """The metrics of every evaluator, on a dictionary of parts that are not images."""

    class Pair(Modality):
        suffix, media_type, content_dtype = ".pair", "text/plain", torch.int64
        sample_shape: ClassVar = {"a": (3,), "b": (2, 2)}

        def sheet(self, content, columns=None):
            return np.zeros((size(content), columns, 3), np.uint8)

        encode = decode = write = read_file = digest = None

    class Pairs(Data):
        def load(self):
            return Examples(pairs(0, 300))

    class PairEvaluator(Evaluator):
        def features(self, content):
            return torch.cat([content["a"].float(), content["b"].flatten(1).float()], 1)

    def pairs(seed, n):
        generator = torch.Generator().manual_seed(seed)
        return {
            "a": torch.randint(0, 1000, (n, 3), generator=generator),
            "b": torch.randint(0, 1000, (n, 2, 2), generator=generator),
        }

    monkeypatch.setattr(Pair, "__abstractmethods__", frozenset())
    data = Pairs(Pair(), 10, 0, evaluator=PairEvaluator(n=100))
    data.setup("test")
    evaluator = evaluator_of(data)
    evaluator.prepare(data)
    metrics = evaluator(pairs(1, 100))
    assert metrics.keys() == evaluator.real_baseline().keys() == {metric.name for metric in Evaluator.metrics}
    assert evaluator.findings(metrics) == []
    assert evaluator.collapsed(metrics) == []
    assert evaluator.pictures(pairs(1, 100))["nearest_training"].shape == (64, 8, 3)
    copied = evaluator(take(data.examples.content, slice(100)))
    assert copied["copy_rate"] == 1


@pytest.mark.slow
def test_reference_points(real_mnist):
    """10,000 training images of MNIST, as they are and with faults, compared with the 10,000 of the test set."""
    data = MNIST(str(real_mnist), False, "MNIST", None, 64, [1, 28, 28], 10, seed=0)
    data.setup("test")
    generator = torch.Generator().manual_seed(0)
    unseen, training = torch.randperm(60_000, generator=generator).split([20_000, 40_000])
    images, labels = data.examples
    sets = planted(images[unseen], labels[unseen], images[training], 10_000, generator)
    data.examples = Examples(images[training], labels[training])
    evaluator = prepared(data)
    real = evaluator.real_baseline()
    found = {name: evaluator(samples) for name, samples in sets.items()}
    fcd = {name: metrics["fcd"] for name, metrics in found.items()}

    order = ["honest", "half duplicates", "binarised", "shifted", "no 9s", "blurred", "10 % noise", "only 3s", "noise"]
    assert [fcd[name] for name in order] == sorted(fcd[name] for name in order)
    assert max(real["fcd"], fcd["honest"]) < 0.2
    for name, expected in (("half duplicates", 0.12), ("binarised", 0.3), ("shifted", 0.65), ("no 9s", 2.9)):
        assert expected / 2 < fcd[name] < expected * 2, name
    assert 6.5 / 2 < fcd["blurred"] < 8.8 * 2
    assert min(fcd["only 3s"], fcd["noise"]) > 50

    def value(name, metric):
        return found[name][metric]

    assert value("honest", "precision") == pytest.approx(0.94, abs=0.02)
    assert value("honest", "recall") == pytest.approx(0.95, abs=0.02)
    assert value("honest", "coverage") == pytest.approx(0.94, abs=0.02)
    assert value("half duplicates", "recall") == pytest.approx(0.80, abs=0.04)
    assert value("few images", "precision") == pytest.approx(0.94, abs=0.06)  # depends on the choice
    assert value("few images", "recall") == 0
    assert value("few images", "coverage") == pytest.approx(0.04, abs=0.02)
    assert value("noise", "precision") == 0
    assert value("honest", "class_kl") < 0.005
    assert value("no 9s", "class_kl") == pytest.approx(0.105, abs=0.01)
    assert value("only 3s", "class_kl") == pytest.approx(2.29, abs=0.05)
    assert 0.95 < value("honest", "neighbour_ratio") < 1.05
    assert value("honest", "copy_rate") < 0.02

    findings = {
        name: [line.partition(":")[0] for line in evaluator.findings(metrics)] for name, metrics in found.items()
    }
    assert findings["honest"] == []
    assert findings["copies"] == ["copies"]
    assert findings["half duplicates"] == ["repeats"]
    assert findings["shifted"] == ["fidelity", "distance"]
    assert "classes" in findings["no 9s"]
    assert {"repeats", "variety"} <= set(findings["few images"])
    assert {"variety", "blur"} <= set(findings["blurred"])
    assert {"fidelity", "noise"} <= set(findings["10 % noise"])
    assert {"classes", "repeats"} <= set(findings["only 3s"])
    assert {"classes", "fidelity", "noise"} <= set(findings["noise"])

"""All metrics together, on planted faults: each is marked for what it is, and honest samples for nothing."""

import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from gan_lightning.data.digits import Digits
from gan_lightning.data.mnist import MNIST
from gan_lightning.metrics.extractors import Classifier, RandomConvolutions
from gan_lightning.metrics.findings import MEANING, collapse, findings
from gan_lightning.metrics.suite import PARTS, Reference, View


def whole(parts):
    return {name: value for part in parts for name, value in part.items()}


def shifted(pictures, pixels, generator):
    by = torch.randint(-pixels, pixels + 1, (len(pictures), 2), generator=generator).tolist()
    return torch.stack([torch.roll(picture, one, (1, 2)) for picture, one in zip(pictures, by, strict=True)])


def planted(pictures, labels, training, n, generator):
    """n samples of each kind, of real pictures that are not in the training set."""
    noise = torch.randint(0, 256, (n, *pictures.shape[1:]), dtype=torch.uint8, generator=generator)
    spots = torch.rand(noise.shape, generator=generator) < 0.1

    def repeated(few):
        return few.repeat(-(-n // len(few)), 1, 1, 1)[:n]

    return {
        "honest": pictures[:n],
        "copies": training[:n],
        "half duplicates": repeated(pictures[: n // 2]),
        "binarised": (pictures[:n] > 127).to(torch.uint8) * 255,
        "shifted": shifted(pictures[:n], 2, generator),
        "no 9s": repeated(pictures[labels != 9]),
        "few pictures": repeated(pictures[: max(n // 100, 6)]),
        "blurred": gaussian_blur(pictures[:n], 9, 1.0),
        "10 % noise": torch.where(spots, noise, pictures[:n]),
        "only 3s": repeated(pictures[labels == 3]),
        "noise": noise,
    }


@pytest.fixture(scope="module")
def digits():
    """scikit-learn's digits in three parts: to train on, to test against, and unseen ones as an honest model's."""
    data = Digits(64, [1, 28, 28], 10, seed=0)
    data.setup("test")
    order = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(0))
    training, test, unseen = order.split([797, 500, 500])
    pictures, labels = data.images, data.labels
    data.images, data.labels = pictures[training], labels[training]
    data.test_images, data.test_labels = pictures[test], labels[test]
    return data, pictures[unseen], labels[unseen]


@pytest.fixture(scope="module")
def judged(digits):
    data, pictures, labels = digits
    reference = Reference(data, Classifier(), n=500)
    sets = planted(pictures, labels, data.images, 500, torch.Generator().manual_seed(0))
    figures = {
        name: whole(reference.judge(View(samples, reference.extractor)))
        for name, samples in sets.items()
        if name != "binarised"  # to these digits, which have few greys and smooth edges, that is noise
    }
    return figures, whole(reference.floor())


def test_parts(digits, judged):
    data, pictures, _ = digits
    figures, floor = judged
    reference = Reference(data, Classifier(), n=500)
    assert reference.split == "test"
    assert len(list(reference.judge(View(pictures, reference.extractor)))) == PARTS
    assert floor.keys() == MEANING.keys()
    assert figures["honest"].keys() == MEANING.keys() - {"label_accuracy"}  # made for no label


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("honest", []),
        ("copies", ["copies"]),
        ("half duplicates", ["repeats"]),
        ("shifted", ["pixels"]),
        ("few pictures", ["repeats", "classes", "variety"]),
        ("blurred", ["blur"]),
        ("10 % noise", ["fidelity", "variety", "noise"]),
        ("only 3s", ["repeats", "classes", "variety"]),
        ("noise", ["fidelity", "variety", "noise", "pixels"]),
    ],
)
def test_each_fault_is_marked(judged, name, marks):
    figures, floor = judged
    found = [line.partition(":")[0] for line in findings(figures[name], floor)]
    assert set(marks) <= set(found)
    assert name != "honest" or not found


def test_samples_that_fool_the_extractor_do_not_fool_pixels(digits):
    """Noise with the features of real digits: what training on the extractor makes."""
    data, _, _ = digits
    noise = torch.randint(0, 256, (500, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    reference = Reference(data, Classifier(), n=500)
    fooling = View(noise, reference.extractor)
    fooling.features = reference.other.features
    fooling.probabilities, fooling.labels = reference.other.probabilities, reference.other.labels
    figures, floor = whole(reference.judge(fooling)), whole(reference.floor())
    assert figures["fcd"] == pytest.approx(floor["fcd"])
    assert figures["frechet_random_conv"] > 20 * floor["frechet_random_conv"]
    assert any(line.startswith("pixels") for line in findings(figures, floor))


def test_without_a_test_split_halves_of_the_training_set_are_compared(digits):
    data, pictures, _ = digits
    reference = Reference(data, Classifier(), n=10_000, split="train")
    assert reference.split == "train"
    assert reference.n == 797 // 2
    figures = whole(reference.judge(View(pictures[: reference.n], reference.extractor)))
    floor = whole(reference.floor())
    assert "fcd" not in figures
    assert max(figures["fcd_train"], floor["fcd_train"]) < 1.5  # few pictures: far from 0
    assert figures["copy_rate"] < 0.05
    copied = whole(reference.judge(View(data.images[: reference.n], reference.extractor)))
    assert copied["copy_rate"] == 1


def test_label_accuracy(digits):
    data, pictures, _ = digits
    reference = Reference(data, Classifier(), n=500)
    labels = View(pictures, reference.extractor).labels
    half_right = torch.where(torch.arange(len(labels)) % 2 == 0, labels, (labels + 1) % 10)
    assert reference.classes(View(pictures, reference.extractor, half_right))["label_accuracy"] == 0.5
    assert whole(reference.floor())["label_accuracy"] > 0.7  # of a classifier that has not seen such digits
    data.num_classes, of_ten = 3, data.num_classes
    other_classes = Reference(data, Classifier(), n=500)
    data.num_classes = of_ten
    assert "label_accuracy" not in other_classes.classes(View(pictures, reference.extractor, half_right))


def test_without_labels(digits):
    data, pictures, _ = digits
    reference = Reference(data, RandomConvolutions(1), n=500)
    figures, floor = whole(reference.judge(View(pictures, reference.extractor))), whole(reference.floor())
    of_classifiers = {"fcd", "fcd_train", "class_kl", "label_accuracy", "modes", "modes_5", "classifier_score"}
    assert figures.keys() == floor.keys() == MEANING.keys() - of_classifiers
    assert findings(figures, floor) == []


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
def test_collapse(quality, training, word):
    found = collapse(HEALTHY | quality, 10, TRAINING | training)
    assert len(found) == (word is not None)
    assert word is None or word in found[0]


def test_real_digits_do_not_look_collapsed(digits):
    data, pictures, _ = digits
    reference = Reference(data, Classifier(), n=300, split="train")
    assert collapse(reference.quick(View(pictures[:300], reference.extractor)), reference.num_classes, {}) == []


@pytest.mark.slow
def test_reference_points(real_data):
    """10,000 training pictures of MNIST, as they are and with faults, against the 10,000 of the test set."""
    data = MNIST(str(real_data), False, "MNIST", None, 64, [1, 28, 28], 10, seed=0)
    data.setup("test")
    generator = torch.Generator().manual_seed(0)
    unseen, training = torch.randperm(60_000, generator=generator).split([20_000, 40_000])
    sets = planted(data.images[unseen], data.labels[unseen], data.images[training], 10_000, generator)
    data.images, data.labels = data.images[training], data.labels[training]
    reference = Reference(data, Classifier(), n=10_000)
    floor = whole(reference.floor())
    found = {name: whole(reference.judge(View(samples, reference.extractor))) for name, samples in sets.items()}
    fcd = {name: figures["fcd"] for name, figures in found.items()}

    order = ["honest", "half duplicates", "binarised", "shifted", "no 9s", "blurred", "10 % noise", "only 3s", "noise"]
    assert [fcd[name] for name in order] == sorted(fcd[name] for name in order)
    assert max(floor["fcd"], fcd["honest"]) < 0.2
    for name, expected in (("half duplicates", 0.12), ("binarised", 0.3), ("shifted", 0.65), ("no 9s", 2.9)):
        assert expected / 2 < fcd[name] < expected * 2, name
    assert 6.5 / 2 < fcd["blurred"] < 8.8 * 2
    assert min(fcd["only 3s"], fcd["noise"]) > 50

    def figure(name, metric):
        return found[name][metric]

    assert figure("honest", "precision") == pytest.approx(0.94, abs=0.02)
    assert figure("honest", "recall") == pytest.approx(0.95, abs=0.02)
    assert figure("honest", "coverage") == pytest.approx(0.94, abs=0.02)
    assert figure("half duplicates", "recall") == pytest.approx(0.80, abs=0.04)
    assert figure("few pictures", "precision") == pytest.approx(0.94, abs=0.06)  # by which hundred they are
    assert figure("few pictures", "recall") == 0
    assert figure("few pictures", "coverage") == pytest.approx(0.04, abs=0.02)
    assert figure("noise", "precision") == 0
    assert figure("honest", "class_kl") < 0.005
    assert figure("no 9s", "class_kl") == pytest.approx(0.105, abs=0.01)
    assert figure("only 3s", "class_kl") == pytest.approx(2.29, abs=0.05)
    assert 0.95 < figure("honest", "neighbour_ratio") < 1.05
    assert figure("honest", "copy_rate") < 0.02

    marks = {name: [line.partition(":")[0] for line in findings(figures, floor)] for name, figures in found.items()}
    assert marks["honest"] == []
    assert marks["copies"] == ["copies"]
    assert marks["half duplicates"] == ["repeats"]
    assert marks["shifted"] == ["fidelity", "pixels"]
    assert "classes" in marks["no 9s"]
    assert {"repeats", "variety"} <= set(marks["few pictures"])
    assert {"variety", "blur"} <= set(marks["blurred"])
    assert {"fidelity", "noise"} <= set(marks["10 % noise"])
    assert {"classes", "repeats"} <= set(marks["only 3s"])
    assert {"classes", "fidelity", "noise"} <= set(marks["noise"])

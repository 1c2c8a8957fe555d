"""The evaluator of images composed of attributes, its reader, and the metrics of attributes."""

import itertools
import json
import math
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from gan_lightning.data.avatars import Avatars
from gan_lightning.data.digits import Digits
from gan_lightning.data.portraits import VALUES
from gan_lightning.errors import UserError
from gan_lightning.metrics import attribute_reader
from gan_lightning.metrics.attribute_reader import Reader
from gan_lightning.metrics.attributes import AttributeEvaluator
from gan_lightning.metrics.combinations import (
    find_values,
    largest_kl,
    largest_pair_kl,
    shuffle_attributes,
    unseen_share,
)
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.extractors import DIGITS
from gan_lightning.metrics.pixels import largest_difference
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.modalities.attributes import ANY

N = 400
SHIPPED = sorted(set(Path(attribute_reader.__file__).parent.glob("*-v1.safetensors")) - {DIGITS})
SMALL = ["data=avatars", "data.images=500", "data.test_images=400"]


def avatars(images=1500, test_images=N, conditional=False) -> Avatars:
    data = Avatars(images, test_images, 64, [3, 32, 32], 80, seed=0, conditional=conditional)
    data.setup("test")
    return data


@pytest.fixture(scope="module")
def data():
    return avatars()


@pytest.fixture(scope="module")
def evaluator(data):
    evaluator = AttributeEvaluator(Reader("avatars-v1"))
    evaluator.prepare(data)
    return evaluator


def quick(evaluator, images):
    return evaluator(images, quick=True)


def generator():
    return torch.Generator().manual_seed(0)


def test_values_are_counted():
    attributes = torch.tensor([[0, 2], [0, 1], [1, 1]])
    assert [found.tolist() for found in find_values(attributes, [2, 4])] == [[True, True], [False, True, True, False]]
    assert [found.tolist() for found in find_values(attributes, [2, 3], 2)] == [[True, False], [False, True, False]]


def test_largest_divergence_of_an_attribute():
    """Half an example is added to each real value, so the divergence is finite for values that no example has."""
    real = torch.tensor([[0, 0]] * 6 + [[1, 0]] * 2)
    samples = torch.tensor([[0, 0], [0, 1], [1, 1], [1, 1]])
    first = 0.5 * math.log(0.5 / (6.5 / 9)) + 0.5 * math.log(0.5 / (2.5 / 9))
    second = 0.25 * math.log(0.25 / (8.5 / 9)) + 0.75 * math.log(0.75 / (0.5 / 9))
    assert largest_kl(samples, real, [2, 2]) == pytest.approx(max(first, second))
    assert largest_kl(samples[:, :1], real[:, :1], [2]) == pytest.approx(first)


def test_largest_divergence_of_a_pair():
    real = torch.tensor([[0, 0, 0], [1, 1, 0]]).repeat(10, 1)
    samples = torch.tensor([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]])
    expected = 0.5 * math.log(0.25 / (10.5 / 22)) + 0.5 * math.log(0.25 / (0.5 / 22))
    assert largest_pair_kl(samples[:, :2], real[:, :2], [2, 2]) == pytest.approx(expected)
    assert largest_pair_kl(samples, real, [2, 2, 100]) == pytest.approx(expected)  # pairs with the third are too many
    assert largest_pair_kl(samples, real, [20, 20, 100]) is None


def test_unseen_combinations():
    samples = torch.tensor([[0, 1], [1, 0], [1, 0], [1, 1]])
    assert unseen_share(samples, torch.tensor([[0, 1], [1, 1], [0, 0]])) == 0.5
    assert unseen_share(samples[:0], samples) == 0


def test_shuffled_attributes_keep_their_shares(data):
    attributes = data.examples.condition
    shuffled = shuffle_attributes(attributes, generator())
    assert torch.equal(shuffled.sort(0).values, attributes.sort(0).values)
    assert not torch.equal(shuffled, attributes)


def test_largest_difference_of_windows():
    a, b = torch.randint(0, 256, (2, 5, 3, 7, 6), generator=generator(), dtype=torch.uint8)
    expected = []
    for x, y in zip(a.double(), b.double(), strict=True):
        places = itertools.product(range(7 - 3 + 1), range(6 - 3 + 1))
        squares = [(x - y)[:, i : i + 3, j : j + 3].square().mean().sqrt().item() for i, j in places]
        expected.append(max(squares))
    assert largest_difference(a, b, 3).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_real_images_reach_the_floor(evaluator):
    floor = evaluator.real_baseline()
    assert floor["valid"] >= 0.995
    assert floor["values_found"] == sum(map(len, VALUES.values()))
    assert floor["values_recognized"] == sum(map(len, VALUES.values()))
    assert floor["worst_attribute"] == 1
    assert floor["missing_values"] == 0
    assert floor["attribute_kl"] < 0.05
    assert floor["pair_kl"] < 0.3
    assert floor["unseen"] == 1  # test portraits; those of the floor are from the training set
    assert "condition_accuracy" not in floor  # the model is unconditional
    assert "class_kl" not in floor
    assert evaluator.findings(floor) == []


@pytest.mark.slow
def test_repeated_image_is_found(evaluator, data):
    one = data.test_examples.content[:1].expand(N, -1, -1, -1)
    found = quick(evaluator, one)
    assert found["valid"] == 1
    assert found["values_found"] == len(VALUES)
    assert found["attribute_kl"] > 1
    assert found["duplicate_rate"] == 1
    assert evaluator.collapsed(found)
    samples = evaluator.view(one)
    values = {metric.name: metric.compute(evaluator.reference, samples) for metric in evaluator.metrics[:8]}
    assert values["values_recognized"] == len(VALUES)
    assert values["worst_attribute"] == pytest.approx(0.1)  # of ten kinds of hair
    assert values["missing_values"] == sum(map(len, VALUES.values())) - len(VALUES)
    assert len(evaluator.findings(values)) >= 3


def test_invalid_images(evaluator, data):
    images = data.test_examples.content
    blends = (images.float() + images.roll(1, 0)) / 2
    draws = generator()
    rows = torch.stack([images[torch.randperm(N, generator=draws), :, i] for i in range(32)], 2)
    noise = torch.randint(0, 256, images.shape, generator=draws, dtype=torch.uint8)
    moved = images.roll(1, 3)
    for invalid in (blends.byte(), rows, noise, moved):
        assert quick(evaluator, invalid)["valid"] < 0.01
    assert quick(evaluator, noise)["values_found"] == 0


def test_noise_and_blends_are_not_recognized(evaluator, data):
    images = data.test_examples.content[:100]
    noise = torch.randint(0, 256, images.shape, generator=generator(), dtype=torch.uint8)
    blends = ((images.float() + images.roll(1, 0)) / 2).byte()
    for unclear in (noise, blends):
        assert evaluator.view(unclear).recognized.double().mean() <= 0.05
    weak_noise = (images + 16 * torch.randn(images.shape, generator=generator())).round().clamp(0, 255).byte()
    assert evaluator.view(weak_noise).recognized.double().mean() >= 0.9


@pytest.mark.slow
def test_value_is_recognized_by_its_attribute_alone(evaluator, data):
    """A sample with an unclear mouth has recognized hair. Noise has few recognized values."""
    images = data.test_examples.content.clone()
    hidden = images.clone()
    hidden[:, :, 18:24] = torch.randint(0, 256, hidden[:, :, 18:24].shape, generator=generator(), dtype=torch.uint8)
    names = list(VALUES)
    found = dict(zip(names, evaluator.view(hidden).recognized_values, strict=True))
    assert found["hat"].all()
    assert evaluator.view(hidden).recognized.double().mean() < 0.1
    noise = torch.randint(0, 256, images.shape, generator=generator(), dtype=torch.uint8)
    assert sum(int(one.sum()) for one in evaluator.view(noise).recognized_values) < 0.3 * sum(map(len, VALUES.values()))


def test_small_noise_is_valid(evaluator, data):
    images = data.test_examples.content
    noise = 8 * torch.randn(images.shape, generator=generator())
    found = quick(evaluator, (images + noise).round().clamp(0, 255).byte())
    assert found["valid"] >= 0.99
    assert found["values_found"] == sum(map(len, VALUES.values()))


def test_sample_without_a_mouth_is_invalid(evaluator, data):
    """The difference of a few pixels is small in the whole image, but large in a window, if the colors differ."""
    attributes = dict(zip(VALUES, data.test_examples.condition.T, strict=True))
    chosen = (attributes["mouth"] == VALUES["mouth"].index("grin")) & (
        attributes["skin"] <= VALUES["skin"].index("tan")
    )
    images = data.test_examples.content[chosen]
    images[:, :, 20:23, 12:20] = images[:, :, 18:19, 12:13]
    assert evaluator.view(images).valid.double().mean() < 0.05


@pytest.mark.slow
def test_baseline_of_independent_attributes(evaluator, data):
    """Each attribute alone has the shares of the data; pairs such as glasses and eyes do not."""
    assert evaluator.baselines().keys() == {"independent attributes"}
    baseline, floor = evaluator.baseline_metrics()["independent attributes"], evaluator.real_baseline()
    assert baseline["valid"] > 0.98
    assert baseline["values_found"] == floor["values_found"]
    assert baseline["pair_kl"] > 0.3 + floor["pair_kl"]


@pytest.mark.slow
def test_attributes_asked_for_are_read_back():
    data = avatars(conditional=True)
    evaluator = AttributeEvaluator(Reader("avatars-v1"))
    evaluator.prepare(data)
    (metric,) = [one for one in evaluator.metrics if one.name == "condition_accuracy"]
    images, attributes = data.test_examples

    def accuracy(wanted):
        return metric.compute(evaluator.reference, evaluator.view(images, data.condition.encode(wanted)))

    assert accuracy(attributes) > 0.999
    assert accuracy((attributes + 1) % torch.tensor(data.attributes.sizes)) < 0.001
    asked = attributes.clone()
    asked[:, 0] = (asked[:, 0] + 1) % 8
    asked[:, 2:] = ANY
    assert accuracy(asked) == pytest.approx(0.5, abs=0.002)
    assert evaluator.real_baseline()["condition_accuracy"] > 0.999


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_reader_tells_its_accuracy(path):
    assert path.stat().st_size < 400_000
    reader = Reader(path.stem)
    accuracy = json.loads(reader.facts["accuracy"])
    assert accuracy.keys() == reader.attributes.keys()
    assert statistics.median(accuracy.values()) >= 0.99
    assert {"data", "epochs", "seed", "torch"} <= reader.facts.keys()
    assert "attributes" not in reader.facts  # hundreds of names


def test_shipped_reader_is_accurate():
    data = avatars(test_images=2000)
    images, attributes = data.test_examples
    wrong = (Reader("avatars-v1").read(images) != attributes).sum(0)
    hair = list(VALUES).index("hair")
    assert wrong[hair] <= 8  # a few pixels are all that some hats leave of it
    wrong[hair] = 0
    assert wrong.max() <= 2  # 99.9 % of each other attribute


def test_damaged_reader(tmp_path):
    path = tmp_path / "reader.safetensors"
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"data.evaluator.reader.path=.*reader.safetensors: not a readable"):
        _ = Reader(str(path)).loaded
    content = bytearray(Path(Reader("avatars-v1").path).read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"reader.safetensors: expected SHA-256 \w+, found \w+: get the file again"):
        _ = Reader(str(path)).loaded
    shutil.copy(DIGITS, path)
    with pytest.raises(UserError, match=r"its weights make no classifier \(RuntimeError\)"):
        _ = Reader(str(path)).attributes


def test_data_that_cannot_be_read(data):
    digits = Digits(64, [1, 28, 28], 10, seed=0)
    digits.setup("test")
    with pytest.raises(NotEvaluated, match="evaluates images composed of attributes, and the data are Digits"):
        AttributeEvaluator(Reader("avatars-v1")).prepare(digits)
    other = avatars()
    other.attributes.names["hat"][1] = "helmet"
    with pytest.raises(NotEvaluated, match="avatars-v1 reads other attributes"):
        AttributeEvaluator(Reader("avatars-v1")).prepare(other)
    with pytest.raises(NotEvaluated, match=r"data\.evaluator\.reader=null: train a reader"):
        AttributeEvaluator().prepare(data)
    with pytest.raises(TypeError, match="it must be a Reader"):
        AttributeEvaluator(reader=DIGITS)


def test_evaluator_without_an_extractor(data, tmp_path):
    class Flat(Evaluator):
        def features(self, content):
            return self.flat(content).float()

    with pytest.raises(UserError, match="Flat has no extractor to train"):
        Flat().train_extractor(data, tmp_path / "reader.safetensors", 1, 0)


@pytest.mark.slow
def test_evaluate_command_shows_the_baseline(run, tmp_path, data):
    np.savez(tmp_path / "samples.npz", images=data.examples.content[:N].numpy())
    result = run("evaluate", "samples=samples.npz", *SMALL, "output=found", "features=random_convolutions")
    assert result.code == 0, result.err
    (header,) = [line for line in result.out.splitlines() if line.startswith("| metric")]
    assert [cell.strip() for cell in header.split("|")[2:-2]] == ["samples.npz", "independent attributes", "real data"]
    assert "random-conv" in result.out
    found = json.loads((tmp_path / "found" / "metrics.json").read_text())
    assert found["extractor"]["reader"] == "avatars-v1"
    assert found["baselines"]["independent attributes"].keys() == found["generators"]["raw"].keys()
    assert found["baselines"]["independent attributes"]["pair_kl"] > 2 * found["floor"]["pair_kl"]
    assert {"read_back.png", "attributes.png"} < {path.name for path in (tmp_path / "found").iterdir()}


def test_reader_is_trained_by_the_command(run, tmp_path):
    result = run("train_extractor", *SMALL, "epochs=1")
    assert result.code == 0, result.err
    assert "accuracy on 400 samples that it was not trained on: background " in result.out
    (path,) = (tmp_path / "cache").rglob("*.safetensors")
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    assert json.loads(facts["attributes"]) == VALUES
    assert facts["name"].startswith("reader-")

    small = avatars(images=500)
    evaluator = AttributeEvaluator()  # finds the reader in the cache
    evaluator.prepare(small)
    assert evaluator.describe()["name"] == facts["name"]
    expected = (evaluator.reader.read(small.test_examples.content) == small.test_examples.condition).double().mean(0)
    assert list(json.loads(facts["accuracy"]).values()) == pytest.approx(expected.tolist(), abs=1e-4)

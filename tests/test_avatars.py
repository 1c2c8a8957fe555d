"""The data set of avatars: rules of its attributes, and portraits in which each attribute is visible."""

import hashlib
import itertools
from math import prod

import pytest
import torch

from gan_lightning.data.avatars import Avatars, draw_attributes
from gan_lightning.data.portraits import COVERED_BY, FLATTENED_BY, TALL_HAIR, UNLIKE_BACKGROUND, VALUES

NAMES = list(VALUES)


def avatars(images=100, test_images=100, seed=1):
    return Avatars(images, test_images, 10, [3, 32, 32], 80, seed, conditional=True)


def drawn(n, seed=7):
    return draw_attributes(n, torch.Generator().manual_seed(seed))


def is_allowed(**values):
    """Return True if the values of a portrait follow the rules of :class:`Avatars`."""
    covered = values["glasses"] in COVERED_BY
    flattened = values["hair"] in TALL_HAIR and values["hat"] in FLATTENED_BY
    hidden = values["clothes_color"] == UNLIKE_BACKGROUND[values["background"]]
    return (values["eyes"] == "covered") == covered and not flattened and not hidden


def named(attributes):
    """Return the names of the values of each portrait."""
    return [{name: VALUES[name][i] for name, i in zip(NAMES, row, strict=True)} for row in attributes.tolist()]


@pytest.fixture(scope="module")
def data():
    data = avatars(20_000, 10_000)
    data.setup("test")
    return data


@pytest.mark.slow
def test_portraits_do_not_depend_on_the_seed_of_a_run(data):
    again = avatars(200, 200, seed=2)
    again.setup("test")
    assert torch.equal(again.compose(data.examples.condition), data.examples.content)
    assert data.examples.content.shape == (20_000, 3, 32, 32)


def test_portraits_stay_the_same(data):
    digest = hashlib.sha256(data.examples.content.numpy().tobytes()).hexdigest()
    assert digest == "5bd2d9c3ade32cdccaa17be7a5c6c450123aad364861feb448c18e9787f0abf1"


def test_training_set_and_test_set_differ(data):
    sets = (data.examples, data.test_examples)
    training, test = ({tuple(row) for row in examples.condition.tolist()} for examples in sets)
    assert len(training) > 19_900
    assert len(training & test) < 5


def test_drawn_attributes_follow_the_rules(data):
    assert all(is_allowed(**values) for values in named(data.examples.condition))


def test_every_value_is_drawn(data):
    for column, (name, values) in zip(data.examples.condition.T, VALUES.items(), strict=True):
        shares = torch.bincount(column, minlength=len(values)) / len(column)
        assert shares.min() > 0.4 / len(values), name


def test_number_of_portraits():
    groups = [("glasses", "eyes"), ("hair", "hat"), ("background", "clothes_color")]  # each with a rule of its own
    any_portrait = named(drawn(1))[0]
    counts = []
    for group in groups:
        choices = itertools.product(*(VALUES[name] for name in group))
        counts.append(sum(is_allowed(**any_portrait | dict(zip(group, choice, strict=True))) for choice in choices))
    others = [len(values) for name, values in VALUES.items() if not any(name in group for group in groups)]
    assert prod(counts) * prod(others) == 848_225_280


@pytest.mark.parametrize("name", NAMES)
def test_attribute_is_visible(data, name):
    """Portraits that differ in one attribute differ in at least four pixels, whatever the other attributes are."""
    base, values = drawn(300), VALUES[name]
    images, allowed = [], []
    for i in range(len(values)):
        attributes = base.clone()
        attributes[:, NAMES.index(name)] = i
        if name == "glasses":
            eyes = VALUES["eyes"].index("covered" if values[i] in COVERED_BY else "open")
            attributes[:, NAMES.index("eyes")] = eyes
        images.append(data.compose(attributes))
        allowed.append(torch.tensor([is_allowed(**one) for one in named(attributes)]))
    for i, j in itertools.combinations(range(len(values)), 2):
        both = allowed[i] & allowed[j]
        assert both.any() or (name == "eyes" and "covered" in (values[i], values[j])), f"{values[i]}, {values[j]}"
        changed = (images[i] != images[j]).any(1).sum((1, 2))[both]
        assert (changed >= 4).all(), f"{name}={values[i]} and {name}={values[j]} look alike"


FEW = ["data=avatars", "data.test_images=1", "trainer=cpu", "max_iterations=1", "callbacks.evaluation=null"]


class TestFewImages:
    @pytest.mark.parametrize("images", [1, 10])
    def test_fewer_images_than_a_batch(self, run, images):
        result = run("train", *FEW, f"data.images={images}", "data.batch_size=64")
        assert result.code == 2
        (line,) = result.err.splitlines()
        assert line.startswith("error: data.batch_size=64: larger than the data set")

    @pytest.mark.slow
    def test_single_image(self, run):
        result = run("train", *FEW, "data.images=1", "data.batch_size=1", "conditional=true")
        assert result.code == 0, result.err

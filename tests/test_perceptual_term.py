"""The perceptual term, compared with a plain loop over the layers of VGG16."""

import sys
from importlib.util import find_spec
from typing import get_args

import pytest
import torch

from gan_lightning.algorithms.gan import GAN
from gan_lightning.algorithms.objectives import NonSaturating
from gan_lightning.algorithms.perceptual_terms import Perceptual
from gan_lightning.algorithms.priors import Normal
from gan_lightning.algorithms.terms import GeneratorPass
from gan_lightning.errors import UserError
from gan_lightning.networks import mlp
from gan_lightning.networks.perceptual import PACKAGE, VggLayer, load_network, smallest_side
from tests.conftest import FAST

needs_weights = pytest.mark.skipif(find_spec(PACKAGE) is None, reason=f"needs {PACKAGE}, of the extra 'perceptual'")

LAYERS = ["relu2_2", "relu3_3"]


def gan(terms):
    adam = torch.optim.Adam
    networks = mlp.Generator(8, [1, 16, 16], [16]), mlp.Discriminator([1, 16, 16], [16])
    return GAN(Normal([8]), *networks, NonSaturating(), adam, adam, terms=terms)


def images(seed, shape=(3, 3, 16, 20)):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def seen(fake, real):
    return GeneratorPass(None, None, real, fake, torch.zeros(len(real), 1))


def expected_value(fake, real, layers):
    """Return the term by a loop over all layers and both images."""
    network = load_network("vgg", torch.device("cpu"), "")
    a, b = ((x - network.shift) / network.scale for x in (fake, real))
    total = 0.0
    for i, stage in enumerate(network.stages, 1):
        j = 0
        for layer in stage:
            a, b = layer(a), layer(b)
            if isinstance(layer, torch.nn.ReLU):
                j += 1
                if f"relu{i}_{j}" in layers:
                    total += float((a - b).abs().sum() / b.sum())
        if i == 3:
            return total
    raise AssertionError


@needs_weights
@pytest.mark.parametrize("layers", [LAYERS, ["relu1_1"]])
def test_value_is_that_of_a_plain_loop(layers):
    fake, real = images(0), images(1)
    value = Perceptual(1.0, layers)(gan({}), seen(fake, real))
    assert value.shape == ()
    assert value.item() == pytest.approx(expected_value(fake, real, layers), rel=1e-4)
    assert Perceptual(1.0, layers)(gan({}), seen(real, real)).item() == 0


@needs_weights
def test_gradient_reaches_the_fakes_alone():
    fake, real = images(0).requires_grad_(), images(1).requires_grad_()
    term = Perceptual(1.0, LAYERS)
    value = term(gan({}), seen(fake, real))
    value.backward()
    assert real.grad is None
    assert fake.grad.isfinite().all()
    with torch.no_grad():
        better = fake - 0.01 * fake.grad / fake.grad.abs().max()
    assert term(gan({}), seen(better, real)) < value
    with torch.autocast("cpu", torch.bfloat16):
        reduced = term(gan({}), seen(fake, real))
    assert reduced.dtype == torch.float32
    assert reduced.item() == pytest.approx(value.item(), rel=0.03)


@needs_weights
def test_network_is_no_part_of_the_model():
    term = Perceptual(1.0, LAYERS)
    model, plain = gan({"perceptual": term}), gan({})
    term(model, seen(images(0), images(1)))
    assert list(model.state_dict()) == list(plain.state_dict())
    assert len(list(model.parameters())) == len(list(plain.parameters()))


@needs_weights
def test_smallest_images():
    layers = get_args(VggLayer)
    network = load_network("vgg", torch.device("cpu"), "")
    assert [name for name, _ in network.activations(images(0, (1, 3, 18, 18)))] == list(layers)
    for layer in layers:
        side = smallest_side([layer])
        assert Perceptual(1.0, [layer])(gan({}), seen(*(images(i, (1, 1, side, side)) for i in (0, 1)))) > 0
        if side > 1:
            with pytest.raises(ValueError, match=rf"terms.perceptual.layers=.*: need images of {side} pixels"):
                Perceptual(1.0, [layer])(gan({}), seen(*(images(i, (1, 1, side - 1, side)) for i in (0, 1))))
            with pytest.raises(RuntimeError):  # not even the network takes them
                network.activations_of(images(0, (1, 3, side - 1, side)), [layer])


def test_samples_that_are_no_images():
    rows = torch.zeros(4, 3)
    with pytest.raises(ValueError, match=r"terms.perceptual: compares images.*: remove the term"):
        Perceptual(1.0, LAYERS)(gan({}), seen(rows, rows))


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    load_network.cache_clear()
    with pytest.raises(UserError, match=r"terms.perceptual: needs an extra: pip install 'gan-lightning\[perceptual\]'"):
        Perceptual(1.0, LAYERS)(gan({}), seen(images(0), images(1)))


@needs_weights
def test_train_logs_the_term(run):
    result = run("train", *FAST, "term=[perceptual]", "data.batch_size=16", "max_iterations=2")
    assert result.code == 0, result.err
    assert "loss/perceptual" in result.out


def test_unknown_layer_is_one_line(run):
    result = run("train", *FAST, "term=[perceptual]", "terms.perceptual.layers=[relu6_1]", "max_iterations=2")
    assert result.code == 2
    assert result.err.startswith("error: terms.perceptual.layers")
    assert result.err.count("\n") == 1

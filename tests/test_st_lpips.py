"""ST-LPIPS against the implementation of its authors, and the extractor that uses its AlexNet."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.metrics.distances import frechet_distance
from gan_lightning.metrics.extractors import Extractor
from gan_lightning.metrics.images import ImageEvaluator
from gan_lightning.metrics.inception import Inception
from gan_lightning.metrics.st_lpips import StAlexNet, st_lpips
from gan_lightning.networks import perceptual as module
from gan_lightning.networks.perceptual import BACKBONES, PACKAGE, load_network
from tests.conftest import FAST

needs_weights = pytest.mark.skipif(find_spec(PACKAGE) is None, reason=f"needs {PACKAGE}, of the extra 'perceptual'")

# Values of stlpips.LPIPS(net=…, variant="shift_tolerant") of stlpips_pytorch 0.0.2, in float32 on a CPU, for `waves()`
# and its changed copies. IPython and torchsummary, which that code imports and does not use here, were empty modules.
EXPECTED = {
    ("alex", "shifted"): [0.0124326, 0.0117314],
    ("alex", "flipped"): [0.0489652, 0.0483765],
    ("alex", "paler"): [0.0008047, 0.0010323],
    ("vgg", "shifted"): [0.0490814, 0.0483811],
    ("vgg", "flipped"): [0.0737540, 0.0945766],
    ("vgg", "paler"): [0.0000718, 0.0000722],
}
CHANGES = {
    "shifted": lambda images: images.roll(1, 3),
    "flipped": lambda images: images.flip(2),
    "paler": lambda images: 0.9 * images,
}


def waves():
    """Return images (2, 3, 40, 48) in [-1, 1]."""
    return (torch.arange(2 * 3 * 40 * 48, dtype=torch.float64).square() / 1000).sin().float().view(2, 3, 40, 48)


def drawings(n, channels=3):
    """Return n images (n, channels, 32, 32) uint8, each with a coloured square on a coloured ground."""
    generator = torch.Generator().manual_seed(0)
    images = torch.empty(n, channels, 32, 32, dtype=torch.uint8)
    for image in images:
        ground, square = 20 + 120 * torch.randint(0, 2, (2, channels, 1, 1), generator=generator)
        top, left = torch.randint(0, 16, (2,), generator=generator).tolist()
        image[:] = ground
        image[:, top : top + 16, left : left + 16] = square
    return images


@pytest.fixture
def forget_networks():
    """Make networks load again, in the test and after it."""
    load_network.cache_clear()
    yield
    load_network.cache_clear()


@needs_weights
@pytest.mark.parametrize(("backbone", "change"), EXPECTED)
def test_distance_equals_that_of_the_authors(backbone, change):
    a = waves()
    with torch.no_grad():
        found = st_lpips(a, CHANGES[change](a), backbone)
    assert found.tolist() == pytest.approx(EXPECTED[backbone, change], abs=2e-6)


@needs_weights
@pytest.mark.parametrize("backbone", BACKBONES)
def test_gradient_is_finite_and_reduces_the_distance(backbone, forget_networks):
    state = torch.get_rng_state()
    with torch.inference_mode():  # a network that is loaded here can be used for gradients later
        st_lpips(waves(), waves(), backbone)
    assert torch.equal(torch.get_rng_state(), state)
    target = waves()
    target[:, :, :24] = 0  # flat areas, where features are often 0
    image = target.flip(2).requires_grad_()
    distance = st_lpips(image, target, backbone).sum()
    (gradient,) = torch.autograd.grad(distance, image)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0
    with torch.no_grad():
        step = image - 0.1 * gradient / gradient.abs().max()
        assert st_lpips(step, target, backbone).sum() < distance
    equal = target.clone().requires_grad_()
    (zero,) = torch.autograd.grad(st_lpips(equal, target, backbone).sum(), equal)
    assert torch.equal(zero, torch.zeros_like(zero))
    assert not any(
        parameter.requires_grad for parameter in load_network(backbone, torch.device("cpu"), "").parameters()
    )


LAYERS = {
    "alex": ["relu1", "relu2", "relu3", "relu4", "relu5"],
    "vgg": [f"relu{stage}_{i}" for stage in range(1, 6) for i in range(1, 3 if stage < 3 else 4)],
}


@needs_weights
@pytest.mark.parametrize("backbone", BACKBONES)
def test_activations_are_those_after_each_relu(backbone):
    network = load_network(backbone, torch.device("cpu"), "")
    maps = dict(network.activations(waves()))
    assert list(maps) == LAYERS[backbone]
    x = (waves() - network.shift) / network.scale
    expected = []
    for layer in (layer for stage in network.stages for layer in stage):
        x = layer(x)
        if isinstance(layer, torch.nn.ReLU):
            expected.append(x)
    assert all(torch.equal(a, b) for a, b in zip(maps.values(), expected, strict=True))
    last = [maps[max(name for name in maps if name.startswith(f"relu{i}"))] for i in range(1, 6)]
    assert all(torch.equal(a, b) for a, b in zip(network.features(waves()), last, strict=True))


@needs_weights
def test_activations_of_some_layers():
    network = load_network("vgg", torch.device("cpu"), "")
    computed = []
    hooks = [
        stage.register_forward_hook(lambda *_: computed.append(1)) for stage in network.stages[3].children()
    ]  # relu3_3 needs nothing of the fourth stage
    maps = network.activations_of(waves(), ["relu3_3", "relu1_2"])
    for hook in hooks:
        hook.remove()
    assert list(maps) == ["relu1_2", "relu3_3"]
    assert not computed
    assert torch.equal(maps["relu3_3"], dict(network.activations(waves()))["relu3_3"])
    with pytest.raises(ValueError, match="no layer relu1_3: choose from relu1_1, relu1_2, relu2_1"):
        network.activations_of(waves(), ["relu1_3"])


@needs_weights
def test_grey_and_transparent_images():
    grey = waves()[:, :1]
    assert torch.equal(
        st_lpips(grey, grey.flip(2)), st_lpips(grey.expand(-1, 3, -1, -1), grey.flip(2).expand(-1, 3, -1, -1))
    )
    opaque, clear = torch.ones(2, 1, 40, 48), -torch.ones(2, 1, 40, 48)
    a, b = waves(), waves().flip(2)
    assert torch.allclose(st_lpips(torch.cat([a, opaque], 1), torch.cat([b, opaque], 1)), st_lpips(a, b))
    assert st_lpips(torch.cat([a, clear], 1), torch.cat([b, clear], 1)).tolist() == [0, 0]
    assert torch.allclose(
        st_lpips(torch.cat([a, clear], 1), torch.cat([b, opaque], 1)), st_lpips(torch.zeros_like(b), b)
    )


@needs_weights
@pytest.mark.parametrize("backbone", BACKBONES)
def test_smallest_images(backbone):
    side = BACKBONES[backbone].min_size
    assert st_lpips(torch.zeros(1, 3, side, side), torch.ones(1, 3, side, side), backbone) > 0
    with pytest.raises(ValueError, match=f"at least {side}×{side}, not .* enlarge them"):
        st_lpips(torch.zeros(1, 3, side - 1, side), torch.zeros(1, 3, side - 1, side), backbone)
    with pytest.raises(RuntimeError):  # not even the network takes them
        load_network(backbone, torch.device("cpu"), "").features(torch.zeros(1, 3, side - 1, side - 1))


@needs_weights
def test_wrong_images_are_refused():
    with pytest.raises(TypeError, match=r"must be floats in \[-1, 1\], not torch.uint8"):
        st_lpips(drawings(1), drawings(1))
    with pytest.raises(ValueError, match="must have the same shape"):
        st_lpips(waves(), waves()[:1])
    with pytest.raises(ValueError, match="must have 1, 3 or 4 channels, not 2"):
        st_lpips(waves()[:, :2], waves()[:, :2])


@needs_weights
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_features(channels):
    images = drawings(30, channels)
    features = StAlexNet().extract(images).features
    assert features.shape == (30, 448)
    assert features.dtype == torch.float32
    assert torch.allclose(StAlexNet().extract(images[7:9]).features, features[7:9], rtol=1e-4, atol=1e-4)
    assert StAlexNet().extract(images[:2, :, :8, :12]).features.isfinite().all()
    assert StAlexNet().extract(images[:2].repeat(1, 1, 3, 3)).features.isfinite().all()
    with pytest.raises(TypeError, match="must be uint8"):
        StAlexNet().extract(images.float())


@pytest.mark.slow
@needs_weights
def test_frechet_distance_rises_with_each_fault():
    images = drawings(120)
    real, other = images[:60], images[60:]
    tinted = (other.int() + torch.tensor([30, -20, 30]).view(3, 1, 1)).clamp(0, 255).to(torch.uint8)
    blurred = torch.nn.functional.avg_pool2d(other.float(), 3, 1, 1).to(torch.uint8)
    split = torch.cat([other[:, :, :16], other.roll(1, 0)[:, :, 16:]], 2)  # the halves of two drawings
    few = other[:3].repeat(20, 1, 1, 1)
    expected = StAlexNet().extract(real).features
    floor, *faults = (
        frechet_distance(StAlexNet().extract(samples).features, expected)
        for samples in (other, tinted, blurred, split, few)
    )
    assert min(faults) > 1.5 * floor


@needs_weights
def test_files_are_those_of_the_package():
    folder = Path(find_spec(PACKAGE).submodule_search_locations[0])
    for backbone in BACKBONES.values():
        assert file_digest(folder / backbone.file) == backbone.sha256
    assert PACKAGE not in sys.modules  # its code is never imported


def test_missing_package(monkeypatch, forget_networks):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(UserError) as error:
        StAlexNet().extract(drawings(1))
    assert str(error.value) == "features=st_alexnet: needs an extra: pip install 'gan-lightning[perceptual]'"
    with pytest.raises(UserError, match="st_lpips: needs an extra"):
        st_lpips(waves(), waves())


@pytest.mark.parametrize(("content", "found"), [(None, "no file"), (b"damaged", "found [0-9a-f]{64}: pip install")])
def test_damaged_weights(tmp_path, monkeypatch, forget_networks, content, found):
    path = tmp_path / BACKBONES["alex"].file
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(module, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    with pytest.raises(UserError, match=found) as error:
        StAlexNet().extract(drawings(1))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_extractors_name_their_frechet_distance():
    class Mine(ImageEvaluator):
        metrics = (*ImageEvaluator.metrics[3:], *ImageEvaluator.metrics[:3])

    for features, name in ((None, "fcd"), (StAlexNet(), "frechet_st_alexnet"), (Inception(), "fid")):
        for evaluator in (ImageEvaluator(features), Mine(features)):
            names = [metric.name for metric in evaluator.metrics]
            assert len(set(names)) == len(names) == len(type(evaluator).metrics)
            assert {name, f"{name}_train"} <= set(evaluator.headline())
            assert ("fcd" in names) == (name == "fcd")
    meanings = {metric.name: metric.meaning for metric in ImageEvaluator(Inception()).metrics}
    assert meanings["fid"] == "Fréchet Inception distance to the test set; 0 at best"
    assert Extractor.frechet_name == "fcd"


@pytest.fixture
def folder_of_drawings(tmp_path):
    folder = tmp_path / "drawings"
    folder.mkdir()
    for i, image in enumerate(drawings(40)):
        Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy())).save(folder / f"{i}.png")


DRAWINGS = [
    *FAST[1:4],  # a small network
    "data=image_folder",
    "data.root=drawings",
    "data.image_size=32",
    "data.batch_size=20",
    "max_iterations=1",
    "callbacks.evaluation.n=10",
    "callbacks.collapse_alarm=null",
]
ST_ALEXNET = "+features@data.evaluator.features=st_alexnet"


@pytest.mark.slow
@needs_weights
def test_commands_name_the_distance(run, tmp_path, folder_of_drawings):
    """Metrics, the summary, the model card and the tables of a sweep and of an evaluation have the extractor's name."""
    arguments = [*DRAWINGS, ST_ALEXNET]
    result = run("train", *arguments, "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert "frechet_st_alexnet_train" in result.out
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert "evaluation/frechet_st_alexnet_train" in metrics
    assert not any("fcd" in name for name in metrics)
    card = (tmp_path / "run/README.md").read_text()
    assert "Fréchet distance in features of ST-LPIPS's AlexNet to training images" in card

    result = run("evaluate", "checkpoint=run", "seeds=[0]", "n=10")
    assert result.code == 0, result.err
    assert "by st-alexnet" in result.out
    assert "| frechet_st_alexnet_train " in result.out
    content = json.loads((tmp_path / "run/evaluation/last/metrics.json").read_text())
    assert content["extractor"] == {"name": "st-alexnet", "sha256": StAlexNet.sha256} | StAlexNet().facts
    shutil.rmtree(tmp_path / "run")

    result = run("train", "-m", *arguments, "seed=1,2")
    assert result.code == 0, result.err
    header = result.out[result.out.index("| job ") :].splitlines()[0]
    assert "evaluation/frechet_st_alexnet_train" in header
    assert "density" not in header


def test_command_without_the_extra(run, tmp_path, folder_of_drawings, monkeypatch, forget_networks):
    result = run("train", *DRAWINGS, "hydra.run.dir=run")
    assert result.code == 0, result.err
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    result = run("evaluate", "checkpoint=run", "seeds=[0]", "features=st_alexnet")
    assert result.code == 2
    assert result.err == "error: features=st_alexnet: needs an extra: pip install 'gan-lightning[perceptual]'\n"

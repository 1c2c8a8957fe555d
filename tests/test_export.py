"""Exported generators: onnxruntime runs the ONNX files, and PyTorch loads the safetensors files."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from gan_lightning import __version__
from gan_lightning.commands import export
from gan_lightning.config.trust import check_trusted
from gan_lightning.config.validation import instantiate
from gan_lightning.files import file_digest
from gan_lightning.modalities.label import Labels
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST, ROOT
from tests.test_families import QUICK, SMALL, VAE
from tests.test_toy_modality import TOY

NETWORKS = {model: [f"model={model}", *small] for model, small in SMALL.items()} | {"vae": VAE}
TOYS = {
    "waves": ["data=sines", "model=waves"],
    "waves_conditional": ["data=sines", "model=waves", "conditional=true"],
    "joint": ["data=stripes", "model=joint"],
    "refiner": ["data=refinable", "model=refiner"],  # a condition and no latent
}


@pytest.fixture
def trained(trained_once, tmp_path):
    trained_once("exported", *FAST, "max_iterations=2", "hydra.run.dir=run")
    return tmp_path / "run"


@pytest.fixture
def exported(run, trained, made_once):
    """Export the trained run as ONNX and as safetensors, and return its folder."""

    def make():
        for format in ("onnx", "safetensors"):
            assert run("export", "checkpoint=run/checkpoints/last.ckpt", f"format={format}").code == 0

    made_once("onnx and safetensors", trained, make)
    return trained / "exported"


def metadata(path):
    if path.suffix == ".onnx":
        return onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    with safe_open(path, "pt") as file:
        return file.metadata()


def assert_equals_pytorch(path, trained, weights=None):
    """Compare onnxruntime with PyTorch, for batches of 1 and of 5."""
    session = onnxruntime.InferenceSession(path)
    model, data = trained.model, trained.data
    for n in (1, 5):
        condition = data.sample_conditions(n, seed=n)
        inputs = {"latent": model.sample_latent(n, seed=n), "condition": condition}
        found = dict(
            zip(
                [output.name for output in session.get_outputs()],
                session.run(None, {name: value.numpy() for name, value in inputs.items() if value is not None}),
                strict=True,
            )
        )
        expected = model.sample(n, condition, seed=n, weights=weights)
        expected = expected if isinstance(expected, dict) else {"sample": expected}
        assert found.keys() == expected.keys()
        for name, value in found.items():
            assert value.dtype == np.float32
            scale = max(1.0, expected[name].abs().max().item())  # samples of some networks are unbounded
            np.testing.assert_allclose(value, expected[name].numpy(), rtol=0, atol=1e-5 * scale)


@pytest.mark.slow
@pytest.mark.parametrize(("network", "conditional"), [*((network, True) for network in NETWORKS), ("stylegan", False)])
def test_onnx_equals_pytorch(run, tmp_path, network, conditional):
    options = [*QUICK, *NETWORKS[network], f"conditional={conditional}", "hydra.run.dir=run"]
    result = run("train", *options)
    assert result.code == 0, result.err
    result = run("export", "checkpoint=run")
    assert (result.code, result.out, result.err) == (0, "run/exported/last.onnx\n", "")
    assert_equals_pytorch(tmp_path / "run/exported/last.onnx", load("run"))


@pytest.mark.slow
@pytest.mark.parametrize("toy", TOYS)
def test_onnx_of_other_modalities_equals_pytorch(run, tmp_path, monkeypatch, toy):
    monkeypatch.syspath_prepend(TOY)
    options = ["--config-dir", str(TOY / "conf"), "trainer=cpu", *TOYS[toy], "max_iterations=2", "hydra.run.dir=run"]
    assert run("train", *options, "callbacks.evaluation=null", "callbacks.collapse_alarm=null").code == 0
    result = run("export", "checkpoint=run")
    assert result.code == 2
    assert "if you know it, trust_code=[waves]" in result.err
    assert run("export", "checkpoint=run", "trust_code=[waves]").code == 0
    assert_equals_pytorch(tmp_path / "run/exported/last.onnx", load("run", ["waves"]))


@pytest.mark.slow
def test_inputs_and_output(exported):
    session = onnxruntime.InferenceSession(exported / "last.onnx")
    assert [(one.name, one.type, one.shape) for one in session.get_inputs()] == [
        ("latent", "tensor(float)", ["batch", 100])
    ]
    assert [(one.name, one.type, one.shape) for one in session.get_outputs()] == [
        ("sample", "tensor(float)", ["batch", 1, 28, 28])
    ]


def test_weights_are_the_chosen_ones(run, trained):
    for weights in ("ema", "raw"):
        assert run("export", "checkpoint=run", f"weights={weights}").out == f"run/exported/last_{weights}.onnx\n"
        assert_equals_pytorch(trained / f"exported/last_{weights}.onnx", load("run"), weights)
    with pytest.raises(AssertionError):
        assert_equals_pytorch(trained / "exported/last_raw.onnx", load("run"), "ema")


@pytest.mark.parametrize("format", ["onnx", "safetensors"])
def test_metadata(trained, exported, format):
    facts = metadata(exported / f"last.{format}")
    assert facts["version"] == f"gan-lightning {__version__}"
    assert facts["checkpoint_sha256"] == file_digest(trained / "checkpoints/last.ckpt")
    assert (facts["iteration"], facts["weights"]) == ("2", "ema")
    assert json.loads(facts["config"]) == load("run").config
    modality, prior = json.loads(facts["modality"]), json.loads(facts["prior"])
    assert modality["class"] == "gan_lightning.modalities.image.Images"
    assert "[-1, 1]" in modality["description"]
    assert modality["sample_shape"] == [1, 28, 28]
    assert (prior["class"], prior["shape"]) == ("gan_lightning.algorithms.priors.Normal", [100])
    assert "condition" not in facts
    assert "archive.ics.uci.edu" in facts["data_source"]
    assert facts["data_licence"] == "CC-BY-4.0"


def test_metadata_of_a_condition(run, trained_once, tmp_path):
    trained_once("conditional", *FAST, "max_iterations=2", "conditional=true", "hydra.run.dir=run")
    found = load("run")
    condition = json.loads(export.describe(found, "ema")["condition"])
    assert condition["class"] == "gan_lightning.modalities.label.Labels"
    assert (condition["num_classes"], condition["class_names"], condition["sample_shape"]) == (10, None, [])
    found.data.condition = Labels(2, ["cat", "dog"])
    assert json.loads(export.describe(found, "ema")["condition"])["class_names"] == ["cat", "dog"]


def test_onnx_file_names_no_path_of_this_machine(exported):
    """The exporter notes the source line of each node; the config has paths of its own, as in the checkpoint."""
    content = (exported / "last.onnx").read_bytes()
    assert b"site-packages" not in content
    assert str(ROOT / "gan_lightning").encode() not in content


@pytest.mark.parametrize("weights", ["ema", "raw"])
@pytest.mark.parametrize("network", ["mlp", "dcgan"])
def test_safetensors_are_loaded_again(run, tmp_path, network, weights):
    """Load the file as the documentation shows, without the checkpoint; samples are equal bit for bit."""
    assert run("train", *QUICK, *NETWORKS[network], "conditional=true", "hydra.run.dir=run").code == 0
    arguments = ["format=safetensors", f"weights={weights}", "output=generator.safetensors"]
    assert run("export", "checkpoint=run", *arguments).out == "generator.safetensors\n"
    model = load("run").model
    latent, condition = model.sample_latent(5, seed=3), torch.arange(5)
    expected = model.sample(5, condition, latent=latent, weights=weights)

    with safe_open("generator.safetensors", "pt") as file:
        node = json.loads(file.metadata()["config"])["model"]["generator"]
    check_trusted(node, "generator", [])
    generator = instantiate(node, "generator").eval()
    generator.load_state_dict(load_file("generator.safetensors"))
    with torch.no_grad():
        assert torch.equal(generator(latent, condition), expected)


class Tied(nn.Module):
    """Generator with two layers that share their weights, one of them transposed."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("view", self.first.weight.detach().T)

    def forward(self, latent, condition=None):
        return self.second(self.first(latent)) @ self.view


def test_safetensors_of_shared_tensors(tmp_path):
    generator, again = Tied(), Tied()
    (tmp_path / "tied.safetensors").write_bytes(export._to_safetensors(generator, None, {}))
    again.load_state_dict(load_file(tmp_path / "tied.safetensors"))
    latent = torch.randn(3, 4)
    assert torch.equal(again(latent), generator(latent))


@pytest.mark.parametrize("format", ["onnx", "safetensors"])
def test_existing_file_is_kept(run, trained, format):
    path = trained / f"exported/last.{format}"
    path.parent.mkdir()
    path.write_text("mine")
    result = run("export", "checkpoint=run", f"format={format}")
    expected = f"error: output=run/exported/last.{format}: exists already: remove it, or choose another name\n"
    assert (result.code, result.err, path.read_text()) == (2, expected, "mine")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["format=pt"], "format=pt: must be 'onnx' or 'safetensors'"),
        (["output=generator.safetensors"], "output=generator.safetensors: the name of a .onnx file is needed"),
        (["output=run", "format=safetensors"], "output=run: the name of a .safetensors file is needed"),
        (["output=run/metrics.json/x.onnx"], "metrics.json is a file: remove it, or choose another path"),
        (["weights=best"], "weights=best: must be 'ema' or 'raw'"),
        (["checkpoint=nothing"], "checkpoint=nothing: nothing does not exist"),
        (["n=5"], "n: unknown key"),
    ],
)
def test_bad_input(run, trained, arguments, expected):
    before = set(trained.parent.rglob("*"))
    result = run("export", "checkpoint=run", *arguments)
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
    assert set(trained.parent.rglob("*")) == before


def test_model_without_averaged_generator(run, tmp_path):
    assert run("train", *FAST, "max_iterations=1", "ema_decay=null", "hydra.run.dir=run").code == 0
    result = run("export", "checkpoint=run", "weights=ema")
    assert (result.code, result.err) == (2, "error: weights=ema: the model has no averaged generator: weights=raw\n")
    assert run("export", "checkpoint=run", "format=safetensors").code == 0
    assert metadata(tmp_path / "run/exported/last.safetensors")["weights"] == "raw"


class Branching(nn.Module):
    def forward(self, latent, condition=None):
        return latent if latent.sum() > 0 else -latent


class FixedBatch(nn.Module):
    def forward(self, latent, condition=None):
        return latent.view(export.EXAMPLES, 10, 10)


class Decomposing(nn.Module):
    def forward(self, latent, condition=None):
        return torch.linalg.svd(latent.view(-1, 10, 10))[0]


@pytest.mark.parametrize(
    ("generator", "reason"),
    [(Branching, "data-dependent"), (FixedBatch, "specialized it to be a constant"), (Decomposing, "_linalg_svd")],
)
def test_network_that_cannot_be_exported(run, trained, monkeypatch, generator, reason):
    def load_with_generator(*arguments, **options):
        found = load(*arguments, **options)
        found.model.ema = generator()
        return found

    monkeypatch.setattr(export, "load", load_with_generator)
    result = run("export", "checkpoint=run")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result.err
    assert result.err.startswith(f"error: format=onnx: {generator.__name__} cannot be exported (")
    assert reason in result.err
    assert result.err.endswith("): format=safetensors keeps its weights\n")
    assert not (trained / "exported").exists()


def test_without_the_extra(run, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    result = run("export", "checkpoint=run")
    assert (result.code, result.err) == (
        2,
        "error: format=onnx: needs an extra: pip install 'gan-lightning[export]'\n",
    )
    assert run("export", "checkpoint=run", "format=safetensors").code == 0

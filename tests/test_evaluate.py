"""The evaluate and train_extractor commands, on digits and folders of images."""

import hashlib
import json
import shutil
import statistics
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from gan_lightning.metrics.extractors import Classifier, weights_hash
from gan_lightning.metrics.images import ImageEvaluator
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST

ALL = {metric.name for metric in ImageEvaluator.metrics}


@pytest.fixture
def trained(trained_once, tmp_path):
    arguments = ["trainer.max_epochs=2", "checkpoint.after_epochs=[1]", "ema_decay=null", "hydra.run.dir=outputs/run"]
    trained_once("evaluated", *FAST, *arguments)
    return tmp_path / "outputs" / "run"


def read(folder):
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.slow
def test_conditional_run(run, tmp_path):
    """An untrained generator ignores its labels: as many are right as by chance."""
    limits = ["max_iterations=1", "callbacks.evaluation.n=200", "callbacks.evaluation.every_n_epochs=1"]
    fast = [argument for argument in FAST if argument != "callbacks.evaluation=null"]
    result = run("train", *fast, *limits, "conditional=true", "hydra.run.dir=outputs/conditional")
    assert result.code == 0, result.err
    in_training = json.loads((tmp_path / "outputs/conditional/metrics.json").read_text())
    assert 0 <= in_training["evaluation/label_accuracy"] < 0.5
    assert "label_accuracy" in result.out
    result = run("evaluate", "checkpoint=outputs/conditional", "n=200", "seeds=[1]")
    assert result.code == 0, result.err
    content = read(tmp_path / "outputs/conditional/evaluation/last")
    ema = content["generators"]["ema"]["label_accuracy"]["mean"]
    assert ema == in_training["evaluation/label_accuracy"]
    assert content["floor"]["label_accuracy"] > 0.7


def test_run(run, trained):
    result = run("evaluate", "checkpoint=outputs/run/checkpoints/last.ckpt", "n=100", "seeds=[3,4]")
    assert result.code == 0, result.err
    folder = trained / "evaluation" / "last"
    images = {"samples.png", "nearest_training.png", "classes.png", "precision_recall.png"}
    assert {path.name for path in folder.iterdir()} == {"metrics.json", "report.html"} | images

    content = read(folder)
    assert content["n"] == 100
    assert content["seeds"] == [3, 4]
    assert content["iteration"] == 16
    assert content["extractor"]["sha256"] == Classifier().sha256
    assert content["reference"]["split"] == "train"
    assert content["versions"]["torch"] == torch.__version__
    values = content["generators"]["raw"]
    assert content["floor"].keys() == ALL - {"fcd"}  # digits have no test split
    assert values.keys() == content["floor"].keys() - {"label_accuracy"}
    for value in values.values():
        assert value["mean"] == pytest.approx(statistics.mean(value["values"]))
        assert value["sd"] == pytest.approx(statistics.stdev(value["values"]))

    for text in (*values, "real data", "100 samples × 2", "digits-v1", "variety", "evaluation/last"):
        assert text in result.out
    assert "±" in result.out


def test_metrics_are_those_of_the_samples(run, trained):
    """The library computes the same metrics as the command, which repeats them."""
    run("evaluate", "checkpoint=outputs/run", "n=100", "seeds=[3]", "output=first")
    run("evaluate", "checkpoint=outputs/run/checkpoints/last.ckpt", "n=100", "seeds=[3]", "output=second")
    first, second = (read(trained.parents[1] / name) for name in ("first", "second"))
    assert first["generators"] == second["generators"]

    one = load("outputs/run")
    one.data.setup("test")
    one.data.evaluator.prepare(one.data, 100)
    metrics = one.data.evaluator(one.data.modality.decode(one.model.sample(100, seed=3)))
    assert {name: found["values"] for name, found in first["generators"]["raw"].items()} == {
        name: [value] for name, value in metrics.items()
    }


def test_several_checkpoints_make_a_table(run, trained):
    result = run("evaluate", "checkpoint=outputs/run/checkpoints", "n=100", "seeds=[0]")
    assert result.code == 0, result.err
    rows = [line for line in result.out.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == ["", "run/epoch_0001", "run/last", "real data"]
    assert {path.name for path in (trained / "evaluation").iterdir()} == {"epoch_0001", "last"}


def test_runs_of_the_same_name_stay_apart(run, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "others" / "run")
    result = run("evaluate", "checkpoint=[outputs/run,others/run]", "n=50", "seeds=[0]", "output=both")
    assert result.code == 0, result.err
    assert len(list((tmp_path / "both").rglob("metrics.json"))) == 2
    rows = [line.split("|")[1].strip() for line in result.out.splitlines() if line.startswith("| ")]
    assert rows == ["", "outputs/run/last", "others/run/last", "real data"]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["folder", "npz", "channels last", "grey"])
def test_samples_from_anywhere(run, trained, tmp_path, layout):
    one = load("outputs/run")
    content = one.data.modality.decode(one.model.sample(60, seed=0))
    if layout == "folder":
        (tmp_path / "samples").mkdir()
        one.data.modality.write(content, tmp_path / "samples")
    else:
        samples = content.numpy()
        array = {"npz": samples, "channels last": samples.transpose(0, 2, 3, 1), "grey": samples[:, 0]}[layout]
        np.savez(tmp_path / "samples.npz", array)
    name = "samples" if layout == "folder" else "samples.npz"
    result = run("evaluate", f"samples={name}", "data=digits", "output=here")
    assert result.code == 0, result.err
    expected = run("evaluate", "checkpoint=outputs/run", "n=60", "seeds=[0]", "output=there")
    assert expected.code == 0
    here, there = (read(tmp_path / folder)["generators"]["raw"] for folder in ("here", "there"))
    for metric, value in there.items():
        assert here[metric]["mean"] == pytest.approx(value["mean"], rel=1e-5)


@pytest.fixture
def class_folders(tmp_path):
    """Arguments that choose 200 digits in a folder for each class."""
    digits = load_digits()
    for i in range(200):
        folder = tmp_path / "pictures" / str(digits.target[i])
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray((digits.images[i] * 15.9).astype(np.uint8)).resize((28, 28))
        picture.save(folder / f"{i}.png")
    return ["data=image_folder", "data.root=pictures", "data.channels=1", "data.batch_size=50"]


def test_own_data(run, class_folders, tmp_path):
    """Metrics use random convolutions without a classifier; with one, all metrics are computed."""
    small = [argument for argument in FAST if not argument.startswith("data")]
    assert run("train", *class_folders, *small, "max_iterations=2", "hydra.run.dir=run").code == 0
    result = run("evaluate", "checkpoint=run", "seeds=[0]")
    assert result.code == 0, result.err
    assert "random-conv" in result.out
    assert "fcd" not in read(tmp_path / "run" / "evaluation" / "last")["floor"]

    result = run("train_extractor", *class_folders, "epochs=2", "data.num_classes=10")
    assert result.code == 0, result.err
    (path,) = (tmp_path / "cache").rglob("*.safetensors")
    assert f"\n{path}: accuracy " in result.out  # after the line about the data
    assert "on 20 samples that it was not trained on" in result.out
    assert run("evaluate", "checkpoint=run", "seeds=[0]").code == 0
    found = read(tmp_path / "run" / "evaluation" / "last")
    assert found["extractor"]["name"].startswith("classifier-")
    assert found["generators"]["raw"].keys() == ALL - {"fcd", "label_accuracy"}
    again = run("train_extractor", *class_folders, "epochs=2")
    assert again.code == 2
    assert "exists already" in again.err


@pytest.mark.slow
def test_classifier_from_a_file(run, trained):
    assert run("train_extractor", "data=digits", "epochs=1", "name=mine", "output=mine.safetensors").code == 0
    result = run(
        "evaluate",
        "checkpoint=outputs/run",
        "n=50",
        "seeds=[0]",
        "features=classifier",
        "features.path=mine.safetensors",
    )
    assert result.code == 0, result.err
    assert "by mine" in result.out


def test_inception(run, trained, tmp_path, monkeypatch):
    """A stand-in for torch-fidelity gets images with three channels; the name of its weights has their checksum."""
    module = ModuleType("torch_fidelity.feature_extractor_inceptionv3")

    class FeatureExtractorInceptionV3:
        def __init__(self, name, features, path):
            assert features == ["2048"]

        def __call__(self, pictures):
            assert pictures.shape[1:] == (3, 28, 28)
            assert pictures.dtype == torch.uint8
            return (pictures[:, 0, ::4, ::4].flatten(1).float(),)

    module.FeatureExtractorInceptionV3 = FeatureExtractorInceptionV3
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", module)
    content = b"weights"
    weights = tmp_path / "checkpoints" / f"weights-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setattr("gan_lightning.metrics.inception.WEIGHTS", weights.name)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    weights.parent.mkdir()
    weights.write_bytes(b"others")
    arguments = ["checkpoint=outputs/run", "n=30", "seeds=[0]", "features=inception", "output=evaluated"]
    damaged = run("evaluate", *arguments)
    assert damaged.code == 2
    assert "is damaged" in damaged.err

    weights.write_bytes(content)
    result = run("evaluate", *arguments)
    assert result.code == 0, result.err
    assert "by inception-2015-12-05" in result.out
    assert "| fid_train " in result.out


def test_inception_needs_its_extra(run, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    result = run("evaluate", "checkpoint=outputs/run", "features=inception")
    assert result.code == 2
    assert result.err.strip() == ("error: features=inception: needs an extra: pip install 'gan-lightning[inception]'")


MINE = """
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.metric import Metric


def brightness(reference, samples):
    return samples.flat.float().mean()


class Brightness(Evaluator):
    metrics = (*Evaluator.metrics, Metric("brightness", "mean of all pixels", brightness, headline=True))

    def features(self, content):
        return content.flatten(1).float()
"""


@pytest.mark.slow
def test_own_evaluator(run, trained, tmp_path, monkeypatch):
    (tmp_path / "brightness.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    own = [
        "data=digits",
        "~data.evaluator.features",
        "data.evaluator={_target_: brightness.Brightness, n: 50}",
        "seeds=[0]",
    ]
    result = run("evaluate", "checkpoint=outputs/run", *own, "output=own")
    assert result.code == 0, result.err
    assert "50 samples × 1 against 50 real examples (train), by Brightness" in result.out
    assert "mean of all pixels" in result.out
    content = read(tmp_path / "own")
    assert content["extractor"] == {"name": "Brightness"}
    assert content["generators"]["raw"].keys() == content["floor"].keys() > {"brightness", "two_sample_auc", "coverage"}
    assert {path.name for path in (tmp_path / "own").iterdir()} == {
        "metrics.json",
        "report.html",
        "samples.png",
        "nearest_training.png",
    }
    several = run("evaluate", "checkpoint=outputs/run/checkpoints", *own, "output=several")
    assert "| brightness |" in several.out

    result = run("evaluate", "checkpoint=outputs/run", *own, "features=random_convolutions")
    assert result.code == 2
    assert result.err.endswith("RandomConvolutions: Brightness has no features to choose\n")


@pytest.mark.slow
def test_features_in_place_of_those_of_the_data(run, trained, tmp_path):
    for data in ([], ["data=digits"]):
        result = run("evaluate", "checkpoint=outputs/run", *data, "features=random_convolutions", "n=50", "seeds=[0]")
        assert result.code == 0, result.err
        assert "50 samples × 1 against 50 real examples (train), by random-conv-32-64-128-0" in result.out


OWN = ["checkpoint=outputs/run", "features=classifier"]
BAD = {
    "nothing": ([], "checkpoint=…"),
    "both": (["checkpoint=outputs/run", "samples=x.npz"], "not both"),
    "no checkpoint": (["checkpoint=nowhere"], "does not exist"),
    "unknown features": (["checkpoint=outputs/run", "features=vgg"], "features=vgg: no such option"),
    "no file": ([*OWN[:2]], "features.path is not set"),
    "no such classifier": ([*OWN, "features.path=a.safetensors"], "a.safetensors: not a readable"),
    "not a classifier": ([*OWN, "features.path=b.safetensors"], "b.safetensors: not a readable"),
    "no picture shape": ([*OWN, "features.path=c.safetensors"], "its weights make no classifier"),
    "other layers": ([*OWN, "features.path=d.safetensors"], "its weights make no classifier"),
    "another kind of image": (["checkpoint=outputs/run", "features=stacked_digits"], "takes images of [3, 28, 28]"),
    "no evaluator": (["samples=shape.npz", "data=digits", "data.evaluator=null"], "data.evaluator=null: set a node"),
    "no features for it": ([*OWN, "features.path=x", "data=digits", "data.evaluator=null"], "data.evaluator=null: set"),
    "no evaluator at all": (
        ["checkpoint=outputs/run", "data=digits", "data.evaluator={_target_:collections.OrderedDict}"],
        "data.evaluator: makes a OrderedDict: it must be an Evaluator",
    ),
    "no seeds": (["checkpoint=outputs/run", "seeds=[]"], "seeds=[]"),
    "few samples": (["checkpoint=outputs/run", "n=5"], "n=5: at least 6 samples are needed"),
    "no data": (["samples=float.npz"], "data=… is needed"),
    "floats": (["samples=float.npz", "data=digits"], "samples=float.npz: is float32: must be uint8"),
    "another shape": (["samples=shape.npz", "data=digits"], "samples=shape.npz: each sample has shape [1, 32, 32]"),
    "not an npz": (["samples=text.npz", "data=digits"], "samples=text.npz: not a readable .npz file"),
    "missing": (["samples=none.npz", "data=digits"], "samples=none.npz: not a readable .npz file"),
    "empty folder": (["samples=empty", "data=digits"], "samples=empty: no .png files in it or below"),
    "another size": (["samples=large", "data=digits"], "1.png: is L, 30×30: the data are L, 28×28"),
    "colour": (["samples=colour", "data=digits"], "1.png: is RGB, 28×28: the data are L, 28×28"),
    "other data": (["checkpoint=outputs/run", "data=image_folder", "data.root=x"], "generates Images [1, 28, 28]"),
    "did you mean": (["checkpoint=outputs/run", "feature=digits"], "did you mean 'features"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input(run, trained, tmp_path, name):
    np.savez(tmp_path / "float.npz", samples=np.zeros((9, 1, 28, 28), np.float32))
    np.savez(tmp_path / "shape.npz", samples=np.zeros((9, 1, 32, 32), np.uint8))
    (tmp_path / "text.npz").write_text("no array")
    (tmp_path / "b.safetensors").write_text("no weights")
    weights = {"head.bias": torch.zeros(3)}
    facts = {"name": "mine", "sha256": weights_hash(weights)}
    save_file(weights, tmp_path / "c.safetensors", facts | {"sample_shape": "round"})
    save_file(weights, tmp_path / "d.safetensors", facts | {"sample_shape": "[1, 28, 28]"})
    for folder in ("empty", "large", "colour"):
        (tmp_path / folder).mkdir()
    Image.new("L", (30, 30)).save(tmp_path / "large" / "1.png")
    Image.new("RGB", (28, 28), "red").save(tmp_path / "colour" / "1.png")
    arguments, expected = BAD[name]
    result = run("evaluate", *arguments)
    assert result.code == 2
    assert len(result.err.strip().splitlines()) == 1, result.err
    assert expected in result.err
    assert not list(tmp_path.rglob("evaluation"))

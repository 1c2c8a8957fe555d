"""Combinations of models, objectives, regularizers and options: they train, or are refused with the reason."""

import itertools
import json

import pytest
import torch
from PIL import Image

from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST

SMALL = {
    "mlp": ["model.generator.hidden_dims=[16]", "model.discriminator.hidden_dims=[16]"],
    "mlp_bn": ["model.generator.hidden_dims=[16]", "model.discriminator.hidden_dims=[16]"],
    "mlp_small": ["model.generator.hidden_dim=16", "model.discriminator.hidden_dim=16"],
    "dcgan": ["model.generator.width=4", "model.discriminator.width=4"],
    "resnet": ["model.generator.width=8", "model.discriminator.width=8"],
    "stylegan": ["model.generator.width=4", "model.discriminator.width=4"],
    "style_dcgan": ["model.generator.width=4", "model.discriminator.width=4"],
}
OBJECTIVES = ["non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "relativistic"]
REGULARIZERS = ["none", "r1", "r1_r2", "gradient_penalty"]
QUICK = ["data=digits", "trainer=cpu", "data.batch_size=32", "callbacks.evaluation=null", "max_iterations=2"]
VAE = ["model=vae", "model.generator.hidden_dims=[16]", "model.encoder.hidden_dims=[16]"]


def assert_trained(result, only_run):
    assert result.code == 0, result.err
    metrics = json.loads((only_run() / "metrics.json").read_text())
    assert metrics["iteration"] == 2
    assert all(value == value for value in metrics.values()), metrics  # no NaN
    return metrics


def combinations():
    """Yield triples in which each pair of a model, an objective and a regularizer occurs."""
    for (i, model), (j, objective) in itertools.product(enumerate(SMALL), enumerate(OBJECTIVES)):
        yield model, objective, REGULARIZERS[(i + j) % len(REGULARIZERS)]


@pytest.mark.parametrize(("model", "objective", "regularizer"), combinations())
def test_combination_of_model_objective_and_regularizer(run, only_run, model, objective, regularizer):
    choices = [f"model={model}", f"objective={objective}", f"regularizer={regularizer}"]
    result = run("train", *choices, *SMALL[model], *QUICK)
    if (objective, regularizer) == ("wasserstein", "none"):
        assert result.code == 2
        assert "needs a discriminator of limited slope: regularizer=gradient_penalty" in result.err
    else:
        metrics = assert_trained(result, only_run)
        assert ("loss/penalty" in metrics) == (regularizer != "none")


@pytest.mark.slow
@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("wrapper", ["spectral_norm", "diffaugment", "[spectral_norm,diffaugment]"])
def test_wrappers(run, only_run, model, wrapper):
    assert_trained(run("train", f"model={model}", f"wrapper={wrapper}", "pack=2", *SMALL[model], *QUICK), only_run)


def test_wasserstein_inspects_the_discriminator(run, only_run):
    """The check of a limited slope does not depend on the names of wrappers."""
    wasserstein = ["objective=wasserstein", *SMALL["mlp"], *QUICK]
    no_norm = "gan_lightning.networks.wrappers.packed"
    result = run("train", *wasserstein, "wrapper=spectral_norm", f"wrappers.spectral_norm._target_={no_norm}",
                 "+wrappers.spectral_norm.size=1")  # fmt: skip
    assert result.code == 2
    assert "model: objective Wasserstein needs a discriminator of limited slope" in result.err
    sn = "{_target_: gan_lightning.networks.wrappers.spectral_norm, _partial_: true}"
    assert_trained(run("train", *wasserstein, f"+wrappers.sn={sn}"), only_run)


@pytest.mark.slow
@pytest.mark.parametrize("model", SMALL)
def test_conditional(run, only_run, tmp_path, model):
    result = run("train", f"model={model}", "conditional=true", *SMALL[model], *QUICK)
    assert_trained(result, only_run)
    assert (
        run("generate", f"checkpoint={only_run()}", "n=4", "condition=7", "format=arrays", "output=seven.npz").code == 0
    )
    one = load(str(only_run()))
    latent = one.model.sample_latent(3, 0)
    sevens, threes = (one.model.sample(3, torch.full((3,), label), latent=latent) for label in (7, 3))
    assert not torch.equal(sevens, threes)
    assert run("evaluate", f"checkpoint={only_run()}", "n=20", "seeds=[0]").code == 0


@pytest.mark.slow
def test_vae(run, only_run):
    """A VAE has the same metrics, samples, conditions and evaluation as a GAN."""
    metrics = assert_trained(run("train", *VAE, *QUICK, "conditional=true"), only_run)
    assert {"loss/reconstruction", "loss/kl"} <= metrics.keys()
    folder = only_run()
    assert run("generate", f"checkpoint={folder}", "n=4", "condition=7").code == 0
    assert run("evaluate", f"checkpoint={folder}", "n=20", "seeds=[0]").code == 0
    assert (folder / "evaluation" / "last" / "metrics.json").exists()


@pytest.mark.slow
def test_regression_learns_the_mean_of_each_class(run, only_run):
    options = [*QUICK[:2], "data.batch_size=64", "callbacks.evaluation=null", "model.generator.width=8"]
    longer = ["model.optimizer.lr=1e-2", "max_iterations=300", "ema_decay=null"]
    result = run("train", "model=regression", "conditional=true", *options, *longer)
    assert result.code == 0, result.err
    trained = load(str(only_run()))
    trained.data.prepare_data()
    trained.data.setup("fit")
    examples = trained.data.examples
    real, labels = trained.data.modality.encode(examples.content), examples.condition
    means = torch.stack([real[labels == label].mean(0) for label in range(10)])
    predicted = trained.model.sample(10, torch.arange(10))
    assert (predicted - means).square().mean().item() < 0.15 * means.var(0).mean().item()

    result = run("train", "model=regression", *options)
    assert result.code == 2
    assert "regression predicts samples from their conditions: set conditional=true" in result.err


def test_gradient_norms_of_networks_that_share_an_optimizer(run, tmp_path):
    """Plain gradient descent changes each network by the learning rate times the norm of its gradient."""
    weights = []
    for name, rate in {"trained": 1e-2, "initial": 1e-20}.items():
        sgd = f"model.optimizer={{_target_: torch.optim.SGD, _partial_: true, lr: {rate}}}"
        options = ["max_iterations=1", "callbacks.scalars.every_n_iterations=1", f"hydra.run.dir={name}"]
        result = run("train", *VAE, *QUICK, sgd, *options)
        assert result.code == 0, result.err
        weights.append(torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    metrics = json.loads((tmp_path / "trained" / "metrics.json").read_text())
    for network in ("encoder", "generator"):
        changes = [weights[0][name] - weights[1][name] for name in weights[0] if name.startswith(f"{network}.")]
        norm = torch.cat([change.flatten() for change in changes]).norm().item() / 1e-2
        assert metrics[f"gradient_norm/{network}"] == pytest.approx(norm, rel=1e-3)


def test_images_with_transparency(run, only_run, tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(8):
        Image.new("RGBA", (28, 28), (16 * i, 0, 255, 32 * i)).save(tmp_path / "images" / f"{i}.png")
    data = ["data=image_folder", "data.root=images", "data.channels=4", "data.batch_size=8"]
    without_sheets = ["callbacks.sample_grid=null", "callbacks.collapse_alarm=null"]
    assert_trained(run("train", *SMALL["mlp"], *QUICK, *data, *without_sheets), only_run)
    assert load(str(only_run())).model.sample(3).shape == (3, 4, 28, 28)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "channels"), [(28, 3), (32, 1), (64, 3)])
@pytest.mark.parametrize("model", ["dcgan", "resnet", "stylegan", "style_dcgan"])
def test_sizes_and_channels(run, only_run, model, size, channels, tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(16):
        Image.new("RGB", (size, size), (16 * i, 0, 255)).save(tmp_path / "images" / f"{i}.png")
    data = ["data=image_folder", "data.root=images", f"data.image_size={size}", f"data.channels={channels}"]
    assert_trained(run("train", f"model={model}", *SMALL[model], *QUICK, *data, "data.batch_size=8"), only_run)


def test_discriminator_steps(run, only_run):
    """Two iterations with three discriminator updates each use six batches, and count as two iterations."""
    result = run("train", *SMALL["mlp"], *QUICK, "model.discriminator_steps=3")
    assert_trained(result, only_run)
    checkpoint = torch.load(only_run() / "checkpoints" / "last.ckpt", weights_only=True)
    steps = [next(iter(state["state"].values()))["step"].item() for state in checkpoint["optimizer_states"]]
    assert steps == [6, 2]
    assert json.loads((only_run() / "metrics.json").read_text())["epoch"] == pytest.approx(2 / -(-1797 // 96))


def test_learning_rate_schedule(run, only_run):
    factor = "{_target_: gan_lightning.algorithms.schedules.Linear, begin: 1, end: 0, iterations: 4}"
    assert_trained(run("train", *SMALL["mlp"], *QUICK, f"model.learning_rate_schedule={factor}"), only_run)
    checkpoint = torch.load(only_run() / "checkpoints" / "last.ckpt", weights_only=True)
    for state in checkpoint["optimizer_states"]:
        assert state["param_groups"][0]["lr"] == pytest.approx(2e-4 * 0.75)  # the rate of the second iteration


@pytest.mark.slow
def test_penalty_schedule(run, only_run):
    weight = "{_target_: gan_lightning.algorithms.schedules.Cosine, begin: 1, end: 0.1, iterations: 100}"
    assert_trained(run("train", *SMALL["mlp"], *QUICK, "regularizer=r1", f"regularizer.weight={weight}"), only_run)


@pytest.mark.slow
def test_averaged_generator(run, only_run, tmp_path):
    """Samples come from the averaged generator; evaluation has the metrics of both generators."""
    assert_trained(run("train", *SMALL["mlp"], *QUICK), only_run)
    folder = only_run()
    one = load(str(folder))
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, weight in one.model.generator.state_dict().items():
        torch.testing.assert_close(state[f"ema.{name}"], one.model.ema.state_dict()[name])
        if weight.is_floating_point():
            assert not torch.equal(state[f"ema.{name}"], weight)
    assert torch.equal(one.model.sample(3), one.model.sample(3, weights="ema"))
    assert not torch.equal(one.model.sample(3), one.model.sample(3, weights="raw"))

    result = run("evaluate", f"checkpoint={folder}", "n=20", "seeds=[0]")
    assert "(ema)" in result.out
    assert "(raw)" in result.out
    content = json.loads((folder / "evaluation" / "last" / "metrics.json").read_text())
    assert list(content["generators"]) == ["ema", "raw"]


def test_grid_has_a_row_for_each_class(run, only_run):
    assert_trained(run("train", *SMALL["mlp"], *QUICK, "conditional=true"), only_run)
    (grid,) = (only_run() / "samples").glob("*.png")
    width, height = Image.open(grid).size
    assert (width, height) == (56 + 7 * 60 + 4, 10 * 60 + 4)  # 64 samples: the label and 7 for each of 10 classes


SCHEDULED = (
    "+wrappers.augmented={_target_: gan_lightning.networks.augment.DiffAugment, _partial_: true, policy: [flip],"
    " probability: {_target_: gan_lightning.algorithms.schedules.Linear, begin: 0, end: 1, iterations: 7}}"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["regularizer=r1", "pack=2", "conditional=true", "model.discriminator_steps=2", SCHEDULED]
)
def test_resumed_run_equals_uninterrupted_run(run, tmp_path, part):
    common = [*FAST, part, "callbacks.collapse_alarm=null"]
    assert run("train", *common, "max_iterations=7", "hydra.run.dir=whole").code == 0
    assert run("train", *common, "max_iterations=3", "hydra.run.dir=parts").code == 0
    assert run("train", "resume=parts", "max_iterations=7").code == 0
    states = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("whole", "parts")
    ]
    assert any(name.startswith("ema.") for name in states[0])
    for name, weight in states[0].items():
        assert torch.equal(weight, states[1][name]), name


REFUSED = {
    "batch norm": (
        ["model=dcgan", "model.discriminator.batch_norm=true", "regularizer=r1"],
        "R1 needs a logit for each single sample, but the discriminator has batch norm",
    ),
    "pack": (["pack=3"], "pack=3: does not divide data.batch_size=32"),
    "pack and labels": (["pack=2", "conditional=true"], "the samples of a pack have no label in common"),
    "no classes": (["conditional=true", "data.num_classes=null"], "conditional=true: the data have no classes"),
    "too few classes": (["data.num_classes=5"], "data.num_classes=5: there are 10 classes"),
    "size": (["model=dcgan", "data.sample_shape=[1,30,30]"], "must be equal, and 28, 32, 64 or another"),
    "discriminator": (
        ["model.discriminator.sample_shape=[7]"],
        "model: the networks do not fit together or to the data",
    ),
    "generator": (["model.generator.sample_shape=[1,7,7]"], "the data have (1, 28, 28)"),
    "label": (["objective.real_label=1.5"], "objective.real_label=1.5: must be less than or equal to 1"),
    "ema": (["ema_decay=1"], "ema_decay=1: must be less than 1"),
    "weight": (["regularizer=r1", "regularizer.weight=high"], "regularizer.weight=high"),
    "policy": (["wrapper=diffaugment", "wrappers.diffaugment.policy=[blur]"], "wrappers.diffaugment.policy"),
    "empty policy": (["wrapper=diffaugment", "wrappers.diffaugment.policy=[]"], "model: DiffAugment with policy=[]"),
    "probability": (
        ["wrapper=diffaugment", "wrappers.diffaugment.probability=1.5"],
        "wrappers.diffaugment.probability=1.5: must be less than or equal to 1",
    ),
    "mixing": (
        ["model=stylegan", "model.generator.mixing_probability=-0.1"],
        "model.generator.mixing_probability=-0.1: must be greater than or equal to 0",
    ),
    "steps": (["model.discriminator_steps=0"], "model.discriminator_steps=0: must be greater than 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_combination_is_refused(run, tmp_path, name):
    arguments, expected = REFUSED[name]
    result = run("train", *QUICK, *arguments)
    assert result.code == 2
    assert len(result.err.strip().splitlines()) == 1, result.err
    assert expected in result.err
    assert not list(tmp_path.glob("outputs"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["condition=3"], "condition=3: the model is not conditional"),
        (["weights=ema"], "weights=ema: the model has no averaged generator"),
    ],
)
def test_generate_refuses_what_the_model_lacks(run, arguments, expected):
    assert run("train", *SMALL["mlp"], *QUICK, "ema_decay=null", "hydra.run.dir=run").code == 0
    result = run("generate", "checkpoint=run", *arguments)
    assert result.code == 2
    assert expected in result.err


def test_generate_refuses_an_unknown_label(run):
    assert run("train", *SMALL["mlp"], *QUICK, "conditional=true", "hydra.run.dir=run").code == 0
    result = run("generate", "checkpoint=run", "condition=10")
    assert "condition=10: no class and no file: the classes are 0 to 9" in result.err

"""Code that a checkpoint may name; other code is neither run nor imported."""

import sys

import pytest
import torch
from omegaconf import OmegaConf

from gan_lightning.config.trust import check_trusted
from gan_lightning.errors import UserError
from gan_lightning.paths import CONF_DIR
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST

REFUSED = [
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "gan_lightning.data.mnist.hashlib.md5",  # reached through this package, defined elsewhere
    "gan_lightning.data.datamodule.Path",
    "gan_lightning.commands.cli.os.system",
    "gan_lightning.commands.cli.train",
    "gan_lightning.commands.session.Session",
    "gan_lightning.files.write_json",  # of this package, but writes files
    "gan_lightning.runs.folders.create_new_folder",
    "gan_lightning.runs.manifest.Manifest",
    "gan_lightning.system.distributed.join",
    "gan_lightning.metrics.extractors.save_classifier",  # in a subpackage whose classes are trusted
    "gan_lightning.data.image_folder.read_image",
    "gan_lightning.networks.wrappers.mixes_samples",  # returns no network
    "gan_lightning.networks.dcgan.Generator.forward",
    "gan_lightning.networksevil.Generator",
    "torch.load",
    "torch.hub.load",
    "torch.nn.init.warnings.warn",
    "torch.optim.Optimizer.__init_subclass__",
    "torchvision.io.write_file",
    "torchvision.datasets.utils.download_url",
    "lightning.pytorch.loggers.tensorboard.os.system",
    "hydra.utils.get_method",
    "functools.partial",
    "evil_module_that_was_never_imported.Network",
    17,
    None,
    ["torch.nn.Linear"],
]


@pytest.mark.parametrize("target", REFUSED, ids=str)
@pytest.mark.parametrize("place", ["at the top", "below", "in a list"])
def test_refused(target, place):
    node = {"_target_": target}
    value = {
        "at the top": node,
        "below": {"_target_": "torch.nn.Linear", "layers": {"first": node}},
        "in a list": {"_target_": "torch.nn.Sequential", "_args_": [[node]]},
    }[place]
    before = set(sys.modules)
    with pytest.raises(UserError, match=r"^model.*_target_=.*(trust_code=|cannot be imported)"):
        check_trusted(value, "model", [])
    assert not {name for name in set(sys.modules) - before if "evil" in name}


@pytest.mark.parametrize(
    "target",
    [
        "gan_lightning.algorithms.gan.GAN", "gan_lightning.networks.wrappers.packed", "gan_lightning.data.mnist.MNIST",
        "torch.optim.Adam", "torch.nn.Linear", "lightning.pytorch.loggers.TensorBoardLogger",
    ],
)  # fmt: skip
def test_trusted(target):
    check_trusted({"_target_": target}, "model", [])


def targets(node):
    if isinstance(node, dict):
        if "_target_" in node:
            yield node["_target_"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from targets(item)


def test_all_targets_of_conf_are_trusted():
    of_conf = set()
    for path in CONF_DIR.rglob("*.yaml"):
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        content.pop("hydra", None)  # not in checkpoints
        of_conf |= set(targets(content))
    assert {"gan_lightning.algorithms.gan.GAN", "lightning.pytorch.Trainer", "torch.optim.Adam"} <= of_conf
    for target in of_conf:
        check_trusted({"_target_": target}, "model", [])


@pytest.mark.parametrize("text", ["${oc.create:'{_target_: os.getcwd}'}", "${oc.env:HOME}", "${..latent_dim}"])
def test_interpolations_are_refused(text):
    with pytest.raises(UserError, match="plain values only"):
        check_trusted({"_target_": "torch.nn.Linear", "in_features": text}, "model", [])


def test_packages_that_the_user_trusts():
    with pytest.raises(UserError, match="trust_code=\\[collections\\]"):
        check_trusted({"_target_": "collections.OrderedDict"}, "model", [])
    check_trusted({"_target_": "collections.OrderedDict"}, "model", ["collections"])


@pytest.mark.parametrize("command", ["generate", "evaluate", "export"])
def test_checkpoint_that_would_run_a_function(run, tmp_path, command):
    run("train", *FAST, "max_iterations=1", "hydra.run.dir=run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    content["config"]["model"]["generator"] = {"_target_": "os.mkdir", "path": "made"}
    torch.save(content, path)
    result = run(command, "checkpoint=run")
    assert result.code == 2
    assert result.err.startswith("error: model.generator._target_=os.mkdir: comes from a file")
    assert result.err.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_pickle_that_would_run_a_function(tmp_path):
    class Evil:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'made')!r}, 'w')",)

    path = tmp_path / "evil.ckpt"
    torch.save({"config": {}, "state_dict": {}, "iteration": Evil()}, path)
    with pytest.raises(UserError, match="not a checkpoint, or a damaged one"):
        load(str(path))
    assert not (tmp_path / "made").exists()

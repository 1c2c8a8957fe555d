"""Every config file is run for a batch."""

import json
from pathlib import Path

import hydra
import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from gan_lightning.metrics.extractors import DIGITS
from gan_lightning.paths import CONF_DIR
from gan_lightning.search.space import format_override

SMALL = ["data.batch_size=32", "max_iterations=1", "trainer=cpu"]


def options(group):
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


NOT_OF_ONE_RUN = ("search", "sweep")
PARTS = ("algorithm",)  # of files in conf/model/, which are run
GROUPS = sorted(
    path.name for path in CONF_DIR.iterdir() if path.is_dir() and path.name not in (*NOT_OF_ONE_RUN, *PARTS)
)
CASES = [(group, option) for group in GROUPS for option in options(group)]
CHOSEN_AS = {"features": "features@data.evaluator.features"}  # groups that the command line knows by another name
WANTS_DATA = ("data", "experiment")  # groups whose options are tried on the data that they name, others on digits
WITH = {  # what else an option takes
    "data=image_folder": ["data.root=pictures"],
    "data=stacked_mnist": ["data.stacks=500"],
    "features=classifier": [f"data.evaluator.features.path={DIGITS}"],
    "features=stacked_digits": ["data=stacked_mnist", "data.stacks=500"],
    "objective=wasserstein": ["regularizer=gradient_penalty"],
}
NOT_HERE = {
    "features=inception": "needs its weights",
    "trainer=gpu": "needs a GPU",
    "trainer=ddp": "needs a GPU",
}


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(32):
        Image.fromarray(np.full((30, 40, 3), 8 * i, np.uint8)).save(folder / f"{i}.png")
    return folder


def idx_files(arguments, idx_folder):
    """Where the data of a command are idx files, small ones."""
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        data = hydra.compose("train", arguments).data
    return [f"data.root={idx_folder}", "data.checksums=null"] if "dataset" in data else []


@pytest.mark.parametrize(("group", "option"), CASES)
def test_one_batch(run, only_run, idx_folder, pictures, group, option):
    name = f"{group}={option}"
    if name in NOT_HERE:
        pytest.skip(NOT_HERE[name])
    arguments = [f"{CHOSEN_AS.get(group, group)}={option}", *WITH.get(name, [])]
    if group not in WANTS_DATA and not any(argument.startswith("data=") for argument in arguments):
        arguments.append("data=digits")
    arguments += idx_files(arguments, idx_folder)
    small = [argument for argument in SMALL if not (group == "trainer" and argument.startswith("trainer="))]
    result = run("train", *arguments, *small)
    assert result.code == 0, result.err
    metrics = json.loads((only_run() / "metrics.json").read_text())
    assert metrics["iteration"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("option", options("sweep"))
def test_one_batch_of_each_job(run, tmp_path, idx_folder, option):
    where = [f"data.root={idx_folder}", "data.checksums=null", "callbacks.evaluation=null", "hydra.sweep.dir=sweep"]
    result = run("train", "-m", f"sweep={option}", *where, *SMALL)
    assert result.code == 0, result.err
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("sweep/*/manifest.json")]
    names = {manifest["config"]["name"] for manifest in manifests}
    assert len(names) == len(manifests) > 3  # each job says in its name what it varies


@pytest.mark.parametrize("option", options("search"))
def test_one_batch_of_a_trial(run, only_run, idx_folder, option):
    search = OmegaConf.load(CONF_DIR / "search" / f"{option}.yaml")
    values = {key: tried.get("low", tried.get("choices", [None])[0]) for key, tried in search.space.items()}
    data = [] if option == "quickstart" else [f"data.root={idx_folder}", "data.checksums=null"]
    trial = [*search.overrides, *(format_override(key, value) for key, value in values.items())]
    result = run("train", *trial, *data, "callbacks.evaluation=null", *SMALL)
    assert result.code == 0, result.err
    manifest = json.loads((only_run() / "manifest.json").read_text())
    assert manifest["config"]["model"]["generator_optimizer"]["lr"] == values["model.generator_optimizer.lr"]


@pytest.mark.parametrize("path", sorted(CONF_DIR.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF_DIR)))
def test_each_says_what_it_is(path: Path):
    comments = [line for line in path.read_text().splitlines()[:2] if line.startswith("# ") and "@package" not in line]
    assert comments, "the first lines say what it is and where it comes from"

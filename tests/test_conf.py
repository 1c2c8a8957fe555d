"""Every config file is run for a batch."""

import json
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from gan_lightning.metrics.extractors import DIGITS
from gan_lightning.paths import CONF_DIR
from gan_lightning.search.space import override

SMALL = ["data.batch_size=32", "max_iterations=1", "trainer=cpu"]


def options(group):
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


GROUPS = sorted(path.name for path in CONF_DIR.iterdir() if path.is_dir())
NOT_OF_ONE_RUN = ("search", "sweep")
CASES = [(group, option) for group in GROUPS if group not in NOT_OF_ONE_RUN for option in options(group)]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(32):
        Image.fromarray(np.full((30, 40, 3), 8 * i, np.uint8)).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize(("group", "option"), CASES)
def test_one_batch(run, only_run, idx_folder, pictures, group, option):
    arguments = [f"{group}={option}"]
    if (group == "data" and "mnist" in option) or option.startswith(("article", "best", "wgan")):
        arguments += [f"data.root={idx_folder}", "data.checksums=null"]
        arguments += ["data.stacks=500"] if option == "stacked_mnist" else []
    elif option == "image_folder":
        arguments += [f"data.root={pictures}"]
    elif group == "features":
        if option == "inception":
            pytest.skip("needs its weights")
        data = "stacked_mnist" if option == "stacked_digits" else "digits"
        arguments = [f"data={data}", f"features@data.evaluator.features={option}"]
        arguments += [f"data.evaluator.features.path={DIGITS}"] if option == "classifier" else []
        where = [f"data.root={idx_folder}", "data.checksums=null", "data.stacks=500"]
        arguments += where if data == "stacked_mnist" else []
    elif option == "wasserstein":
        arguments += ["data=digits", "regularizer=gradient_penalty"]
    elif group == "trainer":
        if option in ("gpu", "ddp"):
            pytest.skip("needs a GPU")
        arguments += ["data=digits"]
    elif group != "experiment":
        arguments += ["data=digits"]
    small = [argument for argument in SMALL if not (group == "trainer" and argument.startswith("trainer="))]
    result = run("train", *arguments, *small)
    assert result.code == 0, result.err
    metrics = json.loads((only_run() / "metrics.json").read_text())
    assert metrics["iteration"] == 1


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
    trial = [*search.overrides, *(override(key, value) for key, value in values.items())]
    result = run("train", *trial, *data, "callbacks.evaluation=null", *SMALL)
    assert result.code == 0, result.err
    manifest = json.loads((only_run() / "manifest.json").read_text())
    assert manifest["config"]["model"]["generator_optimizer"]["lr"] == values["model.generator_optimizer.lr"]


@pytest.mark.parametrize("path", sorted(CONF_DIR.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF_DIR)))
def test_each_says_what_it_is(path: Path):
    comments = [line for line in path.read_text().splitlines()[:2] if line.startswith("# ") and "@package" not in line]
    assert comments, "the first lines say what it is and where it comes from"

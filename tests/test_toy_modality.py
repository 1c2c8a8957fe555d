"""Every command works with a modality from outside the package, so that a new modality takes one file.

``tests/toy/waves.py`` has the modality, its evaluator, data and networks; ``tests/toy/conf/`` has the YAML files.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.commands import verify as gan_verify
from gan_lightning.provenance import identity

TOY = Path(__file__).parent / "toy"
WAVES = ["--config-dir", str(TOY / "conf"), "trainer=cpu", "data=sines", "model=waves", "conditional=true"]
RUN = ["checkpoint=run", "trust_code=[waves]"]


@pytest.fixture(autouse=True)
def toy(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(TOY)
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory):
    """Return the path of the trained run that all tests copy; the first test that needs it creates it."""
    return tmp_path_factory.mktemp("toy") / "run"


@pytest.fixture
def trained(run, tmp_path, shared_run):
    """Return a run that was stopped after 10 iterations and resumed to 20."""
    if not shared_run.exists():
        few = ["callbacks.collapse_alarm.every_n_iterations=5", "hydra.run.dir=run"]
        result = run("train", *WAVES, *few, "max_iterations=10")
        assert result.code == 0, result.err
        result = run("train", "--config-dir", str(TOY / "conf"), "resume=run", "max_iterations=20")
        assert result.code == 0, result.err
        shutil.move("run", shared_run)
    shutil.copytree(shared_run, tmp_path / "run")
    return tmp_path / "run"


def test_train_and_resume(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["iteration"] == 20
    for name in ("loudness", "two_sample_auc", "copy_rate", "precision"):
        assert np.isfinite(metrics[f"evaluation/{name}"])
    assert np.isfinite(metrics["quality/coverage"])
    sheet = np.asarray(Image.open(max((trained / "samples").glob("*.png"))))
    assert sheet.shape[2] == 3
    assert sheet.std() > 1


@pytest.mark.slow
def test_resumed_run_equals_uninterrupted_run(run, trained):
    assert run("train", *WAVES, "max_iterations=20", "hydra.run.dir=whole").code == 0
    states = [torch.load(path / "checkpoints/last.ckpt")["state_dict"] for path in (trained, Path("whole"))]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_generate(run, trained):
    assert run("generate", *RUN, "n=8", "format=sheet", "output=sheet.png").code == 0
    assert Image.open("sheet.png").size[0] > 50
    assert run("generate", *RUN, "n=8", "format=files", "condition=3", "output=files").code == 0
    assert len(list(Path("files").glob("*.wave"))) == 8
    assert run("generate", *RUN, "n=8", "format=arrays", "output=samples.npz").code == 0
    with np.load("samples.npz") as arrays:
        assert (arrays["samples"].dtype, arrays["samples"].shape) == (np.int16, (8, 1, 64))
        assert arrays["condition"].shape == (8,)
    assert run("generate", *RUN, "n=2", "interpolate=3", "output=walk.gif").code == 0


def test_generate_without_trust_is_refused(run, trained):
    result = run("generate", "checkpoint=run", "n=8")
    assert result.code == 2
    assert "waves" in result.err


@pytest.mark.slow
def test_evaluate(run, trained):
    result = run("evaluate", *RUN, "seeds=[0,1]")
    assert result.code == 0, result.err
    assert "root mean square" in result.out
    assert "two_sample_auc" in result.out
    assert run("generate", *RUN, "n=50", "format=files", "output=files").code == 0
    config = ["--config-dir", str(TOY / "conf"), "data=sines"]
    assert run("evaluate", *config, "samples=files").code == 0
    metrics = json.loads(Path("evaluation/files/metrics.json").read_text())
    assert metrics["generators"]["raw"]["loudness"]["mean"] > 0


def test_sign_and_verify(run, called, trained):
    identity.create("Jane Doe", "Example")
    result = run("generate", *RUN, "n=4", "condition=2", "sign=true", "output=signed", "ledger=ledger")
    assert result.code == 0, result.err
    files = sorted(Path("signed").glob("*.wave"))
    assert len(files) == 4
    code, said = called(gan_verify.main, *files)
    assert (code, said.count(": trusted: ")) == (0, 4)

    files[0].write_bytes(files[0].read_bytes()[:-1] + b"\x01")
    code, said = called(gan_verify.main, files[0])
    assert code == 1
    assert ": tampered: " in said

    bare = Path("bare.wave")
    bare.write_bytes(files[1].read_bytes())
    assert "in the ledger" in called(gan_verify.main, bare, "--ledger", "ledger", "--trust-code", "waves")[1]
    checkpoint = ["--checkpoint", "run", "--trust-code", "waves", "--n", "4", "--condition", "2"]
    assert "regenerates" in called(gan_verify.main, bare, *checkpoint)[1]


@pytest.mark.slow
def test_joint_content(run):
    """Train on images with waves, with gradient penalties on both, and generate them in every format."""
    config = ["--config-dir", str(TOY / "conf"), "trainer=cpu", "data=stripes", "model=joint"]
    for regularizer in ("r1_r2", "gradient_penalty"):
        result = run("train", *config, f"regularizer={regularizer}", "max_iterations=8", f"hydra.run.dir={regularizer}")
        assert result.code == 0, result.err
    joint = ["checkpoint=r1_r2", "trust_code=[waves]", "n=5"]
    assert run("generate", *joint, "format=arrays", "output=joint.npz").code == 0
    with np.load("joint.npz") as arrays:
        assert arrays["image"].shape == (5, 1, 8, 8)
        assert arrays["wave"].shape == (5, 1, 64)
    assert run("generate", *joint, "format=files", "output=joint").code == 0
    assert len(list(Path("joint").glob("*.iw"))) == 5
    assert run("generate", *joint, "format=sheet", "output=joint.png").code == 0


@pytest.mark.slow
def test_condition_that_is_content(run):
    """Train a generator without a latent; its checkpoint keeps example conditions."""
    config = ["--config-dir", str(TOY / "conf"), "trainer=cpu", "data=refinable", "model=refiner"]
    result = run("train", *config, "max_iterations=8", "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert run("generate", *RUN, "n=4", "output=stored.npz", "format=arrays").code == 0
    with np.load("stored.npz") as arrays:
        assert arrays["condition"].shape == (4, 1, 8)
        coarse = arrays["condition"]
    assert run("generate", *RUN, "n=4", "format=sheet", "output=stored.png").code == 0
    np.save("coarse.npy", coarse[:1])
    assert run("generate", *RUN, "n=1", "condition=coarse.npy", "format=arrays", "output=one.npz").code == 0
    with np.load("one.npz") as arrays:
        assert np.array_equal(arrays["condition"], coarse[:1])
    result = run("generate", *RUN, "n=1", "interpolate=3")
    assert result.code == 2
    assert "no latents" in result.err
    assert run("generate", *RUN, "condition=7").code == 2

"""Samples from a trained run, without its data."""

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.commands.generate import slerp
from gan_lightning.modalities.image import to_uint8
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST


@pytest.fixture
def trained(run, tmp_path):
    assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run").code == 0
    return tmp_path / "run"


def test_grid_by_default(run, trained):
    result = run("generate", "checkpoint=run", "n=9")
    assert result.code == 0, result.err
    path = trained / "generated" / "last_n9_seed0.png"
    assert result.out.strip() == str(path.relative_to(trained.parent))
    assert Image.open(path).size == (184, 184)


def test_npz_is_what_the_model_samples(run, trained):
    run("generate", "checkpoint=run/checkpoints/last.ckpt", "n=5", "seed=3", "format=npz", "output=new/samples.npz")
    samples = np.load("new/samples.npz")["samples"]
    assert samples.dtype == np.uint8
    assert samples.shape == (5, 1, 28, 28)
    assert np.array_equal(samples, to_uint8(load("run").model.sample(5, seed=3)).numpy())


def test_png_is_a_picture_each(run, trained):
    run("generate", "checkpoint=run", "n=3", "format=png", "output=pictures")
    run("generate", "checkpoint=run", "n=3", "format=npz", "output=samples.npz")
    samples = np.load("samples.npz")["samples"]
    pictures = [np.asarray(Image.open(f"pictures/{i:06d}.png")) for i in range(3)]
    assert np.array_equal(np.stack(pictures), samples[:, 0])


def test_pictures_into_the_folder_one_is_in(run, trained, monkeypatch):
    here = trained.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    result = run("generate", f"checkpoint={trained}", "n=2", "format=png", "output=.")
    assert (result.code, result.out.strip()) == (0, "."), result.err
    assert len(list(here.glob("*.png"))) == 2


def test_walk_leaves_and_returns(run, trained):
    assert run("generate", "checkpoint=run", "n=4", "interpolate=10").code == 0
    with Image.open(trained / "generated" / "last_n4_seed0_walk10.gif") as gif:
        assert gif.n_frames == 20
        assert gif.size == (124, 124)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["output=grid"], ".png file"),
        (["output=run"], ".png file"),
        (["output=samples.dat", "format=npz"], ".npz file"),
        (["output=walk.png", "interpolate=2"], ".gif file"),
        (["output=run/metrics.json", "format=png"], "exists already"),
    ],
)
def test_output_that_does_not_fit_the_format(run, trained, arguments, expected):
    before = set(trained.parent.rglob("*"))
    result = run("generate", "checkpoint=run", "n=1", *arguments)
    assert result.code == 2
    assert expected in result.err
    assert set(trained.parent.rglob("*")) == before


def test_training_data_are_not_needed(run, idx_folder):
    assert (
        run("train", "data.checksums=null", f"data.root={idx_folder}", "max_iterations=1", "hydra.run.dir=run").code
        == 0
    )
    idx_folder.rename(idx_folder.with_name("away"))
    assert run("generate", "checkpoint=run", "n=1").code == 0


def test_leaves_nothing_else_behind(run, trained):
    before = set(trained.parent.rglob("*"))
    run("generate", "checkpoint=run", "n=1", "output=one.png")
    assert set(trained.parent.rglob("*")) - before == {trained.parent / "one.png"}


def test_slerp():
    begin, end = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(slerp(begin, end, 0.0), begin)
    torch.testing.assert_close(slerp(begin, end, 1.0), end)
    torch.testing.assert_close(slerp(begin, end, 0.5), torch.full((1, 2), 0.5**0.5))
    torch.testing.assert_close(slerp(begin, begin, 0.5), begin)

"""The generate command: samples of a trained run, without its data."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.latents.mixing import slerp
from gan_lightning.modalities.arrays import write_arrays
from gan_lightning.modalities.image import Images, to_uint8
from gan_lightning.runs.checkpoints import load
from gan_lightning.runs.drawing import read_conditions, recorded_condition
from tests.conftest import FAST, ROOT


@pytest.fixture
def trained(trained_once, tmp_path):
    trained_once("generator", *FAST, "max_iterations=2", "hydra.run.dir=run")
    return tmp_path / "run"


def test_sheet_by_default(run, trained):
    result = run("generate", "checkpoint=run", "n=9")
    assert result.code == 0, result.err
    path = trained / "generated" / "last_n9_seed0.png"
    assert result.out.strip() == str(path.relative_to(trained.parent))
    assert Image.open(path).size == (184, 184)


def test_arrays_are_what_the_model_samples(run, trained):
    run("generate", "checkpoint=run/checkpoints/last.ckpt", "n=5", "seed=3", "format=arrays", "output=new/samples.npz")
    samples = np.load("new/samples.npz")["samples"]
    assert samples.dtype == np.uint8
    assert samples.shape == (5, 1, 28, 28)
    assert np.array_equal(samples, to_uint8(load("run").model.sample(5, seed=3)).numpy())


def test_files_are_one_for_each_sample(run, trained):
    run("generate", "checkpoint=run", "n=3", "format=files", "output=pictures")
    run("generate", "checkpoint=run", "n=3", "format=arrays", "output=samples.npz")
    samples = np.load("samples.npz")["samples"]
    pictures = [np.asarray(Image.open(f"pictures/{i:06d}.png")) for i in range(3)]
    assert np.array_equal(np.stack(pictures), samples[:, 0])


def test_files_in_the_working_directory(run, trained, monkeypatch):
    here = trained.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    result = run("generate", f"checkpoint={trained}", "n=2", "format=files", "output=.")
    assert (result.code, result.out.strip()) == (0, "."), result.err
    assert len(list(here.glob("*.png"))) == 2


def test_walk_goes_there_and_back(run, trained):
    assert run("generate", "checkpoint=run", "n=4", "interpolate=10").code == 0
    with Image.open(trained / "generated" / "last_n4_seed0_walk10.gif") as gif:
        assert gif.n_frames == 20
        assert gif.size == (124, 124)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["output=sheet"], ".png file"),
        (["output=run"], ".png file"),
        (["output=samples.dat", "format=arrays"], ".npz file"),
        (["output=walk.png", "interpolate=2"], ".gif file"),
        (["output=run/metrics.json", "format=files"], "exists already"),
        (["output=made.png", "format=files"], "output=made.png: format=files needs the name of a folder"),
        (["output=made.JPG", "format=files"], "output=made.JPG: format=files needs the name of a folder"),
        (["output=made.npy", "format=files"], "output=made.npy: format=files needs the name of a folder"),
        (["output=made.png", "format=png"], "format=png: Images have no png: choose one of sheet, files, arrays"),
    ],
)
def test_output_name_that_does_not_fit_the_format(run, trained, arguments, expected):
    before = set(trained.parent.rglob("*"))
    result = run("generate", "checkpoint=run", "n=1", *arguments)
    assert result.code == 2
    assert expected in result.err
    assert set(trained.parent.rglob("*")) == before


@pytest.mark.slow
def test_training_data_are_not_needed(run, idx_folder):
    assert (
        run("train", "data.checksums=null", f"data.root={idx_folder}", "max_iterations=1", "hydra.run.dir=run").code
        == 0
    )
    idx_folder.rename(idx_folder.with_name("away"))
    assert run("generate", "checkpoint=run", "n=1").code == 0


def test_no_other_files_are_written(run, trained):
    before = set(trained.parent.rglob("*"))
    run("generate", "checkpoint=run", "n=1", "output=one.png")
    assert set(trained.parent.rglob("*")) - before == {trained.parent / "one.png"}


@pytest.fixture
def conditional(trained_once, tmp_path):
    trained_once("conditional", *FAST, "max_iterations=2", "conditional=true", "hydra.run.dir=run")
    return tmp_path / "run"


def test_arrays_have_the_conditions(run, conditional):
    model, data = (trained := load("run")).model, trained.data
    run("generate", "checkpoint=run", "n=2000", "format=arrays", "output=drawn.npz")  # more than are generated at once
    drawn = np.load("drawn.npz")
    labels = data.sample_conditions(2000, 0)
    assert np.array_equal(drawn["condition"], labels.numpy())
    assert np.array_equal(drawn["samples"], to_uint8(model.sample(2000, labels)).numpy())
    result = run("generate", "checkpoint=run", "n=3", "format=arrays", "condition=7")
    assert result.out == "run/generated/last_n3_seed0_condition7.npz\n"
    asked = np.load(result.out.strip())
    assert asked["condition"].tolist() == [7, 7, 7]
    assert np.array_equal(asked["samples"], to_uint8(model.sample(3, torch.full((3,), 7))).numpy())


def test_condition_from_a_file(run, conditional):
    Path("some.labels").write_text("1\n2\n3\n")
    assert run("generate", "checkpoint=run", "n=3", "format=arrays", "condition=some.labels", "output=a.npz").code == 0
    assert np.load("a.npz")["condition"].tolist() == [1, 2, 3]
    result = run("generate", "checkpoint=run", "n=4", "condition=some.labels", "output=a.png")
    expected = "error: condition=some.labels: holds 3 for n=4: must hold one, or as many as n\n"
    assert (result.code, result.err) == (2, expected)
    assert not Path("a.png").exists()


class FromImages(Data):
    """Data set of images, each with an image of 2×2 pixels as its condition."""

    def __init__(self) -> None:
        super().__init__(Images(1, 4, 4), 1, 0, Images(1, 2, 2))

    def load(self) -> Examples:
        raise NotImplementedError


def test_images_as_conditions(tmp_path):
    data = FromImages()
    for value in range(3):
        Image.new("L", (2, 2), value).save(tmp_path / f"{value}.png")
    one = tmp_path / "2.png"
    assert read_conditions(data, str(one), 5, 0).shape == (5, 1, 2, 2)
    assert to_uint8(read_conditions(data, str(tmp_path), 3, 0))[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert recorded_condition(data, str(one)) == f"sha256:{Images.digest(one)}"
    with pytest.raises(UserError, match="holds 3 for n=5: must hold one, or as many as n"):
        read_conditions(data, str(tmp_path), 5, 0)
    with pytest.raises(UserError, match=r"condition=nothing\.png: no such file or folder"):
        read_conditions(data, "nothing.png", 5, 0)
    with pytest.raises(UserError, match=r"condition=x{100}: cannot be read \(File name too long\)"):
        read_conditions(data, "x" * 5000, 5, 0)


def test_sheet_of_one_condition(run, conditional):
    result = run("generate", "checkpoint=run", "n=4", "condition=7")
    assert result.out == "run/generated/last_n4_seed0_condition7.png\n"
    assert Image.open(result.out.strip()).size == (124, 124)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["n=1000001"], "n=1000001: a sheet shows at most 4,096 samples: format=files or format=arrays"),
        (["n=4097", "condition=7"], "n=4097: a sheet shows at most 4,096 samples"),
        (["n=100", "interpolate=1000000000"], "2,000,000,000 sheets of 604×604 pixels: at most interpolate=367, or a"),
        (["n=99999999999", "format=arrays"], "n=99999999999: latents and conditions take "),
        (["n=99999999999", "format=files"], "at most n=2657"),
        (["condition=10"], "condition=10: no class and no file: the classes are 0 to 9"),
        (["condition=nowhere.png"], "condition=nowhere.png: no class and no file"),
        (["condition=1.5"], "condition=1.5: "),
    ],
)
def test_bad_input(run, conditional, tmp_path, arguments, expected):
    before = set(tmp_path.rglob("*"))
    result = run("generate", "checkpoint=run", *arguments)
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
    assert set(tmp_path.rglob("*")) == before


LIMITED = """
import resource
import sys
from gan_lightning.commands import cli
arguments = sys.argv[1:]
sys.argv[1:] = [*arguments, "n=1", "output=first.npz"]
cli.generate()
size = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (size + 2**28, resource.RLIM_INFINITY))
sys.argv[1:] = [*arguments, "n=150000", "output=all.npz"]
cli.generate()
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_more_samples_than_memory_holds(run, trained):
    """All samples take 470 MB as floats and 118 MB as pixels; their latents take 60 MB."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", LIMITED, "checkpoint=run", "format=arrays"]
    result = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    samples = np.load("all.npz")["samples"]
    assert samples.shape == (150_000, 1, 28, 28)
    assert np.array_equal(samples[-100:], to_uint8(load("run").model.sample(150_000)[-100:]).numpy())


@pytest.mark.parametrize("format", ["sheet", "files", "arrays", "walk"])
def test_full_disk_leaves_no_files(run, trained, tmp_path, format):
    """A limit on the size of files stands in for a full disk."""
    how = ["interpolate=3"] if format == "walk" else [f"format={format}"]
    before = set(tmp_path.rglob("*"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        result = run("generate", "checkpoint=run", "n=30", *how)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (result.code, result.err.count("\n"), "File too large" in result.err) == (2, 1, True), result.err
    assert set(tmp_path.rglob("*")) == before


def test_arrays_of_joint_content(tmp_path):
    images, waves = torch.arange(24).view(6, 4).byte(), torch.arange(6).view(6, 1).short()
    parts = [{"image": images[part], "wave": waves[part]} for part in (slice(4), slice(4, 6))]
    write_arrays(tmp_path / "joint.npz", parts, 6)
    arrays = np.load(tmp_path / "joint.npz")
    assert sorted(arrays) == ["image", "wave"]
    assert np.array_equal(arrays["image"], images.numpy())
    assert (arrays["wave"].dtype, arrays["wave"].tolist()) == (np.int16, waves.tolist())
    assert [path.name for path in tmp_path.iterdir()] == ["joint.npz"]


def test_slerp():
    begin, end = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(slerp(begin, end, 0.0), begin)
    torch.testing.assert_close(slerp(begin, end, 1.0), end)
    torch.testing.assert_close(slerp(begin, end, 0.5), torch.full((1, 2), 0.5**0.5))
    torch.testing.assert_close(slerp(begin, begin, 0.5), begin)
    maps = torch.stack([begin, end], 2)
    torch.testing.assert_close(slerp(maps, maps, 0.3), maps)
    flat = slerp(begin.repeat(1, 2), end.repeat(1, 2), 0.3)
    torch.testing.assert_close(
        slerp(begin.repeat(1, 2).view(1, 2, 2), end.repeat(1, 2).view(1, 2, 2), 0.3), flat.view(1, 2, 2)
    )


def test_model_without_latents_has_no_walk(run, trained, monkeypatch):
    def load_without(*arguments):
        found = load(*arguments)
        found.model.prior = None
        return found

    monkeypatch.setattr("gan_lightning.commands.generate.load", load_without)
    result = run("generate", "checkpoint=run", "n=4", "interpolate=3")
    assert (result.code, result.err) == (
        2,
        "error: interpolate=3: the model has no latents to interpolate: leave it out\n",
    )

"""Evaluation of samples that other tools have written, in folders with other files."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.errors import UserError
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.label import Labels
from tests.test_bad_input import assert_refused

DIGITS = ["data=digits", "features=random_convolutions"]
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)


def evaluated(run, samples, *arguments):
    """Return the metrics of samples, of which there must be as many as PIXELS has."""
    result = run("evaluate", f"samples={samples}", *DIGITS, "output=found", *arguments)
    assert result.code == 0, result.err
    content = json.loads(Path("found/metrics.json").read_text())
    shutil.rmtree("found")
    assert content["n"] == len(PIXELS)
    return {name: metric["mean"] for name, metric in content["generators"]["raw"].items()}


def write_images(folder, pixels=PIXELS):
    folder.mkdir(parents=True)
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(folder / f"{i:02d}.png")


@pytest.mark.slow
def test_every_layout_of_the_same_samples_has_the_same_metrics(run, tmp_path):
    write_images(tmp_path / "grey")
    expected = evaluated(run, "grey")
    write_images(tmp_path / "rgb", np.stack([PIXELS] * 3, -1))
    write_images(tmp_path / "rgba", np.stack([*[PIXELS] * 3, np.full_like(PIXELS, 255)], -1))
    labels, statistics = np.arange(12), np.zeros((12, 1, 28, 28), np.float32)
    np.savez(tmp_path / "labels_first.npz", labels=labels, images=PIXELS)
    np.savez(tmp_path / "others.npz", samples=statistics, x=PIXELS[..., None], about=np.array([{"a": 1}], object))
    with zipfile.ZipFile(tmp_path / "others.npz", "a") as archive:
        archive.writestr("README.txt", "none of your business")
    for name in ("rgb", "rgba", "labels_first.npz", "others.npz"):
        for metric, value in evaluated(run, name).items():
            assert value == pytest.approx(expected[metric], rel=1e-5), (name, metric)


def test_hidden_files_and_results_of_an_evaluation_are_not_samples(run, tmp_path, monkeypatch):
    write_images(tmp_path / "samples")
    for hidden in (".ipynb_checkpoints", "deep/.cache"):
        write_images(tmp_path / "samples" / hidden, PIXELS[:3])
    (tmp_path / "samples" / ".thumbnail.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path / "samples")
    for _ in range(2):
        result = run("evaluate", "samples=.", *DIGITS)
        assert result.code == 0, result.err
        assert json.loads(Path("evaluation/metrics.json").read_text())["n"] == len(PIXELS)
    result = run("evaluate", "samples=.", *DIGITS, "output=../samples")
    assert result.code == 2
    assert "output=../samples: is the folder of the samples" in result.err
    assert not Path("metrics.json").exists()


@pytest.mark.parametrize("name", ["archive.npz", "archive.npy", "last.ckpt", "archive.zip", "none.npy", "none.npz"])
def test_files_without_samples_are_refused(run, tmp_path, name):
    if name.startswith("none"):
        {"none.npy": np.save, "none.npz": np.savez}[name](tmp_path / name, np.zeros((0, 1, 28, 28), np.uint8))
    else:
        torch.save({"weights": torch.zeros(3)}, tmp_path / name)  # a zip file
    assert_refused(run("evaluate", f"samples={name}", *DIGITS), tmp_path, f"samples={name}: ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["samples=samples", "+data.root=x"], ["data.root=x: choose an option with data=… too"]),
        (["samples=samples", "data=digits", "+features.path=x"], ["features.path=x: ", "features=classifier"]),
        (["samples=samples/00.png", *DIGITS], ["n=1: at least 6 samples are needed"]),
    ],
)
def test_unusable_settings_and_samples_are_refused(run, tmp_path, arguments, expected):
    write_images(tmp_path / "samples", PIXELS[:1])
    assert_refused(run("evaluate", *arguments), tmp_path, *expected)


@pytest.mark.slow
def test_small_sets_are_evaluated_whatever_the_batch_size(run, tmp_path):
    for label in ("a", "b"):
        write_images(tmp_path / "few" / label, PIXELS)
    few = ["data=image_folder", "data.root=few", "data.channels=1"]
    result = run("evaluate", "samples=few/a", *few)
    assert result.code == 0, result.err
    assert "12 samples × 1 against 12 real examples" in result.out
    result = run("train_extractor", *few, "epochs=1", "output=classifier.safetensors")
    assert result.code == 0, result.err
    for label in ("a", "b"):
        write_images(tmp_path / "two" / label, PIXELS[:1])
    two = ["data=image_folder", "data.root=two", "data.channels=1"]
    result = run("train_extractor", *two, "output=other.safetensors")
    assert_refused(result, tmp_path, "data: 2 images are too few")
    assert_refused(run("train", *two, "trainer=cpu"), tmp_path, "data.batch_size=64: larger than the data set")


class TestArrays:
    def test_the_only_array_that_fits_is_read(self, tmp_path):
        """Read the only array that fits the data, whether its channels come last or not."""
        stacks = np.random.default_rng(0).integers(0, 256, (4, 3, 28, 28), np.uint8)
        modality, path = Images(3, 28, 28), tmp_path / "a.npz"
        for images in (stacks, stacks.transpose(0, 2, 3, 1)):
            np.savez(path, y=np.arange(4), grey=stacks[:, 0], arr_0=images)
            assert np.array_equal(modality.read(path).numpy(), stacks)
        np.savez(path, first=stacks[:1], samples=stacks)
        assert len(modality.read(path)) == 4
        np.savez(path, images=stacks, labels=np.arange(4).astype(">i8"))
        assert Labels(10).read(path).tolist() == [0, 1, 2, 3]

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"x": PIXELS, "y": PIXELS}, r"x \(uint8 \[12, 28, 28\]\), y .*: several of them can be samples of Images"),
            ({"x": PIXELS / 255, "y": np.arange(3)}, r"x \(float64 .*: none of them .* uint8 \[1, 28, 28\]: store one"),
            ({f"a{i}": np.arange(3) for i in range(99)}, r"a4 \(int64 \[3\]\), …: none of them"),
            ({"x": PIXELS / 255}, "is float64: must be uint8"),
        ],
    )
    def test_no_or_several_fitting_arrays_are_refused(self, tmp_path, arrays, message):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(UserError, match=message):
            Images(1, 28, 28).read(tmp_path / "a.npz")


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "channels", "expected"),
        [
            ("L", 1, [100]), ("LA", 1, [100]), ("RGB", 1, [100]), ("RGBA", 1, [100]), ("P", 1, [100]),
            ("L", 3, [100] * 3), ("RGBA", 3, [100] * 3), ("P", 3, [100] * 3), ("RGB", 4, [100, 100, 100, 255]),
        ],
    )  # fmt: skip
    def test_modes_that_look_the_same_are_converted(self, tmp_path, mode, channels, expected):
        Image.new("L", (8, 8), 100).convert(mode).save(tmp_path / "a.png")
        assert Images(channels, 8, 8).read(tmp_path / "a.png")[0, :, 0, 0].tolist() == expected

    @pytest.mark.parametrize(
        ("color", "channels"), [((100, 100, 101), 1), ((100, 100, 100, 254), 1), ((100, 100, 100, 254), 3)]
    )
    def test_modes_that_look_different_are_refused(self, tmp_path, color, channels):
        mode = "RGB" if len(color) == 3 else "RGBA"
        Image.new(mode, (8, 8), color).save(tmp_path / "a.png")
        with pytest.raises(UserError, match=rf"is {mode}, 8×8: the data are .* would change it: convert it"):
            Images(channels, 8, 8).read(tmp_path / "a.png")

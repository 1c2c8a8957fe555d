"""Resumed runs: changed data, new limits, and signed statements."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_lightning.commands import statement as gan_statement
from gan_lightning.commands import verify as gan_verify
from gan_lightning.provenance import identity
from tests.conftest import FAST
from tests.test_statements import content

CHECKPOINT = Path("run/checkpoints/last.ckpt")
STATEMENT = Path("run/checkpoints/last.ckpt.intoto.json")
OWN = [
    *("data=image_folder", "data.root=pics", "data.channels=1", "data.image_size=8", "data.batch_size=4"),
    *FAST[1:4],
    "callbacks.evaluation=null",
]


@pytest.fixture
def verify(tmp_path, called, monkeypatch):
    """Return a function that runs gan-verify, after creating an identity that signs."""
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    return functools.partial(called, gan_verify.main)


def write_images(seed, folder="pics", n=8):
    Path(folder).mkdir(exist_ok=True, parents=True)
    for i, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (n, 8, 8), np.uint8)):
        Image.fromarray(pixels).save(Path(folder, f"{i}.png"))


def manifest():
    return json.loads(Path("run/manifest.json").read_text())


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".log"}


def refused(result, *expected):
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert all(text in result.err for text in expected), result.err


class TestData:
    @pytest.mark.slow
    def test_changed(self, run, verify):
        """Changed data are refused; if they are allowed, the records describe both data sets."""
        write_images(1)
        assert run("train", *OWN, "hydra.run.dir=run", "max_iterations=2").code == 0
        first = manifest()["data"]
        write_images(2)
        before = files("run")
        on = ["resume=run", "max_iterations=3", "provenance=true"]
        refused(run("train", *on), "resume=run: the data have changed since: sha256 is", "allow_changed_data=true")
        assert files("run") == before

        assert run("train", *on, "allow_changed_data=true").code == 0
        second = manifest()["data"]
        assert first != second
        assert [segment["data"] for segment in manifest()["segments"]] == [first, second]
        parts = [{"from_iteration": 0} | first, {"from_iteration": 2} | second]
        stated = content(STATEMENT)["predicate"]["data"]
        assert (stated["parts"], "sha256" in stated) == (parts, False)
        assert verify(CHECKPOINT)[0] == 0

        assert run("train", "resume=run", "max_iterations=4").code == 0  # with the data that it was trained on last
        assert content(STATEMENT)["predicate"]["data"]["parts"] == parts

    def test_more_examples(self, run):
        write_images(1)
        assert run("train", *OWN, "hydra.run.dir=run", "max_iterations=2").code == 0
        write_images(1, n=12)
        refused(run("train", "resume=run", "max_iterations=3"), "examples is 12, was 8")

    def test_other_classes(self, run):
        """Changed classes are refused for a conditional model, even with allow_changed_data."""
        for name in ("cat", "dog"):
            write_images(1, f"pics/{name}", n=4)
        assert run("train", *OWN, "conditional=true", "hydra.run.dir=run", "max_iterations=2").code == 0
        Path("pics/cat").rename("pics/kitten")
        result = run("train", "resume=run", "max_iterations=3", "allow_changed_data=true")
        refused(result, "classes is ['dog', 'kitten'], was ['cat', 'dog']: restore the data\n")

    @pytest.mark.slow
    def test_changed_after_training(self, run):
        write_images(1)
        assert run("train", *OWN, "hydra.run.dir=run", "max_iterations=2").code == 0
        assert run("train", "reproduce=run", "hydra.run.dir=again").code == 0
        write_images(2)
        refused(run("evaluate", "checkpoint=run"), "checkpoint=run", "the data have changed since it was trained")
        refused(run("train", "reproduce=run"), "reproduce=run: the data have changed since")


class TestSigned:
    @pytest.mark.slow
    def test_nothing_left(self, run, verify):
        assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run", "provenance=true").code == 0
        before = files("run")
        for again in (["max_iterations=2"], [], ["provenance=true"]):
            result = run("train", "resume=run", *again)
            assert (result.code, "nothing is left to train" in result.out) == (0, True)
            assert "finished after" in result.out
            assert files("run") == before
        assert verify(CHECKPOINT)[0] == 0

    def test_signed_afterwards(self, run, verify):
        assert run("train", *FAST, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
        before = files("run")
        assert run("train", "resume=run", "provenance=true").code == 0
        assert before.items() < files("run").items()
        assert verify(CHECKPOINT)[0] == 0

    def test_resumed_run_is_signed_again(self, run, verify, called):
        """The new checkpoint is signed; the old one is kept with its statements, because others signed it too."""
        assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run", "provenance=true").code == 0
        called(gan_statement.main, "contribution", "run", "--compute", "an hour")
        signed = {path.name: path.read_bytes() for path in CHECKPOINT.parent.iterdir()}
        assert run("train", "resume=run", "max_iterations=4").code == 0
        assert verify(CHECKPOINT)[0] == 0
        assert content(STATEMENT)["predicate"]["iteration"] == 4
        (kept,) = CHECKPOINT.parent.glob("signed_*")
        assert {path.name: path.read_bytes() for path in kept.iterdir()} == signed
        assert verify(*kept.iterdir())[0] == 0

    def test_resumed_run_is_not_signed(self, run, verify):
        assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run", "provenance=true").code == 0
        assert run("train", "resume=run", "max_iterations=4", "provenance=false").code == 0
        assert not STATEMENT.exists()
        assert ": unknown: " in verify(CHECKPOINT)[1]


class TestLimits:
    """Limits of runs with 8 batches in an epoch."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("first", "then", "iterations"),
        [
            ("max_iterations=3", "trainer.max_epochs=2", 16),
            ("trainer.max_epochs=1", "max_iterations=12", 12),
            ("trainer.max_epochs=1", "trainer.max_epochs=2", 16),
        ],
    )
    def test_resumed_run(self, run, first, then, iterations):
        assert run("train", *FAST, first, "hydra.run.dir=run").code == 0
        assert run("train", "resume=run", then).code == 0
        assert json.loads(Path("run/metrics.json").read_text())["iteration"] == iterations

    def test_both_limits(self, run):
        result = run("train", *FAST, "max_iterations=3", "trainer.max_epochs=2", "hydra.run.dir=run")
        warning = "max_iterations=3 is the limit, not trainer.max_epochs=2; to count epochs, set max_iterations=null"
        assert warning in result.out
        assert "finished after 0.375 epochs, 3 iterations" in result.out
        assert "is the limit" not in run("train", *FAST, "max_iterations=3").out

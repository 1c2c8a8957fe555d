"""Names of classes: from folders to manifests, checkpoints, sheets, conditions and records."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.commands import verify as gan_verify
from gan_lightning.modalities.label import Labels
from gan_lightning.provenance import identity
from tests.test_image_folder import SMALL, draw, trained_on


@pytest.fixture
def trained(run, tmp_path):
    """trained("cat", "dog", …): the folder of a run on images of these classes, which are gone afterwards."""

    def train(*names):
        for i, name in enumerate(names):
            draw(tmp_path / "pictures" / name / "0.png", 20 * i)
        result = run("train", *SMALL, "data.batch_size=1", "hydra.run.dir=run", "conditional=true")
        assert result.code == 0, result.err
        shutil.rmtree(tmp_path / "pictures")
        return tmp_path / "run"

    return train


def drawn(run, asked):
    """The labels of samples that are asked for by a condition."""
    result = run("generate", "checkpoint=run", f"condition='{asked}'", "n=2", "format=arrays", "output=drawn.npz")
    assert result.code == 0, result.err
    return np.load("drawn.npz")["condition"].tolist()


def test_whole_numbers_are_names_in_their_order(run, trained):
    assert trained_on(trained("10", "1", "2"))["classes"] == ["1", "2", "10"]
    assert drawn(run, 10) == [2, 2]
    assert drawn(run, 1) == [0, 0]
    for asked in ("0", "3"):
        refused = run("generate", "checkpoint=run", f"condition={asked}")
        assert refused.err == f"error: condition={asked}: no class and no file: the classes are 1, 2, 10\n"


def test_names_and_numbers(run, trained, tmp_path):
    names = ["ant", "cafe\u0301", "v1.0", "v1.1"]  # the second as macOS spells it
    assert trained_on(trained(*names))["classes"] == names
    (tmp_path / "ant").mkdir()  # which is not taken for the class
    asked = {"ant": 0, "caf\u00e9": 1, "v1.1": 3, "2": 2}
    assert {name: drawn(run, name) for name in asked} == {name: [label] * 2 for name, label in asked.items()}
    files = {run("generate", "checkpoint=run", f"condition={name}", "n=1").out for name in ("v1.0", "v1.1")}
    assert len(files) == 2
    assert "no class and no file: the classes are ant, caf" in run("generate", "checkpoint=run", "condition=Ant").err


def test_a_record_keeps_the_name(run, called, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    trained("cat", "dog")
    (tmp_path / "dog").mkdir()
    signed = ["n=2", "sign=true", "output=signed", "ledger=null"]
    assert run("generate", "checkpoint=run", "condition=dog", *signed).code == 0
    _, said = called(gan_verify.main, "signed/000001.png", "--json")
    assert json.loads(said)[0]["record"]["condition"] == "dog"
    with Image.open("signed/000001.png") as image:
        Image.fromarray(np.asarray(image)).save("plain.png")
    _, said = called(gan_verify.main, "plain.png", "--checkpoint", "run", "--n", "2", "--condition", "dog")
    assert "regenerates from checkpoint + seed: sample 1 of 2 with seed 0, bit for bit" in said


def test_a_sheet_has_the_names_at_its_rows(run, trained):
    trained("a", "a name that is too long for its place")
    assert run("generate", "checkpoint=run", "n=2", "output=sheet.png").code == 0
    sheet = np.asarray(Image.open("sheet.png").convert("L"))
    alone = Labels(2, ["a", "a name that i..."]).sheet(torch.arange(2), 1)
    height, width = len(sheet) // 2, alone.shape[1]
    for row in range(2):
        head = sheet[row * height : (row + 1) * height, :width]
        expected = alone[row * 56 : (row + 1) * 56, :, 0]
        top = (len(head) - 56) // 2
        assert (head[top : top + 56] == expected).all()
        assert (expected < 128).any()


def test_letters_of_other_languages():
    sheets = {name: Labels(1, [name]).sheet(torch.zeros(1).long()) for name in ("größe", "grosse", "кошка", "猫", "0")}
    assert len({sheet.tobytes() for sheet in sheets.values()}) == 4
    assert (sheets["猫"] == sheets["0"]).all()  # for which there are no letters in the font


@pytest.mark.parametrize("state", [{"names": "ab"}, {"names": ["a"]}, {"names": [1, 2]}, {"other": 1}])
def test_names_that_do_not_fit(state):
    with pytest.raises(ValueError, match=r"names|other"):
        Labels(2).load_state(state)


def test_known_sets_have_the_names_of_their_makers(run, idx_folder, tmp_path):
    how = ["data=fashion_mnist", f"data.root={idx_folder}", "trainer=cpu", "max_iterations=1", "conditional=true"]
    small = ["model.generator.hidden_dims=[4]", "callbacks.evaluation=null", "data.batch_size=64"]
    assert run("train", *how, *small, "hydra.run.dir=run").code == 0
    assert trained_on(Path("run"))["classes"][9] == "Ankle boot"
    assert drawn(run, "Ankle boot") == [9, 9]
    assert drawn(run, "T-shirt/top") == [0, 0]
    assert drawn(run, 8) == [8, 8]

"""Names of classes in folders, manifests, checkpoints, sheets, conditions and records."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.commands import verify as gan_verify
from gan_lightning.modalities.label import Labels, list_classes
from gan_lightning.provenance import identity
from tests.test_image_folder import SMALL, draw, trained_on


@pytest.fixture
def trained(run, tmp_path):
    """Return trained("cat", "dog", …), which trains on images of these classes, deletes them and returns the run."""

    def train(*names):
        for i, name in enumerate(names):
            draw(tmp_path / "pictures" / name / "0.png", 20 * i)
        result = run("train", *SMALL, "data.batch_size=1", "hydra.run.dir=run", "conditional=true")
        assert result.code == 0, result.err
        shutil.rmtree(tmp_path / "pictures")
        return tmp_path / "run"

    return train


def sampled_labels(run, condition):
    """Return the labels of samples that are generated for a condition."""
    result = run("generate", "checkpoint=run", f"condition='{condition}'", "n=2", "format=arrays", "output=drawn.npz")
    assert result.code == 0, result.err
    return np.load("drawn.npz")["condition"].tolist()


def test_names_that_are_whole_numbers_are_in_numeric_order(run, trained):
    assert trained_on(trained("10", "1", "2"))["classes"] == ["1", "2", "10"]
    assert sampled_labels(run, 10) == [2, 2]
    assert sampled_labels(run, 1) == [0, 0]
    for number in ("0", "3"):
        result = run("generate", "checkpoint=run", f"condition={number}")
        assert result.err == f"error: condition={number}: no class and no file: the classes are 1, 2, 10\n"


def test_condition_is_a_name_or_a_number(run, trained, tmp_path):
    names = ["ant", "cafe\u0301", "v1.0", "v1.1"]  # the second as macOS spells it
    assert trained_on(trained(*names))["classes"] == names
    (tmp_path / "ant").mkdir()  # the class has precedence over the folder
    labels = {"ant": 0, "caf\u00e9": 1, "v1.1": 3, "2": 2}
    assert {name: sampled_labels(run, name) for name in labels} == {name: [label] * 2 for name, label in labels.items()}
    files = {run("generate", "checkpoint=run", f"condition={name}", "n=1").out for name in ("v1.0", "v1.1")}
    assert len(files) == 2
    assert "no class and no file: the classes are ant, caf" in run("generate", "checkpoint=run", "condition=Ant").err


def test_a_record_keeps_the_name_of_the_class(run, called, trained, tmp_path, monkeypatch):
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


def test_a_sheet_has_the_names_beside_its_rows(run, trained):
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


def test_sheets_show_letters_of_other_languages():
    sheets = {name: Labels(1, [name]).sheet(torch.zeros(1).long()) for name in ("größe", "grosse", "кошка", "猫", "0")}
    assert len({sheet.tobytes() for sheet in sheets.values()}) == 4
    assert (sheets["猫"] == sheets["0"]).all()  # the font has no Chinese letters


def test_lists_of_classes_quote_names_that_need_quotes():
    """Quote a name with a comma, and ``null``, which means no condition without quotes."""
    assert list_classes(["cat", "salt, sea", "null", "annulled"]) == "cat, 'salt, sea', 'null', annulled"


@pytest.mark.parametrize("state", [{"names": "ab"}, {"names": ["a"]}, {"names": [1, 2]}, {"other": 1}])
def test_names_that_do_not_fit_are_refused(state):
    with pytest.raises(ValueError, match=r"names|other"):
        Labels(2).load_state(state)


def test_known_data_sets_have_class_names(run, idx_folder, tmp_path):
    how = ["data=fashion_mnist", f"data.root={idx_folder}", "trainer=cpu", "max_iterations=1", "conditional=true"]
    small = ["model.generator.hidden_dims=[4]", "callbacks.evaluation=null", "data.batch_size=64"]
    assert run("train", *how, *small, "hydra.run.dir=run").code == 0
    assert trained_on(Path("run"))["classes"][9] == "Ankle boot"
    assert sampled_labels(run, "Ankle boot") == [9, 9]
    assert sampled_labels(run, "T-shirt/top") == [0, 0]
    assert sampled_labels(run, 8) == [8, 8]

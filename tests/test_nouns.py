"""The data set of Nouns: its file is read, verified and composed to portraits."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from gan_lightning.data.nouns import BACKGROUNDS, FILE, NUMBERS, Nouns, decode_part
from gan_lightning.errors import UserError
from gan_lightning.paths import CONF_DIR

CONFIG = yaml.safe_load((CONF_DIR / "data" / "nouns.yaml").read_text())


def nouns(root, images=100, test_images=50, **changes):
    settings = {"download": False, "sha256": None, "batch_size": 10, "sample_shape": [3, 32, 32]}
    settings |= {"num_classes": CONFIG["num_classes"], "seed": 1, "conditional": True}
    return Nouns(str(root), images=images, test_images=test_images, **(settings | changes))


def compose_by_pixel(parts, attributes):
    """Return the portrait (32, 32, 3) of attributes, composed pixel by pixel."""
    portrait = np.zeros((32, 32, 3), np.uint8)
    for row in range(32):
        for column in range(32):
            seen = [int(layer[value, row, column]) for layer, value in zip(parts.layers, attributes, strict=True)]
            portrait[row, column] = parts.colors[[color for color in seen if color][-1]]
    return portrait


@pytest.fixture
def real_nouns(real_data) -> Path:
    """Folder with the real file and with portraits that were compared with the project's own images."""
    real_data("nouns/nouns_10k.npz")
    return real_data(f"nouns/{FILE}").parent


class TestRealFile:
    def test_composed_portraits_equal_the_reference(self, real_nouns):
        data = nouns(real_nouns, sha256=CONFIG["sha256"])
        reference = np.load(real_nouns / "nouns_10k.npz")
        composed = data.compose(torch.from_numpy(reference["traits"]).long())
        assert composed.dtype == torch.uint8
        assert np.array_equal(composed.permute(0, 2, 3, 1), reference["images"])

    def test_values_have_the_names_of_the_file(self, real_nouns):
        data = nouns(real_nouns, sha256=CONFIG["sha256"])
        data.setup("fit")
        reference = np.load(real_nouns / "nouns_10k.npz")
        names = {"body": "bodies", "accessory": "accessories", "head": "heads", "glasses": "glasses"}
        for name, key in names.items():
            stored = [value.removeprefix(f"{name}-") for value in reference[f"{key}_names"].tolist()]
            assert data.attributes.names[name] == stored
        assert data.attributes.names["background"] == BACKGROUNDS == ["cool", "warm"]
        assert (data.licence, sum(NUMBERS.values())) == ("CC0-1.0", CONFIG["num_classes"])

    def test_first_portraits_stay_the_same(self, real_nouns):
        data = nouns(real_nouns, sha256=CONFIG["sha256"])
        data.setup("fit")
        digest = hashlib.sha256(data.examples.content.numpy().tobytes()).hexdigest()
        assert digest == "fd8d5d9defcd44b2516044363d872bf5dc71ceadeecb0fc87d5d275d914fe690"


class TestInventedParts:
    def test_portraits_are_composed_from_the_lowest_layer_up(self, nouns_folder):
        data = nouns(nouns_folder, images=20)
        data.setup("fit")
        for portrait, attributes in zip(data.examples.content, data.examples.condition.tolist(), strict=True):
            assert np.array_equal(portrait.permute(1, 2, 0), compose_by_pixel(data.parts, attributes))

    def test_attributes_are_uniform_and_independent(self, nouns_folder):
        data = nouns(nouns_folder)
        drawn = data.draw_attributes(100_000, torch.Generator().manual_seed(0))
        for column, number in zip(drawn.T, NUMBERS.values(), strict=True):
            counts = torch.bincount(column, minlength=number)
            chi_square = ((counts - 100_000 / number) ** 2 / (100_000 / number)).sum()
            assert chi_square < number - 1 + 5 * (2 * (number - 1)) ** 0.5 + 5
        correlations = torch.corrcoef(drawn.T.float())
        assert (correlations - torch.eye(len(NUMBERS))).abs().max() < 0.02

    def test_test_set_differs_from_the_training_set_and_not_with_the_seed(self, nouns_folder):
        first, second = nouns(nouns_folder, images=50), nouns(nouns_folder, images=50, seed=2)
        for data in (first, second):
            data.setup("test")
        assert torch.equal(first.examples.content, second.examples.content)
        assert not torch.equal(first.examples.condition, first.test_examples.condition)

    def test_names_survive_a_checkpoint(self, nouns_folder, tmp_path):
        data = nouns(nouns_folder)
        assert data.condition.names["head"][7] == "7"
        data.setup("fit")
        restored = nouns(tmp_path / "nowhere")
        restored.load_state_dict(data.state_dict())
        assert restored.condition.read(Path("head=head7"))[0].tolist() == [-1, -1, -1, 7, -1]

    def test_a_part_without_runs_is_transparent(self):
        assert not decode_part("0x0000000000").any()

    def test_runs_continue_in_the_next_row(self):
        top, right, bottom, left = 2, 7, 3, 5
        part = decode_part(f"0x{bytes([0, top, right, bottom, left, 1, 1, 3, 2]).hex()}")
        expected = np.zeros((32, 32), np.uint8)
        expected[2, 5:7], expected[3, 5:7] = [1, 2], [2, 2]
        assert np.array_equal(part, expected)


class TestWrongFiles:
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda content: content.pop("palette"), "KeyError"),
            (lambda content: content["images"]["heads"].pop(), "head has 253 values, not 254"),
            (lambda content: content["images"]["heads"][0].update(data="0x00020703050301"), "ValueError"),
            (lambda content: content["images"]["heads"][0].update(data="0x0005020603" + "01fa"), "ValueError"),
            (lambda content: content["images"]["heads"][0].update(data="0x000001000001fa"), "has color 250"),
            (lambda content: content["images"]["heads"][0].update(data=5), "AttributeError"),
            (lambda content: content["palette"].append("fff"), "ValueError"),
            (lambda content: content.update(images=[]), "TypeError"),
        ],
    )
    def test_damaged_file(self, nouns_folder, change, expected):
        content = json.loads((nouns_folder / FILE).read_text())
        change(content)
        (nouns_folder / FILE).write_text(json.dumps(content))
        with pytest.raises(UserError, match=f"(?s){FILE}: not the parts of Nouns.*{expected}.*: delete the file"):
            nouns(nouns_folder).setup("fit")

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null"])
    def test_file_that_is_no_json_object(self, nouns_folder, content):
        (nouns_folder / FILE).write_bytes(content)
        with pytest.raises(UserError, match="not the parts of Nouns"):
            nouns(nouns_folder).setup("fit")

    def test_file_with_another_hash(self, run, nouns_folder):
        result = run("train", "data=nouns", f"data.root={nouns_folder}", "trainer=cpu")
        assert result.code == 2
        (line,) = result.err.splitlines()
        assert f"{FILE}: expected SHA-256 {CONFIG['sha256']}, found" in line
        assert line.endswith("delete the file, and it will be downloaded again")

    @pytest.mark.parametrize(("download", "expected"), [("true", "cannot be downloaded"), ("false", "is not there")])
    def test_missing_file(self, run, tmp_path, monkeypatch, download, expected):
        monkeypatch.setattr("gan_lightning.data.nouns.URL", "http://127.0.0.1:9/image-data.json")
        result = run("train", "data=nouns", "data.root=a/nouns", f"data.download={download}", "trainer=cpu")
        assert result.code == 2
        (line,) = result.err.splitlines()
        assert line.startswith(f"error: data.root=a/nouns: {FILE} ")
        assert expected in line
        assert "GAN_DATA_DIR" in line
        assert not (tmp_path / "a").exists()
        assert not (tmp_path / "outputs").exists()

    def test_file_is_downloaded_and_verified(self, nouns_folder, tmp_path, monkeypatch):
        source = nouns_folder / FILE
        monkeypatch.setattr("gan_lightning.data.nouns.URL", source.as_uri())
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        data = nouns(tmp_path / "there", download=True, sha256=digest)
        data.prepare_data()
        data.setup("fit")
        assert (tmp_path / "there" / FILE).read_bytes() == source.read_bytes()
        with pytest.raises(UserError, match=r"cannot be downloaded \(RuntimeError invalid hash value"):
            nouns(tmp_path / "elsewhere", download=True, sha256="0" * 64).prepare_data()
        assert not (tmp_path / "elsewhere").exists()

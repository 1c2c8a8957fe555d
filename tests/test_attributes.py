"""The modality of attributes, data sets described by them, and models conditioned on them."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lightning.data.attributed_images import MIN_DONORS, AttributedImages
from gan_lightning.data.avatars import Avatars
from gan_lightning.data.datamodule import Examples
from gan_lightning.errors import UserError
from gan_lightning.modalities.attributes import ANY, Attributes

VALUES = {"hat": ["none", "top hat"], "eyes": ["open", "wink", "3d"], "skin": ["green"]}
ROWS = torch.tensor([[1, 2, 0], [0, ANY, 0], [ANY, ANY, ANY]])


@pytest.fixture
def attributes():
    return Attributes(VALUES)


class TestSamples:
    def test_sample_is_the_one_hot_vectors_of_all_attributes(self, attributes):
        expected = [[0, 1, 0, 0, 1, 1], [1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]]
        assert attributes.encode(ROWS).tolist() == expected
        assert attributes.encode(ROWS).dtype == torch.float32
        assert attributes.sample_shape == (6,)
        assert attributes.content_shape == (3,)
        assert attributes.sizes == [2, 3, 1]

    def test_decoding_inverts_encoding(self, attributes):
        assert torch.equal(attributes.decode(attributes.encode(ROWS)), ROWS)

    def test_sheet_has_a_cell_for_each_sample(self, attributes):
        sheet = attributes.sheet(ROWS, columns=3)
        cells = np.split(sheet, 3, axis=1)
        assert sheet.dtype == np.uint8
        assert sheet.shape[2] == 3
        assert [bool((cell < 128).any()) for cell in cells] == [True, True, False]
        assert (cells[0][:, -1] == 255).all(), "the text is cut off at the right border"
        assert attributes.sheet(ROWS).shape[0] > sheet.shape[0]

    @pytest.mark.parametrize("row", [[2, 0, 0], [0, 3, 0], [0, 0, -2]])
    def test_values_out_of_range(self, attributes, row):
        with pytest.raises(UserError, match="here: attributes must be -1"):
            attributes.check(torch.tensor([row]), "here")

    @pytest.mark.parametrize("content", [ROWS[:, :2], ROWS.float(), ROWS[:0]])
    def test_content_of_another_shape_or_type(self, attributes, content):
        with pytest.raises(UserError, match="here: "):
            attributes.check(content, "here")


class TestText:
    def test_text_leaves_out_open_attributes(self, attributes):
        assert [attributes.text(row) for row in ROWS] == ["hat=top hat,eyes=3d,skin=green", "hat=none,skin=green", ""]

    def test_parsing_inverts_text(self, attributes):
        assert torch.equal(torch.stack([attributes.parse(attributes.text(row)) for row in ROWS]), ROWS)

    def test_spaces_and_the_order_do_not_matter(self, attributes):
        assert attributes.parse(" eyes = wink , hat=top hat,").tolist() == [1, 1, ANY]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("nose=big", "nose=big: there is no attribute nose: the attributes are hat, eyes, skin"),
            ("hat=cap", "hat=cap: hat has no value cap: its values are none, top hat"),
            ("hat", "hat: hat has no value : its values are none, top hat"),
            ("hat=none,hat=none", "hat=none,hat=none: hat is given twice: give it once"),
        ],
    )
    def test_wrong_text(self, attributes, text, expected):
        with pytest.raises(UserError) as error:
            attributes.parse(text)
        assert str(error.value) == expected

    @pytest.mark.parametrize(
        "values",
        [{"a": ["x,y"]}, {"a": ["x=y"]}, {"a=b": ["x"]}, {"a": ["x\ny"]}, {"a": ["x", "x"]}, {"a": []}, {"a": [1]}],
    )
    def test_names_that_cannot_be_read_back(self, values):
        with pytest.raises(ValueError, match="names of attributes"):
            Attributes(values)


class TestFiles:
    def test_reading_inverts_writing(self, attributes, tmp_path):
        (path,) = attributes.write(ROWS[:2], tmp_path)
        attributes.write(ROWS[2:], tmp_path, start=2)
        assert path.read_text() == "hat=top hat,eyes=3d,skin=green\nhat=none,skin=green\n\n"
        assert torch.equal(attributes.read(path), ROWS)

    @pytest.mark.parametrize("content", ["hat=none\neyes=wink", "hat=none\r\neyes=wink\r\n"])
    def test_files_of_other_editors(self, attributes, tmp_path, content):
        (tmp_path / "some.attributes").write_bytes(content.encode())
        read = attributes.read(tmp_path / "some.attributes")
        assert read.tolist() == [[0, ANY, ANY], [ANY, 1, ANY]]

    def test_text_in_place_of_a_file(self, attributes):
        assert attributes.read(Path("eyes=3d")).tolist() == [[ANY, 2, ANY]]

    def test_path_with_an_equals_sign(self, attributes, tmp_path):
        folder = tmp_path / "lr=0.1"
        folder.mkdir()
        (path,) = attributes.write(ROWS, folder)
        assert not attributes.says(str(path))
        assert torch.equal(attributes.read(path), ROWS)

    @pytest.mark.parametrize(
        ("content", "expected"),
        [(b"", "holds no samples"), (b"hat=cap\n", "hat has no value cap"), (b"\xff", "not a readable file")],
    )
    def test_damaged_file(self, attributes, tmp_path, content, expected):
        (tmp_path / "some.attributes").write_bytes(content)
        with pytest.raises(UserError, match=f"some.attributes: .*{expected}"):
            attributes.read(tmp_path / "some.attributes")

    def test_neither_attributes_nor_a_file(self, attributes):
        with pytest.raises(
            UserError, match="nothing: no attributes and no file: write name=value,… of hat, eyes, skin"
        ):
            attributes.read(Path("nothing"))

    def test_digest_is_that_of_the_lines(self, attributes, tmp_path):
        (path,) = attributes.write(ROWS[:2], tmp_path)
        expected = hashlib.sha256(b"hat=top hat,eyes=3d,skin=green\nhat=none,skin=green").hexdigest()
        assert Attributes.digest(path) == expected
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert Attributes.digest(path) == expected


class TestState:
    def test_names_are_restored(self, attributes):
        numbers = Attributes({"hat": ["0", "1"], "eyes": ["0", "1", "2"], "skin": ["0"]})
        numbers.load_state(attributes.state())
        assert numbers.names == VALUES
        assert numbers.parse("hat=top hat").tolist() == [1, ANY, ANY]

    @pytest.mark.parametrize(
        "state",
        [
            {},
            {"values": {}},
            {"values": VALUES, "more": 1},
            {"values": VALUES | {"hat": ["none"]}},
            {"values": {"nose": ["a", "b"], "eyes": VALUES["eyes"], "skin": ["green"]}},
            {"values": VALUES | {"skin": ["a,b"]}},
        ],
    )
    def test_state_of_other_attributes(self, attributes, state):
        with pytest.raises(ValueError, match=r"attributes"):
            attributes.load_state(state)
        assert attributes.names == VALUES


class Squares(AttributedImages):
    """Grey images with three attributes: the first equals the second if that is below 4, the third numbers copies."""

    def __init__(self, conditional=True, sample_shape=(1, 8, 8), num_classes=64, **changes):
        values = {name: [f"{name}{i}" for i in range(n)] for name, n in {"a": 4, "b": 50, "c": 10}.items()}
        super().__init__(values, 10, sample_shape, num_classes, seed=1, conditional=conditional)
        self.changes = changes

    def load(self):
        b, c = torch.cartesian_prod(torch.arange(50), torch.arange(10)).T
        attributes = torch.stack([torch.where(b < 4, b, c % 4), b, c], 1)
        return Examples(self.compose(attributes), attributes)._replace(**self.changes)

    def compose(self, attributes):
        return attributes.sum(1).to(torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8).contiguous()


class TestAttributedImages:
    def test_attributes_are_the_condition_only_if_it_is_conditional(self):
        for conditional in (True, False):
            data = Squares(conditional)
            data.setup("fit")
            assert (data.condition is data.attributes) == conditional
            assert data.examples.condition.shape == (500, 3)
            assert (data.batch(data.examples).condition is None) != conditional

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"sample_shape": (8, 8)}, r"data.sample_shape=\[8, 8\]: must be"),
            ({"num_classes": 63}, "data.num_classes=63: the attributes have 64 values"),
            ({"sample_shape": (1, 9, 9)}, r"data.sample_shape=\[1, 9, 9\]: the images have \[1, 8, 8\]"),
            ({"condition": None}, "must return the attributes with the images"),
            ({"condition": torch.full((500, 3), 10)}, "attributes must be -1"),
        ],
    )
    def test_data_that_do_not_fit(self, settings, expected):
        with pytest.raises(UserError, match=expected):
            Squares(**settings).setup("fit")

    def test_open_attributes_come_from_examples_with_the_others(self):
        data = Squares()
        data.setup("fit")
        given = data.condition.parse("a=a0")[None]
        completed = data.complete_condition(given, 2000, seed=3)
        assert (completed[:, 0] == 0).all()
        assert set(completed[:, 1].tolist()) == {0, *range(4, 50)}
        assert torch.equal(completed, data.complete_condition(given, 2000, seed=3))
        assert not torch.equal(completed, data.complete_condition(given, 2000, seed=4))

    def test_samples_differ_even_if_a_single_example_fits(self):
        data = Squares()
        data.setup("fit")
        completed = data.complete_condition(data.condition.parse("b=b7,c=c3")[None], 500, seed=3)
        assert (completed[:, 1:] == torch.tensor([7, 3])).all()
        assert 3 in completed[:, 0]
        assert 1 < len(completed[:, 0].unique()) <= MIN_DONORS

    def test_each_row_is_completed_by_its_own_attributes(self):
        data = Squares()
        data.setup("fit")
        rows = torch.tensor([[ANY, 9, ANY], [0, 3, 1], [ANY, ANY, ANY], [2, ANY, 1]]).repeat(50, 1)
        completed = data.complete_condition(rows, 200, seed=0)
        assert ((rows == ANY) | (rows == completed)).all()
        assert (completed != ANY).all()

    def test_nothing_is_drawn_without_examples(self):
        rows = torch.tensor([[ANY, 9, 1]])
        assert Squares().complete_condition(rows, 2, seed=0).tolist() == [[ANY, 9, 1]] * 2


SMALL = ["data=avatars", "data.images=64", "data.test_images=32", "data.batch_size=32", "data.evaluator.n=32"]
SMALL += ["trainer=cpu", "conditional=true", "callbacks.evaluation=null"]
SMALL += ["model.generator.hidden_dims=[16]", "model.discriminator.hidden_dims=[16]"]


def generated(run, folder, *arguments):
    """Return the samples that the generate command writes."""
    result = run("generate", f"checkpoint={folder}", "n=3", "format=arrays", *arguments)
    assert result.code == 0, result.err
    (path,) = folder.glob("generated/*.npz")
    samples = np.load(path)["samples"]
    path.unlink()
    return samples


class TestCommands:
    @pytest.fixture
    def trained(self, run, only_run, trained_once):
        trained_once("attributes", *SMALL, "max_iterations=2")
        return only_run()

    def test_condition_decides_the_sample(self, run, trained):
        attributes = Avatars(1, 1, 1, [3, 32, 32], 80, 1, True).attributes
        complete = attributes.text(torch.zeros(11, dtype=torch.int64))
        with_hat = complete.replace("hat=none", "hat=crown")
        first = generated(run, trained, f"condition='{complete}'")
        assert np.array_equal(first, generated(run, trained, f"condition='{complete}'"))
        assert not np.array_equal(first, generated(run, trained, f"condition='{with_hat}'"))
        assert not np.array_equal(first, generated(run, trained, "condition='hat=none,glasses=round'"))

    def test_random_conditions(self, run, trained):
        assert generated(run, trained).shape == (3, 3, 32, 32)

    def test_file_of_conditions(self, run, trained, tmp_path):
        texts = ["hat=crown", "hat=crown,eyes=wink", ""]
        (tmp_path / "some.attributes").write_text("\n".join(texts) + "\n")
        assert len(generated(run, trained, "condition=some.attributes")) == 3
        result = run("generate", f"checkpoint={trained}", "n=2", "condition=some.attributes")
        assert result.code == 2
        assert result.err == "error: condition=some.attributes: holds 3 for n=2: must hold one, or as many as n\n"

    def test_condition_on_the_command_line_needs_no_quotes(self, run, trained):
        quoted = generated(run, trained, "condition='hat=none,glasses=round'")
        assert np.array_equal(quoted, generated(run, trained, "condition=hat=none,glasses=round"))

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ("glases=round", "condition=glases=round: there is no attribute glases: the attributes are background"),
            ("glasses=big", "condition=glasses=big: glasses has no value big: its values are none, round, square"),
            ("hat=cap,hat=halo", "condition=hat=cap,hat=halo: hat is given twice"),
            ("round", "condition=round: no attributes and no file: write name=value"),
        ],
    )
    def test_wrong_condition(self, run, trained, condition, expected):
        result = run("generate", f"checkpoint={trained}", "n=2", f"condition='{condition}'")
        assert result.code == 2
        (line,) = result.err.splitlines()
        assert line.startswith(f"error: {expected}")

    @pytest.mark.slow
    def test_resumed_run_equals_uninterrupted_run(self, run, only_run, trained, tmp_path):
        weights = {}
        assert run("train", *SMALL, "max_iterations=4", f"resume={trained}").code == 0
        weights["resumed"] = torch.load(trained / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        assert run("train", *SMALL, "max_iterations=4", "hydra.run.dir=other/run").code == 0
        weights["other"] = torch.load(tmp_path / "other/run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name, weight in weights["other"].items():
            assert torch.equal(weight, weights["resumed"][name]), name

    @pytest.mark.slow
    def test_evaluation_uses_conditions_of_the_data(self, run, trained):
        result = run("evaluate", f"checkpoint={trained}", "n=32")
        assert result.code == 0, result.err
        assert json.loads((trained / "evaluation" / "last" / "metrics.json").read_text())

    def test_names_of_nouns_come_from_the_checkpoint(self, run, only_run, nouns_folder):
        nouns = [f"data.root={nouns_folder}", "data.sha256=null", *SMALL[1:], "max_iterations=1"]
        assert run("train", "data=nouns", *nouns).code == 0
        for path in nouns_folder.iterdir():
            path.unlink()
        assert len(generated(run, only_run(), "condition='head=head7,background=warm'")) == 3
        result = run("generate", f"checkpoint={only_run()}", "condition='head=7'")
        assert "head has no value 7: its values are head0, head1" in result.err

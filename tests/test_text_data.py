"""Data sets of text: the grammar, public sets, and files of users."""

import logging
import re
from itertools import pairwise

import hydra
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

import gan_lightning.config.resolvers  # noqa: F401
from gan_lightning.data.captions import Captions, halves
from gan_lightning.data.grammar import COLORS, SHAPES, SIZES, Grammar, is_held_out, sentences
from gan_lightning.data.poems import Poems
from gan_lightning.data.text_file import TextFile, find_shape, split_lines_of
from gan_lightning.errors import UserError
from gan_lightning.modalities.tokenizers import Words
from gan_lightning.paths import CONF_DIR
from tests.texts import CHARACTERS, write_texts


def composed(*arguments):
    """Return the data of a command."""
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        node = hydra.compose("train", list(arguments)).data
    return instantiate(OmegaConf.to_container(node, resolve=True))


def shape(length, vocabulary):
    return {
        "length": length,
        "vocabulary": vocabulary,
        "blocks": [vocabulary],
        "sample_shape": [length, vocabulary],
        "batch_size": 8,
        "seed": 0,
        "evaluator": None,
    }


def loaded(data):
    data.prepare_data()
    data.setup("test")
    return data


# Grammar --------------------------------------------------------------------------------------------------------------


def test_sentences_of_the_grammar_are_distinct_and_agree():
    all_of_them = sentences()
    assert len(set(all_of_them)) == len(all_of_them) == 4896
    for sentence in all_of_them:
        words = Words().split(sentence)
        assert words[-1] == "."
        (first, second) = (i for i, word in enumerate(words) if word in ("a", "two"))
        for i in (first, second):
            size, color, noun = words[i + 1 : i + 4]
            assert size in SIZES
            assert color in COLORS
            assert noun.removesuffix("s") in SHAPES
            assert noun.endswith("s") == (words[i] == "two")
        assert words[4] == ("are" if words[0] == "two" else "is")
        kinds = [[word.removesuffix("s") for word in words[i + 1 : i + 4]] for i in (first, second)]
        assert kinds[0] != kinds[1]


def test_every_pair_of_words_of_held_out_sentences_occurs_in_training_sentences():
    split = Words().split
    held_out = [one for one in sentences() if is_held_out(one)]
    pairs = {pair for one in sentences() if not is_held_out(one) for pair in pairwise(split(one))}
    assert 0.18 < len(held_out) / len(sentences()) < 0.22
    assert all(pair in pairs for one in held_out for pair in pairwise(split(one)))


def test_conf_has_the_shape_of_the_grammar():
    data = loaded(composed("data=grammar"))
    assert isinstance(data, Grammar)
    assert len(data.examples.content) + len(data.test_examples.content) == 4896
    assert (data.examples.content != 0).sum(1).max() == data.modality.length
    assert set(data.modality.lines(data.examples.content)) < set(sentences())
    assert not (data.test_examples.content == 1).any()


def test_wrong_shapes_are_refused():
    with pytest.raises(UserError, match=r"data\.blocks=\[9\]: must be \[23\]"):
        Grammar(**shape(12, 23) | {"blocks": [9]})
    with pytest.raises(UserError, match=r"data\.sample_shape"):
        Grammar(**shape(12, 23) | {"sample_shape": [11, 23]})
    with pytest.raises(UserError, match=r"data\.vocabulary=2: at least 3"):
        Grammar(**shape(12, 2))
    with pytest.raises(UserError, match=r"data\.vocabulary=90: .* at most 23"):
        Grammar(**shape(12, 90)).load()
    with pytest.raises(UserError, match=r"data\.length=3: all 3,9\d\d training lines have more tokens"):
        Grammar(**shape(3, 23)).load()


# Captions and poems ---------------------------------------------------------------------------------------------------


def test_captions_of_both_files_are_pooled_or_not(tmp_path):
    write_texts(tmp_path)
    pooled, by_file = (
        loaded(Captions(str(tmp_path / "captions"), False, split, 0, **shape(12, 10)))
        for split in ("pooled", "texygen")
    )
    assert len(by_file.examples.content) == len(by_file.test_examples.content) == 64
    assert len(pooled.examples.content) == len(pooled.test_examples.content) == 64
    assert pooled.describe() != by_file.describe()


def test_halves_are_disjoint_and_have_all_distinct_lines():
    lines = [f"{i % 50} " for i in range(100)]
    training, test = halves(lines, 0)
    assert sorted([*training, *test]) == sorted({line.strip() for line in lines})
    assert halves(lines, 0) == (training, test) != halves(lines, 1)


def test_missing_captions_are_named(tmp_path):
    with pytest.raises(UserError, match=r"image_coco\.txt is not there: data\.download=true"):
        Captions(str(tmp_path), False, "pooled", 0, **shape(12, 10)).prepare_data()


def test_poems_are_split_by_a_hash_or_by_files(tmp_path, caplog):
    write_texts(tmp_path)
    folder = tmp_path / "poems"
    with (folder / "shi.txt").open("a", encoding="utf-8") as file:
        file.write(f"\n{CHARACTERS[:19]}\n" + (folder / "shi.txt").read_text(encoding="utf-8").splitlines()[0])
    with caplog.at_level(logging.INFO):
        poems = loaded(Poems(str(folder), False, "poems", **shape(20, 20)))
    assert "of 66 lines, 1 are copies and 1 are no quatrains of 20 characters" in caplog.text
    assert "tokens, and are left out" not in caplog.text
    assert len(poems.examples.content) + len(poems.test_examples.content) == 64
    poets = loaded(Poems(str(folder), False, "poets", **shape(20, 20)))
    assert (len(poets.examples.content), len(poets.test_examples.content)) == (128, 128)
    assert poets.modality.lines(poets.examples.content[:1])[0][5] == "，"


def test_poems_of_another_form_are_refused(tmp_path):
    with pytest.raises(UserError, match="a quatrain has 20 or 28 characters"):
        Poems(str(tmp_path), False, "poems", **shape(24, 20))
    with pytest.raises(UserError, match=r"tang_train\.txt is not there"):
        Poems(str(tmp_path), False, "poets", **shape(20, 20)).load()
    write_texts(tmp_path)
    with pytest.raises(UserError, match=r"tang_train.txt, song_train.txt: no line is a quatrain of 28 characters"):
        Poems(str(tmp_path / "poems"), False, "poets", **shape(28, 20)).load()


# Files of users -------------------------------------------------------------------------------------------------------


def write(folder, lines, **options):
    path = folder / "own.txt"
    path.write_text("\n".join(lines), encoding="utf-8", **options)
    return path


def test_own_file_is_read_as_it_is(tmp_path, caplog):
    lines = [f"word{i % 7} and word{i}" for i in range(40)]
    path = write(tmp_path, [*lines[:20], "", "  ", lines[3], "long " * 80, *lines[20:]])
    with caplog.at_level(logging.INFO):
        data = loaded(composed("data=text", f"data.file={path}"))
    assert "41 lines, of which 1 repeat another one; left out: 2 are empty, 1 have more than 64 tokens" in caplog.text
    assert data.modality.length == 3
    assert data.source == "own.txt"
    training, test = data.modality.lines(data.examples.content), data.test_examples.content
    assert (len(training), len(test)) == (37, 4)
    assert training[0] == lines[0]
    assert lines[9] not in training


def test_no_test_line_is_a_training_line():
    lines = [str(i % 23) for i in range(100)]
    training, test = split_lines_of(lines)
    assert set(test) == {"9", "19"}
    assert set(training) | set(test) == set(lines)
    assert not set(training) & set(test)
    assert split_lines_of(["a", "b"]) == (["a"], ["b"])


def test_rare_tokens_and_units_set_the_vocabulary(tmp_path):
    path = write(tmp_path, ["a b", "a c", "A b b", "x y"])
    assert find_shape(path, "words", True, 64, 1, 100) == (3, 3 + 2)
    assert find_shape(path, "words", False, 64, 1, 100) == (3, 4 + 2)
    assert find_shape(path, "words", True, 64, 2, 100) == (3, 2 + 2)
    assert find_shape(path, "words", True, 64, 1, 2) == (3, 2 + 2)
    assert find_shape(path, "characters", True, 64, 1, 100) == (5, 5 + 2)
    with pytest.raises(UserError, match=r"data\.min_count=9: no token"):
        find_shape(path, "words", True, 64, 9, 100)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "has no line of at most 64 tokens, among 0"),
        (b"one line\none line\n", "has one line of at most 64 tokens, among 2: at least two different"),
        (b"a\nb\xe9\n", r"is not UTF-8 text \(line 2, byte 2 of it, is 0xe9\): save it as UTF-8"),
        (b"a\nb\0\n", "NUL character"),
        (b"a" * 10_000_000, "has no line of at most 64 tokens, among 1"),
    ],
)
def test_unsuitable_file_is_refused(run, tmp_path, data, message):
    (tmp_path / "own.txt").write_bytes(data)
    result = run("train", "data=text", "data.file=own.txt")
    assert result.code == 2
    assert re.search(message, result.err), result.err
    assert result.err.startswith("error: data.file=own.txt: ")
    assert result.err.count("\n") == 1


def test_missing_file_and_folder_are_refused(run, tmp_path):
    assert "data.file=none.txt: no such file" in run("train", "data=text", "data.file=none.txt").err
    assert "is a folder" in run("train", "data=text", f"data.file={tmp_path}").err
    assert "data.file" in run("train", "data=text").err


def test_file_that_has_changed_since_is_refused(tmp_path):
    path = write(tmp_path, ["a b", "c d", "e f"])
    data = TextFile(str(path), **shape(2, 6))
    write(tmp_path, ["a b", "a b", "a"])
    with pytest.raises(UserError, match=r"data\.vocabulary=6: the lines have 2 different tokens: at most 4"):
        data.load()

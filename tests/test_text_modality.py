"""The modality of text: tokenizers, vocabulary, files and sheets."""

import hashlib
import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_lightning.errors import UserError
from gan_lightning.modalities.modality import modality_of
from gan_lightning.modalities.text import END_ID, UNKNOWN_ID, Text
from gan_lightning.modalities.text_sheet import ROW_HEIGHT, WIDTH, draw_lines
from gan_lightning.modalities.tokenizers import UNKNOWN, Characters, Verses, Words, is_token

LINES = ["a dog's bowl isn't full.", "the dog runs, and runs!", "a cat (old-fashioned) costs $1,000.50"]
POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
WORDS = ["a", "the", ".", ",", "'s", "n't", "'", '"', "`", "(", ")", "is", "n", "t", "u.s", "..", "...", "-", "$", "%"]
WORDS += ["old-fashioned", "1,000", "é", "’", "’s", "किताब", "狗", "a_b", UNKNOWN, "#", "i", "ca"]


def fitted(lines=LINES, tokenizer=None, length=12):
    tokenizer = tokenizer or Words()
    text = Text(tokenizer, length, len({token for line in lines for token in tokenizer.split(line)} - {UNKNOWN}) + 2)
    text.fit(lines)
    return text


# Tokenizers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("A dog's bowl isn't full.", "a dog 's bowl is n't full ."),
        ("It’s “here”…", "it ’s “ here ” …"),
        ("old-fashioned T.V., 1,000.50 (5%)", "old-fashioned t.v . , 1,000.50 ( 5 % )"),
        ("wait... what?!", "wait ... what ? !"),
        ("cafe\u0301 किताब", "cafe\u0301 किताब"),
        ("  \t ", ""),
    ],
)
def test_words_are_split_like_in_the_penn_treebank(line, tokens):
    assert Words().split(line) == tokens.split()


def test_words_keep_capital_letters_if_they_should():
    assert Words(lower=False).split("The Dog ISN'T") == ["The", "Dog", "IS", "N'T"]


@given(st.lists(st.sampled_from(WORDS), max_size=8))
@settings(deadline=None, max_examples=500)
def test_joined_words_are_split_into_the_same_words(tokens):
    assert Words().split(Words().join(tokens)) == tokens


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
@settings(deadline=None, max_examples=300)
def test_tokens_of_any_line_are_joined_and_split_again(line):
    for tokenizer in (Words(), Characters(), Verses(4, 5)):
        tokens = tokenizer.split(line)
        assert all(is_token(tokenizer, token) or "\ufeff" in token for token in tokens)
        assert tokenizer.split(tokenizer.join(tokens)) == tokens


@pytest.mark.parametrize("line", LINES)
def test_words_are_joined_as_writers_put_blanks(line):
    assert Words().join(Words().split(line)) == line


def test_poems_in_form_have_punctuation_that_is_no_token():
    poem = Verses(4, 5)
    characters = poem.split(POEM)
    assert len(characters) == 20
    assert poem.join(characters) == POEM
    assert poem.join(characters[:7]) == "白日依山尽黄河"


# Vocabulary and content -----------------------------------------------------------------------------------------------


def test_vocabulary_holds_the_most_frequent_tokens():
    text = Text(Words(), 5, 5)
    text.fit(["b b c a", "c b d", UNKNOWN])
    assert text.vocabulary == ["", UNKNOWN, "b", "c", "a"]
    assert text.blocks == [5]
    assert text.sample_shape == (5, 5)
    assert text.content_shape == (5,)


def test_content_ends_with_zeros_and_rare_tokens_are_unknown():
    text = Text(Words(), 5, 4)
    text.fit(["b b c a", "c b d"])
    assert text.from_lines(["c x b", ""]).tolist() == [[3, UNKNOWN_ID, 2, 0, 0], [0, 0, 0, 0, 0]]


def test_samples_are_one_hot_and_decode_to_the_content():
    text = fitted()
    content = text.from_lines(LINES)
    sample = text.encode(content)
    assert sample.shape == (3, *text.sample_shape)
    assert (sample.sum(-1) == 1).all()
    assert torch.equal(text.decode(sample), content)
    assert text.lines(content) == LINES


def test_nothing_is_left_after_the_end_of_a_decoded_line():
    text = fitted()
    decoded = text.decode(torch.randn(50, *text.sample_shape, generator=torch.Generator().manual_seed(0)))
    text.check(decoded)
    for row in decoded.tolist():
        ended = row.index(END_ID) if END_ID in row else len(row)
        assert not any(row[ended:])


def test_vocabulary_that_is_larger_than_the_text_is_refused():
    with pytest.raises(ValueError, match="have 3 different tokens: at most 5"):
        Text(Words(), 5, 6).fit(["a b c"])


def test_text_without_a_vocabulary_is_refused():
    with pytest.raises(ValueError, match="call fit"):
        Text(Words(), 5, 6).from_lines(["a"])


def test_state_restores_the_vocabulary():
    text = fitted()
    other = Text(Words(), 12, text.blocks[0])
    other.load_state(text.state())
    assert other.vocabulary == text.vocabulary


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["a"], "needs 2 tokens"),
        (["a", "a"], "twice"),
        (["a", UNKNOWN], "twice"),
        (["a", "b c"], "no token"),
        (["a", "b\n"], "no token"),
        (["a", 3], "no token"),
        ("ab", "needs 2 tokens"),
    ],
)
def test_state_that_does_not_fit_is_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        Text(Words(), 5, 4).load_state({"tokens": tokens})


def test_content_out_of_range_or_after_the_end_is_refused():
    text = fitted()
    content = text.from_lines(LINES)
    with pytest.raises(UserError, match="0 to"):
        text.check(content + 100)
    with pytest.raises(UserError, match="after its end"):
        text.check(content.flip(1))


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", [Words(), Characters(), Verses(4, 5)])
def test_any_generated_lines_are_read_back(tokenizer, tmp_path):
    lines = [POEM] if isinstance(tokenizer, Verses) else [" ".join(WORDS), *LINES]
    text = fitted(lines, tokenizer, 20 if isinstance(tokenizer, Verses) else 200)
    sample = torch.randn(100, *text.sample_shape, generator=torch.Generator().manual_seed(0))
    sample[:, :, END_ID] -= 1
    content = text.decode(sample)
    assert text.write(content[:40], tmp_path) == text.write(content[40:], tmp_path, 40) == [tmp_path / "samples.txt"]
    assert torch.equal(text.read(tmp_path / "samples.txt"), content)


def test_files_of_text_are_recognized_by_their_names():
    assert modality_of("a.txt") is Text


def test_digest_does_not_depend_on_line_ends_or_the_byte_order_mark(tmp_path):
    expected = hashlib.sha256("eins\n\nzwei ö".encode()).hexdigest()
    for i, data in enumerate(
        [
            "eins\n\nzwei ö\n".encode(),
            "eins\n\nzwei ö".encode(),
            "eins\r\n\r\nzwei ö\r\n".encode(),
            "eins\r\rzwei ö".encode(),
            "\ufeffeins\n\nzwei ö\n".encode(),
        ]
    ):
        (tmp_path / f"{i}.txt").write_bytes(data)
        assert Text.digest(tmp_path / f"{i}.txt") == expected
    (tmp_path / "other.txt").write_text("eins\nzwei ö\n", encoding="utf-8")
    assert Text.digest(tmp_path / "other.txt") != expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.txt: is empty: write one sample a line"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a dog\nthe \xff", r"is not UTF-8 text \(line 2, byte 5 of it, is 0xff\): save it as UTF-8"),
        ("a dog".encode("utf-16"), "is not UTF-8 text"),
        (b"a dog\na\0cat", "line 2 has a NUL character"),
        (b"a dog\n" + b"dog " * 13, "line 2 .* has 13 tokens: at most 12"),
    ],
)
def test_file_that_is_no_text_is_refused(data, message, tmp_path):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(UserError, match=message) as error:
        fitted().read(tmp_path / "a.txt")
    assert "\n" not in str(error.value)


def test_unknown_tokens_of_a_file_are_reported(tmp_path, caplog):
    (tmp_path / "a.txt").write_text("a zebra runs\nzebra\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        content = fitted().read(tmp_path / "a.txt")
    assert (content == UNKNOWN_ID).sum() == 2
    assert "a.txt: 2 tokens are unknown: zebra" in caplog.text


def test_text_itself_is_content_and_names_of_files_are_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = fitted()
    (tmp_path / "dog").write_text("the dog\n", encoding="utf-8")
    assert text.says("a dog runs")
    assert not any(text.says(name) for name in ("dog", "missing.txt", "a.npz", " ", "a\nb", "a\0b"))
    assert text.lines(text.read("a dog runs")) == ["a dog runs"]
    with pytest.raises(UserError, match=r"missing\.txt: no such file"):
        text.read(tmp_path / "missing.txt")


def test_page_asks_for_text():
    assert fitted().input_form() == {"kind": "text", "length": 12}


# Sheets ---------------------------------------------------------------------------------------------------------------


def test_sheet_has_a_row_for_each_line():
    sheet = fitted().sheet(fitted().from_lines([*LINES, ""]))
    assert sheet.shape == (4 * ROW_HEIGHT, WIDTH, 3)
    assert sheet.dtype == np.uint8
    assert all((row < 200).any() for row in np.split(sheet, 4))


def test_long_lines_are_cut_and_other_scripts_are_drawn():
    sheet = draw_lines(["word " * 500, "\U0001f600 \u4e00 \x1b \u0915"])
    assert sheet.shape == (2 * ROW_HEIGHT, WIDTH, 3)
    assert (sheet[:, -5:] > 200).all()


def test_different_characters_look_different():
    first, second = (draw_lines([character]) for character in "一二")
    assert not np.array_equal(first, second)


def test_log_writes_the_sheet_and_the_lines():
    class Writer:
        def add_image(self, tag, image, step, dataformats):
            self.image = image

        def add_text(self, tag, text, step):
            self.text = text

    writer = Writer()
    fitted().log(writer, "samples", fitted().from_lines(LINES[:2]), 1)
    assert writer.image.shape[0] == 2 * ROW_HEIGHT
    assert writer.text == f"    {LINES[0]}\n    {LINES[1]}"

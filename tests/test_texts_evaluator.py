"""BLEU, the language model and the evaluators of text, against references and on lines whose values are known."""

import numpy as np
import pytest
import torch

from gan_lightning.data.captions import Captions
from gan_lightning.data.grammar import Grammar, is_held_out, sentences
from gan_lightning.data.poems import Poems
from gan_lightning.data.pronunciation import find_finals, find_sounds
from gan_lightning.metrics.bleu import bleu, self_bleu
from gan_lightning.metrics.grammar import GrammarEvaluator
from gan_lightning.metrics.language_model import LanguageModel
from gan_lightning.metrics.poems import PoemEvaluator
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.metrics.text_baselines import NgramLines
from gan_lightning.metrics.text_metrics import share_in, token_indicators, two_sample_auc_of_rows
from gan_lightning.metrics.texts import TextEvaluator
from gan_lightning.modalities.text import UNKNOWN_ID, Text, read_lines
from gan_lightning.modalities.tokenizers import Words
from tests.test_text_data import composed, loaded, shape
from tests.texts import CHARACTERS, write_texts


def random_lines(n, length=9, size=6, seed=0):
    """Return lines of 0 to ``length`` tokens of a small vocabulary, so that n-grams repeat."""
    random = np.random.default_rng(seed)
    lines = random.integers(1, size, (n, length))
    return lines * (np.arange(length) < random.integers(0, length + 1, n)[:, None])


# BLEU and the language model ------------------------------------------------------------------------------------------


def listed(lines):
    return [[str(token) for token in line if token] for line in lines]


def test_bleu_is_that_of_nltk():
    nltk = pytest.importorskip("nltk.translate.bleu_score")
    hypotheses, references = random_lines(40), random_lines(7, seed=1)
    method = nltk.SmoothingFunction().method1
    for order in (2, 3, 4, 5):
        weights = (1 / order,) * order
        expected = [nltk.sentence_bleu(listed(references), one, weights, method) for one in listed(hypotheses)]
        assert np.allclose(bleu(hypotheses, references)[:, order - 2], expected)
        lines = listed(hypotheses)
        others = [lines[:i] + lines[i + 1 :] for i in range(len(lines))]
        expected = [nltk.sentence_bleu(*pair, weights, method) for pair in zip(others, lines, strict=True)]
        assert np.allclose(self_bleu(hypotheses)[:, order - 2], expected)


def test_bleu_of_known_lines():
    line, other = np.array([[1, 2, 3, 4, 5]]), np.array([[6, 7, 8, 9, 6]])
    assert np.allclose(bleu(line, np.concatenate([other, line])), 1)
    assert np.allclose(bleu(line, other), 0)
    assert np.allclose(self_bleu(np.concatenate([line, line, other])), [[1] * 4, [1] * 4, [0] * 4])
    shorter = np.array([[1, 2, 0, 0, 0]])
    assert bleu(shorter, line)[0, 0] == pytest.approx(np.exp(1 - 5 / 2))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_of_all_lines_sum_to_one(order):
    model = LanguageModel(3, order).fit(random_lines(30, length=2, size=3))
    total = 0.0
    for length in range(14):  # longer ones have a small probability, as the lines that it has seen are short
        lines = np.array(np.meshgrid(*[[1, 2]] * length)).reshape(length, -1).T if length else np.zeros((1, 0), int)
        total += np.exp(model.log_probability(np.pad(lines, ((0, 0), (0, 1))))).sum()
    assert total == pytest.approx(1, abs=0.01)
    assert total <= 1 + 1e-9


def test_language_model_prefers_lines_of_its_kind():
    lines = NgramLines(2).fit(random_lines(50, size=30)).draw(200)
    model = LanguageModel(30).fit(lines[:150])
    shuffled = random_lines(50, size=30, seed=5)
    uniform = np.log(30)
    assert model.negative_log_likelihood(lines[:150]) < model.negative_log_likelihood(lines[150:]) < uniform
    assert model.negative_log_likelihood(lines[150:]) < model.negative_log_likelihood(shuffled)


def test_unigram_model_of_known_counts():
    model = LanguageModel(4, order=1).fit(np.array([[1, 1, 2], [1, 2, 0]]))
    # 1 three times, 2 twice, the end twice; no count of 1, so the discount is .5: of 7, 3 × .5 spread over 4 tokens
    shares = {1: (3 - 0.5) / 7, 2: 1.5 / 7, 0: 1.5 / 7, 3: 0.0}
    spread = 3 * 0.5 / 7 / 4
    assert sum(shares.values()) + 4 * spread == pytest.approx(1)
    expected = -np.mean(np.log([shares[1] + spread, shares[3] + spread, shares[0] + spread]))
    assert model.negative_log_likelihood(np.array([[1, 3, 0]])) == pytest.approx(expected)


# Other metrics and baselines ------------------------------------------------------------------------------------------


def test_classifier_tells_other_lines_apart_and_not_the_same():
    real, other = random_lines(400, size=20), random_lines(400, size=20, seed=1)
    reversed_pairs = np.sort(random_lines(400, size=20, seed=2), 1)[:, ::-1].copy()
    assert two_sample_auc_of_rows(real, other) == pytest.approx(0.5, abs=0.07)
    assert two_sample_auc_of_rows(real, reversed_pairs) > 0.8


def test_classifier_does_not_see_unknown_tokens():
    lines = np.full((60, 4), UNKNOWN_ID)
    assert token_indicators(lines).sum() == 0
    lines[:, 0] = 7
    assert token_indicators(lines).sum() == 2 * 60  # the token, and the token at its position


def test_share_of_copies():
    lines = np.arange(12).reshape(4, 3)
    assert share_in(lines, lines[:1]) == 0.25
    assert share_in(lines[:0:-1], lines) == 1


@pytest.mark.parametrize("order", [1, 2, 3])
def test_ngram_lines_have_only_ngrams_of_the_training_lines(order):
    training = random_lines(60, size=30)
    training = training[(training != 0).sum(1) >= 4]
    drawn = NgramLines(order).fit(training).draw(100)
    known = {tuple(line[i : i + order]) for line in training.tolist() for i in range(len(line) - order + 1)}
    assert all(tuple(line[i : i + order]) in known for line in drawn.tolist() for i in range(3 - order + 1))
    assert (drawn != 0).sum(1).min() >= (training != 0).sum(1).min()
    assert np.array_equal(drawn, NgramLines(order).fit(training).draw(100))


def test_verses_that_rhyme_have_the_same_final():
    pytest.importorskip("pypinyin")
    assert find_finals(["", "\ufffd", "光", "霜", "月", "，"]) == ["", "", "uang", "uang", "ve", ""]


def test_sounds_are_finals_with_level_or_other_tones():
    pytest.importorskip("pypinyin")
    sound = dict(zip("光床霜上，", find_sounds("光床霜上，").tolist(), strict=True))
    assert sound["光"] == sound["床"] == sound["霜"] != sound["上"]
    assert sound["，"] == 0


# Evaluators -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grammar():
    data = loaded(Grammar(**shape(12, 23)))
    evaluator = GrammarEvaluator(n=3000)
    evaluator.prepare(data)
    return evaluator


def test_real_lines_are_as_good_as_real(grammar):
    real = grammar.real_baseline()
    assert real["bleu_4"] == pytest.approx(real["self_bleu_4"], abs=0.01)
    assert real["two_sample_auc"] == pytest.approx(0.5, abs=0.06)
    assert real["valid"] == 1
    assert real["copied"] == pytest.approx(0.8, abs=0.01)
    assert real["distinct"] == pytest.approx(1 - 990 / 4896 / 2, abs=0.01)
    assert real["held_out_found"] == pytest.approx(1 - np.exp(-3000 / 4896), abs=0.001)
    assert grammar.findings(real) == []


def test_metrics_of_the_grammar_of_known_samples(grammar):
    modality = grammar.modality
    held_out = [one for one in sentences() if is_held_out(one)]
    lines = [*held_out[: len(held_out) // 2], "a small small circle.", ""] * 6
    metrics = grammar(modality.from_lines(lines[:3000]))
    valid = np.mean([line in sentences() for line in lines[:3000]])
    assert metrics["valid"] == pytest.approx(valid)
    assert metrics["held_out_found"] == pytest.approx(0.5, abs=0.001)
    assert metrics["kl_to_uniform"] == pytest.approx(np.log(len(sentences()) / (len(held_out) // 2)), abs=0.01)


def test_faults_are_found(grammar):
    repeated = grammar.modality.from_lines([sentences()[0]] * 3000)
    metrics = grammar(repeated)
    assert {one.partition(":")[0] for one in grammar.findings(metrics)} == {"realism", "variety", "repeats"}
    assert grammar.collapsed(grammar(repeated, quick=True)) == ["100% of the lines repeat another one"]
    assert grammar.collapsed({"distinct": 0.05}) == ["95% of the lines repeat another one"]


@pytest.mark.slow
def test_trigram_lines_are_the_baseline(grammar):
    baselines = grammar.baseline_metrics()
    assert set(baselines) == {"unigram", "bigram", "trigram"}
    assert baselines["unigram"]["two_sample_auc"] > baselines["trigram"]["two_sample_auc"]
    assert set(grammar.pictures(grammar.baselines()["trigram"])) <= set(grammar.captions)


def test_poems_have_metrics_of_form_and_rhyme(tmp_path):
    write_texts(tmp_path)
    data = loaded(Poems(str(tmp_path / "poems"), False, "poets", **shape(20, len(set(CHARACTERS)) + 2)))
    evaluator = PoemEvaluator(n=100)
    evaluator.prepare(data)
    content = data.test_examples.content[:100].clone()
    content[:25, 19] = 0
    content[25:50] = data.examples.content[:25]
    content[60:, 9] = content[60:, 19]
    metrics = evaluator(content)
    assert metrics["in_form"] == 0.75
    assert metrics["copied_verses"] == pytest.approx(0.25, abs=0.02)
    assert metrics["copied"] == 0.25
    assert any(one.startswith("copies: 25.0% of the lines") for one in evaluator.findings(metrics))
    assert "25.00% of the lines are training lines" in evaluator.remarks(metrics)["privacy"][0]
    if evaluator.finals is not None:
        same = evaluator.finals[content[25:, 9]] == evaluator.finals[content[25:, 19]]
        assert metrics["rhyme"] == same.mean() > 0.5
    evaluator.finals = None
    assert "rhyme" not in evaluator(content)


def test_other_data_are_not_evaluated():
    data = composed("data=digits")
    with pytest.raises(NotEvaluated, match="TextEvaluator evaluates text, and the data are Images"):
        TextEvaluator().prepare(data)


@pytest.mark.slow
def test_real_captions_have_the_bleu_of_the_literature(real_data):
    """BLEU of Texygen's training captions with its test captions as references, as NLTK computes it."""
    training, test = (read_lines(real_data(f"captions/{name}_coco.txt")) for name in ("image", "test"))
    words = {word for line in (*training, *test) for word in Words().split(line)}
    text = Text(Words(), 40, len(words) + 2)
    text.fit([*training, *test])
    a, b = text.from_lines(training).numpy(), text.from_lines(test).numpy()
    assert np.allclose(bleu(a, b).mean(0), [0.740, 0.520, 0.337, 0.218], atol=0.001)
    assert bleu(b, a).mean(0)[2] == pytest.approx(0.405, abs=0.001)
    assert self_bleu(a).mean(0)[2] == pytest.approx(0.574, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "forward", "self_bleu_4", "backward_bleu_4"),
    [
        ("mle", [0.731, 0.497, 0.305, 0.189], 0.583, 0.339),
        ("seq", [0.746, 0.498, 0.295, 0.180], 0.670, 0.287),
        ("maligan", [0.673, 0.432, 0.257, 0.159], 0.607, 0.288),
        ("rank", [0.743, 0.467, 0.264, 0.156], 0.763, 0.248),
        ("leakgan", [0.746, 0.528, 0.355, 0.230], 0.849, 0.282),
        ("textgan", [0.593, 0.463, 0.277, 0.207], 0.805, 0.073),
    ],
)
def test_published_samples_have_the_bleu_of_the_literature(model, forward, self_bleu_4, backward_bleu_4, real_data):
    """BLEU of samples that Texygen published, with its test captions as references."""
    samples = read_lines(real_data(f"captions/texygen_samples/{model}.txt"))
    test = read_lines(real_data("captions/test_coco.txt"))
    words = {word for line in (*samples, *test) for word in Words().split(line)}
    text = Text(Words(), 50, len(words) + 2)
    text.fit([*samples, *test])
    generated, real = text.from_lines(samples).numpy(), text.from_lines(test).numpy()
    assert np.allclose(bleu(generated, real).mean(0), forward, atol=0.001)
    assert bleu(real, generated).mean(0)[2] == pytest.approx(backward_bleu_4, abs=0.001)
    assert self_bleu(generated).mean(0)[2] == pytest.approx(self_bleu_4, abs=0.001)


@pytest.mark.slow
def test_halves_of_the_captions_cannot_be_told_apart(real_data):
    for split, expected in (("pooled", 0.5), ("texygen", 0.97)):
        data = loaded(Captions(str(real_data("captions")), False, split, 0, **shape(37, 4657)))
        real, other = data.examples.content.numpy(), data.test_examples.content.numpy()
        assert two_sample_auc_of_rows(real, other) == pytest.approx(expected, abs=0.02)
        assert torch.equal(data.modality.from_codes(data.examples.content[..., None]), data.examples.content)

"""Sequences of a random LSTM, which knows their probabilities."""

import json

import pytest
import torch
from scipy.stats import chi2
from torch import nn

from gan_lightning.data.oracle import Oracle, RandomLSTM
from gan_lightning.errors import UserError
from gan_lightning.metrics.oracle import OracleEvaluator
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.modalities.text import END_ID, UNKNOWN_ID
from tests.test_text_data import composed, loaded, shape

SMALL = ["data=oracle", "data.vocabulary=52", "data.sequences=200", "data.test_sequences=200"]


def made(oracle_seed=0, sequences=300, test_sequences=200):
    return loaded(Oracle(sequences, test_sequences, 8, 8, oracle_seed, **shape(12, 32)))


def prepared(data):
    evaluator = OracleEvaluator(n=200)
    evaluator.prepare(data)
    return evaluator


def oracle_nll(data, content):
    evaluator = prepared(data)
    (metric,) = (one for one in evaluator.metrics if one.name == "oracle_nll")
    return metric.compute(evaluator.reference, evaluator.view(content))


def log_probabilities_step_by_step(oracle, tokens):
    """Return the log-probability of each token (n, length), by an LSTM that reads one token after another."""
    cell = nn.LSTMCell(oracle.lstm.input_size, oracle.lstm.hidden_size, dtype=torch.float64)
    for name, weights in cell.named_parameters():
        weights.data = getattr(oracle.lstm, f"{name}_l0")
    state, before, found = None, torch.zeros_like(tokens[:, 0]), []
    for token in tokens.unbind(1):
        state = cell(oracle.embedding.weight[before], state)
        logits = state[0] @ oracle.head.weight.T + oracle.head.bias
        found.append(-nn.functional.cross_entropy(logits, token, reduction="none"))
        before = token
    return torch.stack(found, 1)


# The random LSTM ------------------------------------------------------------------------------------------------------


def test_log_probabilities_are_those_of_an_lstm_step_by_step():
    oracle = RandomLSTM(300, 32, 16, seed=0)
    tokens = torch.randint(300, (40, 9), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(oracle.log_probabilities(tokens), log_probabilities_step_by_step(oracle, tokens))


def test_probabilities_of_all_sequences_sum_to_one():
    every = torch.cartesian_prod(*[torch.arange(5)] * 4)
    assert RandomLSTM(5, 4, 4, seed=0).log_probabilities(every).sum(1).exp().sum().item() == pytest.approx(1)


def test_weights_are_standard_normal():
    oracle = RandomLSTM(5000, 32, 32, seed=0)
    for weights in (oracle.embedding.weight, oracle.lstm.weight_ih_l0, oracle.lstm.weight_hh_l0, oracle.head.weight):
        assert weights.mean().item() == pytest.approx(0, abs=0.06)
        assert weights.std().item() == pytest.approx(1, abs=0.04)
    assert oracle.lstm.bias_ih_l0.std().item() == pytest.approx(1, abs=0.2)
    assert not oracle.lstm.bias_hh_l0.any()


def test_sequences_have_their_probabilities():
    n, tokens, length = 20_000, 4, 3
    oracle = RandomLSTM(tokens, 4, 4, seed=0)
    every = torch.cartesian_prod(*[torch.arange(tokens)] * length)
    expected = n * oracle.log_probabilities(every).sum(1).exp()
    drawn = oracle.draw(n, length, seed=1)
    found = torch.bincount((drawn * tokens ** torch.arange(length - 1, -1, -1)).sum(1), minlength=len(every))
    assert ((found - expected) ** 2 / expected).sum() < chi2.ppf(0.999, len(every) - 1)


# The data -------------------------------------------------------------------------------------------------------------


def test_sequences_depend_on_the_seed_of_the_oracle_alone():
    data, again, other = made(), made(), made(oracle_seed=1)
    assert torch.equal(data.examples.content, again.examples.content)
    assert torch.equal(data.test_examples.content, again.test_examples.content)
    assert not torch.equal(data.examples.content, other.examples.content)
    assert torch.equal(data.examples.content, made(test_sequences=100).examples.content)


def test_all_sequences_are_whole_and_have_the_tokens_of_the_oracle():
    data = made()
    for examples, n in ((data.examples, 300), (data.test_examples, 200)):
        assert examples.content.shape == (n, 12)
        assert examples.content.min() > UNKNOWN_ID
    assert data.modality.vocabulary[2:] == [f"w{i}" for i in range(30)]
    assert not (data.examples.content[:200] == data.test_examples.content).all(1).any()


def test_conf_has_the_values_of_the_paper():
    data = composed("data=oracle")
    assert (data.sequences, data.modality.length) == (10_000, 20)
    assert data.oracle.embedding.weight.shape == data.oracle.head.weight.shape == (5000, 32)


def test_vocabulary_without_tokens_is_refused():
    with pytest.raises(UserError, match=r"data\.vocabulary=2: at least 3"):
        Oracle(10, 10, 8, 8, 0, **shape(12, 2))


# The evaluator --------------------------------------------------------------------------------------------------------


def test_own_sequences_of_the_oracle_are_more_likely_than_permuted_ones():
    data = made()
    content = data.test_examples.content
    order = torch.randperm(content.shape[1], generator=torch.Generator().manual_seed(0))
    own, permuted = oracle_nll(data, content), oracle_nll(data, content[:, order])
    assert own == pytest.approx(oracle_nll(data, data.examples.content), rel=0.05)
    assert own < permuted - 0.2
    expected = log_probabilities_step_by_step(data.oracle, content - 2)
    assert own == pytest.approx(-expected.mean().item(), rel=1e-5)


def test_tokens_that_the_oracle_cannot_draw_end_what_counts():
    data = made()
    content = data.test_examples.content
    expected = -data.oracle.log_probabilities(content - 2)
    changed = content.clone()
    changed[:100, 5:] = END_ID
    changed[100:, 8] = UNKNOWN_ID
    counted = torch.cat([expected[:100, :5].flatten(), expected[100:, :8].flatten()])
    assert oracle_nll(data, changed) == pytest.approx(counted.mean().item(), rel=1e-5)
    assert oracle_nll(data, torch.full_like(content, END_ID)) is None


def test_other_data_are_not_evaluated():
    with pytest.raises(NotEvaluated, match="OracleEvaluator evaluates data=oracle, and the data are Grammar"):
        OracleEvaluator().prepare(loaded(composed("data=grammar")))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["text_ngram", "text_mle"])
def test_models_train_and_are_evaluated(run, only_run, model):
    result = run("train", *SMALL, f"model={model}", "max_iterations=3", "trainer=cpu", "callbacks.evaluation.n=100")
    assert result.code == 0, result.err
    run_folder = only_run()
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert metrics["evaluation/oracle_nll"] > 0
    result = run("evaluate", f"checkpoint={run_folder}", "n=100", "seeds=[0]")
    assert result.code == 0, result.err
    evaluated = json.loads((run_folder / "evaluation/last/metrics.json").read_text())
    assert evaluated["floor"]["oracle_nll"] < evaluated["baselines"]["unigram"]["oracle_nll"]

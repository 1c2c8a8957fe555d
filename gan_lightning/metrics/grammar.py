"""Evaluator of sentences of a grammar, of which all are known."""

import numpy as np

from gan_lightning.data.datamodule import Data
from gan_lightning.data.grammar import is_held_out, sentences
from gan_lightning.metrics.metric import Metric, Metrics
from gan_lightning.metrics.reference import Split
from gan_lightning.metrics.text_metrics import TextReference, TextView
from gan_lightning.metrics.texts import TextEvaluator


def find_sentences(samples: TextView) -> np.ndarray:
    """Return the number of the sentence of the grammar that each sample is; −1 for those that are none."""
    assert isinstance(samples.evaluator, GrammarEvaluator)
    number = samples.evaluator.number
    return np.array([number.get(row.tobytes(), -1) for row in samples.all_rows])


def valid(reference: TextReference, samples: TextView) -> float:
    return float((samples.compute_once(find_sentences) >= 0).mean())


def held_out_found(reference: TextReference, samples: TextView) -> float:
    held_out = np.array([is_held_out(one) for one in sentences()])
    found = np.unique(samples.compute_once(find_sentences))
    return float(held_out[found[found >= 0]].sum() / held_out.sum())


def held_out_found_at_best(reference: TextReference) -> float:
    """Return the share that as many samples find on average if all sentences are equally likely."""
    return float(1 - (1 - 1 / len(sentences())) ** _evaluated(reference))


def kl_to_uniform(reference: TextReference, samples: TextView) -> float | None:
    found = samples.compute_once(find_sentences)
    return _kl(found[found >= 0]) if (found >= 0).any() else None


def kl_to_uniform_at_best(reference: TextReference) -> float:
    """Return the divergence of as many sentences that are drawn at random."""
    return _kl(np.random.default_rng(0).integers(0, len(sentences()), _evaluated(reference)))


def copied_at_best(reference: TextReference) -> float:
    """Return the share of all sentences that are training sentences."""
    return len(reference.training) / len(sentences())


def distinct_at_best(reference: TextReference) -> float:
    """Return the mean share of different sentences among as many as are compared, if all are equally likely."""
    return len(sentences()) * (1 - (1 - 1 / len(sentences())) ** reference.n) / reference.n


AT_BEST = {"copied": copied_at_best, "distinct": distinct_at_best}


def _evaluated(reference: TextReference) -> int:
    return reference.real.evaluator.n_generated


def _kl(found: np.ndarray) -> float:
    """Return the Kullback–Leibler divergence in nats of the shares of sentences from the uniform distribution."""
    shares = np.unique(found, return_counts=True)[1] / len(found)
    return float(np.log(len(sentences())) + (shares * np.log(shares)).sum())


class GrammarEvaluator(TextEvaluator):
    """Evaluator of sentences of :class:`gan_lightning.data.grammar.Grammar`.

    All sentences are known, so the values of real data are those of a generator that draws each of them with the same
    probability. Four fifths of its sentences are training sentences.

    Args:
        n: default number of samples to evaluate. At most as many as there are test sentences are compared with these;
            the metrics of the grammar are computed from all.
    """

    metrics = (
        Metric(
            "valid",
            "share of samples that are sentences of the grammar",
            valid,
            quick=True,
            headline=True,
            better="higher",
        ),
        Metric(
            "held_out_found",
            "share of the held-out sentences that are among the samples",
            held_out_found,
            baseline=held_out_found_at_best,
            headline=True,
            better="higher",
        ),
        Metric(
            "kl_to_uniform",
            "divergence of the valid samples from equally likely sentences, in nats; real data: of as many draws",
            kl_to_uniform,
            baseline=kl_to_uniform_at_best,
            headline=True,
            better="lower",
        ),
        *(metric._replace(baseline=AT_BEST.get(metric.name, metric.baseline)) for metric in TextEvaluator.metrics),
    )

    number: dict[bytes, int]

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        self._n_generated = n or self.n
        super().prepare(data, n, split, seed)
        rows = self.modality.from_lines(sentences()).numpy()
        self.number = {row.tobytes(): i for i, row in enumerate(rows)}

    @property
    def n_generated(self) -> int:
        return self._n_generated

    def remarks(self, metrics: Metrics) -> dict[str, list[str]]:
        return {}

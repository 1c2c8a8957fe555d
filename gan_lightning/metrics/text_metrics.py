"""Metrics of lines of text. A metric of samples takes a reference and a view, as :class:`Metric` documents."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gan_lightning.metrics.bleu import bleu, ngrams, self_bleu
from gan_lightning.metrics.language_model import LanguageModel
from gan_lightning.metrics.reference import Reference, View, evenly_spaced
from gan_lightning.modalities.samples import Content, Sample
from gan_lightning.modalities.text import UNKNOWN_ID

if TYPE_CHECKING:
    from scipy import sparse

    from gan_lightning.metrics.evaluator import Evaluator

BLEU_ORDERS = (2, 3, 4, 5)
MAX_TOLD_APART = 5000  # samples, and as many real lines
FOLDS = 5  # of the two-sample test
FEATURE_ORDERS = 3  # n-grams of the two-sample test
RARE = 5  # features that fewer lines have are left out
INVERSE_PENALTY = 0.1


class TextView(View):
    """View of lines.

    Args:
        evaluator: the evaluator.
        content: the n lines that are compared with real ones.
        condition: as for :class:`View`.
        generated: all lines, of which ``content`` are the first; None if they are no more.
    """

    def __init__(
        self,
        evaluator: "Evaluator",
        content: Content,
        condition: Sample | None = None,
        generated: Tensor | None = None,
    ) -> None:
        super().__init__(evaluator, content, condition)
        assert isinstance(content, Tensor)
        self.rows: np.ndarray = content.numpy()
        self.all_rows: np.ndarray = self.rows if generated is None else generated.numpy()

    @cached_property
    def self_bleu(self) -> np.ndarray:
        """Mean BLEU of each line with the others as references, for each of ``BLEU_ORDERS``."""
        return self_bleu(self.rows, BLEU_ORDERS[-1]).mean(0)

    @cached_property
    def language_model(self) -> LanguageModel:
        """Language model of the lines."""
        return LanguageModel(self.vocabulary).fit(self.rows)

    @property
    def vocabulary(self) -> int:
        """Size of the vocabulary of the modality."""
        size: int = self.evaluator.reference.data.modality.blocks[0]  # type: ignore[attr-defined]
        return size


TextReference = Reference[TextView]


def _forward(samples: TextView, real: TextView) -> np.ndarray:
    return bleu(samples.rows, real.rows, BLEU_ORDERS[-1]).mean(0)


def _backward(samples: TextView, real: TextView) -> np.ndarray:
    return bleu(real.rows, samples.rows, BLEU_ORDERS[-1]).mean(0)


def forward_bleu(reference: TextReference, samples: TextView, order: int) -> float:
    return float(samples.compute_once(_forward, reference.real)[order - BLEU_ORDERS[0]])


def backward_bleu(reference: TextReference, samples: TextView, order: int) -> float:
    return float(samples.compute_once(_backward, reference.real)[order - BLEU_ORDERS[0]])


def self_bleu_of(reference: TextReference, samples: TextView, order: int) -> float:
    return float(samples.self_bleu[order - BLEU_ORDERS[0]])


def generated_nll(reference: TextReference, samples: TextView) -> float:
    return reference.real.language_model.negative_log_likelihood(samples.rows)


def real_nll(reference: TextReference, samples: TextView) -> float:
    return samples.language_model.negative_log_likelihood(reference.real.rows)


def two_sample_auc_of_lines(reference: TextReference, samples: TextView) -> float:
    return two_sample_auc_of_rows(reference.real.rows, samples.rows)


def two_sample_auc_of_rows(real: np.ndarray, generated: np.ndarray, seed: int = 0) -> float:
    """Return the AUC of a logistic regression that tells generated lines from real ones, by cross-validation.

    Its features are the n-grams of a line and its tokens at their positions. See arXiv:1610.06545.

    Args:
        real: (n, length), token ids, 0 after the end of a line.
        generated: (m, length).
        seed: seed of the order of the lines.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    sets = [evenly_spaced(torch.from_numpy(one), MAX_TOLD_APART).numpy() for one in (real, generated)]
    targets = np.repeat([0, 1], [len(one) for one in sets])
    order = np.random.default_rng(seed).permutation(len(targets))
    features, targets = token_indicators(np.concatenate(sets)[order]), targets[order]
    folds = min(FOLDS, *np.bincount(targets))
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=200)
    scores = cross_val_predict(model, features, targets, cv=folds, method="decision_function")
    return float(roc_auc_score(targets, scores))


def token_indicators(lines: np.ndarray) -> "sparse.csr_matrix":
    """Return the matrix (n, d) of 1 and 0: which line has which n-gram, and which token at which position.

    Unknown tokens are in no feature: real lines that the vocabulary was not chosen by would be told apart by them.
    """
    from scipy import sparse

    unknown = lines == UNKNOWN_ID
    lines = lines.copy()
    lines[unknown] = lines.max() + 1 + np.arange(unknown.sum())  # each is one of its own, and features of one are rare
    rows, positions = np.nonzero(lines)
    parts = [*ngrams(lines, FEATURE_ORDERS), (rows, lines[rows, positions] * lines.shape[1] + positions)]
    matrices = []
    for row, code in parts:
        columns, index = np.unique(code, return_inverse=True)
        matrix = sparse.csr_matrix((np.ones(len(row)), (row, index)), (len(lines), max(len(columns), 1)))
        matrix.data[:] = 1
        matrices.append(matrix[:, np.asarray(matrix.sum(0)).ravel() >= min(RARE, len(lines) // 10)])
    return sparse.csr_matrix(sparse.hstack(matrices))


def copied(reference: TextReference, samples: TextView) -> float:
    return share_in(samples.rows, _training_rows(reference))


def copied_of_real(reference: TextReference) -> float:
    """Return the share of unseen real lines that are training lines too; 0 if samples are compared with these."""
    if reference.split == "train":
        return 0.0
    return share_in(reference.real.rows, _training_rows(reference))


def _training_rows(reference: TextReference) -> np.ndarray:
    assert isinstance(reference.training, Tensor)
    return reference.training.numpy()


def share_in(rows: np.ndarray, others: np.ndarray) -> float:
    """Return the share of rows (n, d) that are among the others (m, d)."""
    known = {row.tobytes() for row in np.ascontiguousarray(others)}
    return float(np.mean([row.tobytes() in known for row in np.ascontiguousarray(rows)]))


def distinct(reference: TextReference, samples: TextView) -> float:
    return len(np.unique(samples.rows, axis=0)) / len(samples.rows)


def used_vocabulary(reference: TextReference, samples: TextView) -> float:
    return float(len(np.unique(samples.rows[samples.rows != 0])))


def mean_length(reference: TextReference, samples: TextView) -> float:
    return float((samples.rows != 0).sum(1).mean())

"""Evaluator of sequences of a random language model, which knows the probability of each."""

import copy

import torch

from gan_lightning.data.datamodule import Data
from gan_lightning.data.oracle import Oracle, RandomLSTM
from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.reference import NotEvaluated, Split
from gan_lightning.metrics.text_metrics import TextReference, TextView
from gan_lightning.metrics.texts import TextEvaluator
from gan_lightning.modalities.text import RESERVED


def oracle_nll(reference: TextReference, samples: TextView) -> float | None:
    """Return the mean negative log-probability of a token by the oracle; None if no sequence starts with its tokens.

    A token that the oracle cannot draw, and those after it, do not count.
    """
    assert isinstance(samples.evaluator, OracleEvaluator)
    rows = torch.from_numpy(samples.rows)
    counted = (rows >= RESERVED).cumprod(1).bool()
    if not counted.any():
        return None
    return float(-samples.evaluator.oracle.log_probabilities((rows - RESERVED).clamp(min=0))[counted].mean())


class OracleEvaluator(TextEvaluator):
    """Evaluator of sequences of :class:`gan_lightning.data.oracle.Oracle`.

    Takes the arguments of :class:`TextEvaluator`.

    Attributes:
        oracle: the oracle in float32, which is faster; a mean needs no more.
    """

    metrics = (
        Metric(
            "oracle_nll",
            "nats a token of the lines by the oracle that drew the data; alone, it is low for few likely lines",
            oracle_nll,
            headline=True,
            better="as real",
        ),
        *TextEvaluator.metrics,
    )

    oracle: RandomLSTM

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        if not isinstance(data, Oracle):
            raise NotEvaluated(
                f"data.evaluator: {type(self).__name__} evaluates data=oracle, and the data are "
                f"{type(data).__name__}: choose another evaluator"
            )
        self.oracle = copy.deepcopy(data.oracle).float()
        super().prepare(data, n, split, seed)

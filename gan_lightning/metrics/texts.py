"""Evaluator of text: how real lines are, how varied, and which are copied from the training lines."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gan_lightning.data.datamodule import Data
from gan_lightning.metrics.evaluator import Evaluator, alternate_rows
from gan_lightning.metrics.metric import Metrics
from gan_lightning.metrics.neighbours import nearest
from gan_lightning.metrics.reference import NotEvaluated, Split
from gan_lightning.metrics.text_baselines import NgramLines
from gan_lightning.metrics.text_metric_list import METRICS
from gan_lightning.metrics.text_metrics import TextReference, TextView, distinct
from gan_lightning.modalities.samples import Content, Sample, take
from gan_lightning.modalities.text import Text

FEATURES = 512  # numbers that describe a line
SHOWN = 16  # lines in the sheet of nearest training lines
COUNTED = {"unigram": 1, "bigram": 2, "trigram": 3}  # baselines and their orders


class TextEvaluator(Evaluator):
    """Evaluator of text.

    Args:
        n: default number of samples to evaluate, at most as many as there are real lines to compare with.
    """

    metrics = METRICS
    at_once = 256  # with a large vocabulary, one-hot samples are large

    captions: Mapping[str, str] = {
        "samples": "The first lines.",
        "nearest_training": "Lines, each above the training line that shares most words and pairs of words with it.",
        "unigram": "counted from the training lines: each token is independent of the others",
        "bigram": "counted from the training lines: each token depends on the one before it",
        "trigram": "counted from the training lines: each token depends on the two before it",
    }

    reference: TextReference
    modality: Text

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        if not isinstance(data.modality, Text):
            raise NotEvaluated(
                f"data.evaluator: {type(self).__name__} evaluates text, and the data are "
                f"{type(data.modality).__name__}: choose another evaluator"
            )
        self.modality = data.modality
        self._compared: int | None = None  # while views of all real lines are constructed
        super().prepare(data, n, split, seed)
        self._compared = self.reference.n

    def view(self, content: Content, condition: Sample | None = None) -> TextView:
        assert isinstance(content, Tensor)
        part = slice(self._compared)
        return TextView(self, content[part], None if condition is None else take(condition, part), content)

    def features(self, content: Content) -> Tensor:
        """Return the shares (n, ``FEATURES``) of hashed tokens and pairs of tokens of each line, of length 1."""
        assert isinstance(content, Tensor)
        tokens, pairs = content, content[:, :-1] * self.modality.blocks[0] + content[:, 1:]
        found = torch.zeros(len(content), FEATURES)
        for codes, within in ((tokens, tokens != 0), (pairs, content[:, 1:] != 0)):
            hashed = (codes * 2654435761 >> 7) % FEATURES  # Knuth's multiplicative hash
            found.scatter_add_(1, hashed, within.float())
        return torch.nn.functional.normalize(found)

    def flat(self, content: Content) -> Tensor:
        return self.features(content)

    def baselines(self) -> dict[str, Content]:
        """Return lines of n-gram models of the training lines."""
        training = self.reference.data.examples.content
        assert isinstance(training, Tensor)
        return {
            name: torch.from_numpy(NgramLines(order).fit(training.numpy()).draw(self.n_generated))
            for name, order in COUNTED.items()
        }

    def collapsed(self, metrics: Metrics) -> list[str]:
        """Return a message if the lines have less than a tenth of the different lines that real ones have."""
        real = distinct(self.reference, self.reference.other)
        if metrics.get("distinct", 1) >= 0.1 * real:
            return []
        return [f"{1 - metrics['distinct']:.0%} of the lines repeat another one"]

    def remarks(self, metrics: Metrics) -> dict[str, list[str]]:
        if "copied" not in metrics:
            return {}
        exact = f"{metrics['copied']:.2%} of the lines are training lines, word by word"
        return {"privacy": [f"Copies: {exact}; of unseen real lines, {self.real_baseline()['copied']:.2%} are."]}

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        assert isinstance(content, Tensor)
        assert isinstance(self.reference.training, Tensor)
        shown = content[:SHOWN]
        index = nearest(self.features(shown), self.reference.flat_training).indices[:, 0]
        return {
            "samples": self.modality.sheet(content),
            "nearest_training": self.modality.sheet(alternate_rows(shown, self.reference.training[index], 1)),
        }

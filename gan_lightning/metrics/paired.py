"""Base class of evaluators of models whose samples have a truth, as those of translated images may."""

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.modalities.samples import Content, Sample, take


class PairedEvaluator(Evaluator):
    """Evaluator that generates a sample for the condition of each real example that samples are compared with.

    Sample i belongs to the same condition as ``reference.real.content[i]``.
    """

    def generate(
        self, model: GenerativeModel, data: Data, n: int, seed: int, weights: Weights | None = None
    ) -> tuple[Content, Sample | None]:
        condition = self.reference.real.condition
        assert condition is not None, "test examples without conditions"
        condition = take(condition, slice(n))
        return data.modality.decode(model.sample(n, condition, seed=seed, weights=weights)), condition

"""Evaluator of music: harmony, melody, rhythm, and what is copied from the training music."""

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Data
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.music_baselines import chord_trigram, independent_notes
from gan_lightning.metrics.music_features import fit_features
from gan_lightning.metrics.music_metrics import METRICS, MusicReference, MusicView
from gan_lightning.metrics.music_plots import plot_statistics
from gan_lightning.metrics.music_shapes import hear
from gan_lightning.metrics.reference import NotEvaluated, Split, evenly_spaced
from gan_lightning.modalities.music import Music
from gan_lightning.modalities.music_codes import sounding
from gan_lightning.modalities.samples import Content, Sample

MAX_FITTED = 5000  # training examples that the features are fitted to


class MusicEvaluator(Evaluator):
    """Evaluator of music.

    Features are those of :mod:`gan_lightning.metrics.music_features`. Distances that reveal copies are those of the
    pitches of all voices at all steps.

    Args:
        n: default number of samples to evaluate.
    """

    metrics = METRICS

    captions: Mapping[str, str] = {
        "samples": "The first samples: time from left to right, a color for each voice, lines between bars.",
        "nearest_training": "Rows of samples, each above a row of the training examples that are nearest to them.",
        "statistics": "Distribution of each statistic among the samples, and in real music.",
        "independent notes": "each pitch drawn for itself, as often as in the training music",
        "chord trigram": "counted from the training music: a chord depends on the two before it, and on the beat",
    }

    reference: MusicReference
    modality: Music

    def __init__(self, n: PositiveInt = 2000) -> None:
        super().__init__(n)

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        modality = data.modality
        if not isinstance(modality, Music):
            raise NotEvaluated(
                f"data.evaluator: {type(self).__name__} evaluates music, and the data are {type(modality).__name__}: "
                "choose another evaluator"
            )
        self.modality = modality
        training = data.reference_examples.content
        assert isinstance(training, Tensor)
        self.transform = fit_features(hear(modality, evenly_spaced(training, MAX_FITTED)))
        super().prepare(data, n, split, seed)

    def features(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return torch.from_numpy(self.transform(hear(self.modality, content)))

    def flat(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return sounding(content).flatten(1)

    def view(self, content: Content, condition: Sample | None = None) -> MusicView:
        return MusicView(self, content, condition)

    def baselines(self) -> dict[str, Content]:
        training, n = self.reference.training, self.n_generated
        assert isinstance(training, Tensor)
        return {
            "independent notes": independent_notes(training, n),
            "chord trigram": chord_trigram(training, n, self.modality.steps_per_bar),
        }

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        samples = self.view(content)
        return super().pictures(content, condition) | {
            "statistics": plot_statistics(self.reference.real.statistics, samples.statistics)
        }

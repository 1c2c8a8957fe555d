"""Evaluator of Chinese quatrains: their form and their rhymes."""

import numpy as np

from gan_lightning.data.datamodule import Data
from gan_lightning.data.poems import VERSES
from gan_lightning.data.pronunciation import find_finals
from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.reference import Split
from gan_lightning.metrics.text_metrics import TextReference, TextView, share_in
from gan_lightning.metrics.texts import TextEvaluator
from gan_lightning.modalities.text import UNKNOWN_ID


def in_form(reference: TextReference, samples: TextView) -> float:
    return float(_is_in_form(samples.rows).mean())


def _is_in_form(rows: np.ndarray) -> np.ndarray:
    """Return which rows (n, length) are whole poems of known characters."""
    return np.all(rows > UNKNOWN_ID, axis=1)


def rhyme(reference: TextReference, samples: TextView) -> float | None:
    """Return the share of poems in form whose second and fourth verse end in the same final; None without pypinyin."""
    assert isinstance(samples.evaluator, PoemEvaluator)
    finals = samples.evaluator.finals
    poems = samples.rows[_is_in_form(samples.rows)]
    if finals is None or not len(poems):
        return None
    half, end = poems.shape[1] // 2 - 1, poems.shape[1] - 1
    return float((finals[poems[:, half]] == finals[poems[:, end]]).mean())


def copied_verses(reference: TextReference, samples: TextView) -> float:
    return share_in(_verses(samples.rows), _verses(reference.training.numpy()))  # type: ignore[union-attr]


def copied_verses_of_real(reference: TextReference) -> float | None:
    """Return the share of verses of unseen real poems that are in training poems; None if there are no unseen ones."""
    return None if reference.split == "train" else copied_verses(reference, reference.real)


def _verses(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows) * VERSES, -1)


class PoemEvaluator(TextEvaluator):
    """Evaluator of quatrains. Rhymes are those of today's standard pronunciation; they need the extra ``poems``.

    Takes the arguments of :class:`TextEvaluator`.

    Attributes:
        finals: a number for the sound of each character without its initial and its tone, (vocabulary,); None if
            pypinyin is not installed.
    """

    metrics = (
        Metric(
            "in_form",
            "share of poems with the right number of characters, all known",
            in_form,
            quick=True,
            headline=True,
            better="higher",
        ),
        Metric(
            "rhyme",
            "share of poems in form whose second and fourth verse rhyme; chance gives about .06",
            rhyme,
            headline=True,
            better="as real",
        ),
        *TextEvaluator.metrics,
        Metric(
            "copied_verses",
            "share of verses that are in training poems; real data: of held-out poems",
            copied_verses,
            baseline=copied_verses_of_real,
            headline=True,
            group="privacy",
            better="as real",
        ),
    )

    finals: np.ndarray | None

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        super().prepare(data, n, split, seed)
        self.finals = _number_finals(self.modality.vocabulary)


def _number_finals(characters: list[str]) -> np.ndarray | None:
    """Return a number for the final of each character, a negative one if it has none; None without pypinyin."""
    try:
        finals = find_finals(characters)
    except ImportError:
        return None
    numbers = {final: i for i, final in enumerate(sorted({*finals} - {""}))}
    return np.array([numbers.get(final, -1 - i) for i, final in enumerate(finals)])

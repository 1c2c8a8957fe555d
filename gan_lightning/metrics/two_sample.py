"""The classifier two-sample test: can a classifier tell generated samples from real ones?"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gan_lightning.metrics.boosting import fit_boosting

MAX_SAMPLES = 2000  # of real and of generated ones; the test then takes about a second


def two_sample_auc(
    real: Tensor,
    generated: Tensor,
    seed: int = 0,
    classifier: Literal["linear", "boosting"] = "linear",
    inverse_penalty: float = 1.0,
) -> float:
    """Return the AUC of a classifier that tells generated samples from real ones (Lopez-Paz & Oquab, 2017).

    The classifier is trained on one half of each set and tested on the other. An AUC of .5 means that it cannot tell
    them apart, 1 that it always can. See arXiv:1610.06545.

    Args:
        real: features (n, d) of real examples.
        generated: features (m, d) of generated samples.
        seed: seed of the choice of samples and of the halves.
        classifier: ``linear`` for logistic regression on standardized features, ``boosting`` for gradient-boosted
            trees.
        inverse_penalty: C of the logistic regression; lower it if there are few samples with many features.
    """
    from sklearn.metrics import roc_auc_score

    scores = two_sample_scores(real, generated, seed, classifier, inverse_penalty=inverse_penalty)
    targets = np.repeat([0, 1], [len(one) for one in scores])
    return float(roc_auc_score(targets, np.concatenate(scores)))


def two_sample_scores(
    real: Tensor,
    generated: Tensor,
    seed: int = 0,
    classifier: Literal["linear", "boosting"] = "linear",
    categorical: np.ndarray | None = None,
    most: int = MAX_SAMPLES,
    inverse_penalty: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the tested half of real examples and of generated samples: how generated they look.

    Args:
        real, generated, seed, classifier, inverse_penalty: as for :func:`two_sample_auc`.
        categorical: (d,), True for features that are indices of categories, which ``boosting`` treats as such.
        most: largest number of examples of each set that are used.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    generator = torch.Generator().manual_seed(seed)
    halves = [_halves(features, generator, most) for features in (real, generated)]
    (x, y), (test_x, test_y) = (_with_targets(*pair) for pair in zip(*halves, strict=True))
    if classifier == "boosting":
        model = fit_boosting(x, y, categorical, seed)
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, max_iter=1000)).fit(x, y)
    scores = model.predict_proba(test_x)[:, 1]
    return scores[test_y == 0], scores[test_y == 1]


def _halves(features: Tensor, generator: torch.Generator, most: int) -> tuple[Tensor, Tensor]:
    """Return two halves of at most ``most`` features, chosen at random."""
    chosen = features[torch.randperm(len(features), generator=generator)[:most]]
    return chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]


def _with_targets(real: Tensor, generated: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of both sets, with 0 for real and 1 for generated as targets."""
    return torch.cat([real, generated]).numpy(), np.repeat([0, 1], [len(real), len(generated)])

"""The classifier two-sample test: can a classifier tell generated samples from real ones?"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

MOST = 2000  # of each, so that the test takes about a second


def two_sample_auc(
    real: Tensor, generated: Tensor, seed: int = 0, classifier: Literal["linear", "boosting"] = "linear"
) -> float:
    """Train a classifier to tell generated from real, and return its AUC on samples that it has not seen.

    .5 means that it cannot tell them apart, 1 that it always can (Lopez-Paz & Oquab, 2017, arXiv:1610.06545). It trains
    on one half of both.

    Args:
        real: features (n, d).
        generated: features (m, d).
        seed: of which samples are used, and of the halves.
        classifier: logistic regression on standardized features, or gradient boosting of trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # takes a second to import, and most commands need none
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    generator = torch.Generator().manual_seed(seed)
    halves = [_halves(features, generator) for features in (real, generated)]
    (x, y), (unseen_x, unseen_y) = (_labelled(*pair) for pair in zip(*halves, strict=True))
    model = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
    }[classifier]
    model.fit(x, y)
    return float(roc_auc_score(unseen_y, model.predict_proba(unseen_x)[:, 1]))


def _halves(features: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return two halves of at most ``MOST`` features, drawn at random."""
    chosen = features[torch.randperm(len(features), generator=generator)[:MOST]]
    return chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]


def _labelled(real: Tensor, generated: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of both with 0 for real and 1 for generated."""
    return torch.cat([real, generated]).numpy(), np.repeat([0, 1], [len(real), len(generated)])

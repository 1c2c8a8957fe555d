"""The classifier two-sample test: can a classifier tell generated samples from real ones?"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

MAX_SAMPLES = 2000  # of real and of generated ones; the test then takes about a second


def two_sample_auc(
    real: Tensor, generated: Tensor, seed: int = 0, classifier: Literal["linear", "boosting"] = "linear"
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
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # imported here because it takes a second
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    generator = torch.Generator().manual_seed(seed)
    halves = [_halves(features, generator) for features in (real, generated)]
    (x, y), (test_x, test_y) = (_with_targets(*pair) for pair in zip(*halves, strict=True))
    model = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
    }[classifier]
    model.fit(x, y)
    return float(roc_auc_score(test_y, model.predict_proba(test_x)[:, 1]))


def _halves(features: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return two halves of at most ``MAX_SAMPLES`` features, chosen at random."""
    chosen = features[torch.randperm(len(features), generator=generator)[:MAX_SAMPLES]]
    return chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]


def _with_targets(real: Tensor, generated: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of both sets, with 0 for real and 1 for generated as targets."""
    return torch.cat([real, generated]).numpy(), np.repeat([0, 1], [len(real), len(generated)])

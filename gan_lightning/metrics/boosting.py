"""Gradient-boosted trees for rows with categories and missing values."""

from typing import Any

import numpy as np

MAX_CATEGORIES = 255  # of a column that the trees of scikit-learn treat as a category


def boosting(rows: np.ndarray, categorical: np.ndarray | None = None, seed: int = 0) -> Any:
    """Return a classifier, not yet trained, for rows (n, columns) of numbers, indices of categories and NaN.

    Args:
        rows: the rows to train on.
        categorical: (columns,), True for categories; None if there are none. A category with more than
            ``MAX_CATEGORIES`` values is treated as a number.
        seed: seed of what is drawn at random.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # imported here because it takes a second

    if categorical is not None:
        few = [len(np.unique(column[~np.isnan(column)])) <= MAX_CATEGORIES for column in rows.T]
        categorical = categorical & np.array(few)
    # Early stopping would hold out rows if there are more than 10,000, and fail if a class has only one.
    return HistGradientBoostingClassifier(categorical_features=categorical, early_stopping=False, random_state=seed)

"""Gradient-boosted trees for rows with categories and missing values."""

from typing import Any

import numpy as np

MAX_CATEGORIES = 255  # of a column that the trees of scikit-learn treat as a category


def fit_boosting(rows: np.ndarray, targets: np.ndarray, categorical: np.ndarray | None = None, seed: int = 0) -> Any:
    """Return a classifier trained on rows of numbers, indices of categories and NaN.

    Args:
        rows: (n, columns), the rows.
        targets: (n,), their classes.
        categorical: (columns,), True for categories; None if there are none. A category with more than
            ``MAX_CATEGORIES`` values is treated as a number.
        seed: seed of what is drawn at random.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # imported here because it takes a second

    if categorical is not None:
        few = [len(np.unique(column[~np.isnan(column)])) <= MAX_CATEGORIES for column in rows.T]
        categorical = categorical & np.array(few)
    rows = np.where(np.isnan(rows).all(0), 0, rows)  # the trees refuse columns without any value
    # Early stopping would hold out rows if there are more than 10,000, and fail if a class has only one.
    model = HistGradientBoostingClassifier(categorical_features=categorical, early_stopping=False, random_state=seed)
    return model.fit(rows, targets)

"""Utility of synthetic rows: train classifiers on them, and test these on real rows (Esteban et al., 2017).

Rows are arrays (n, columns) float64. A value of a category is its index, and a missing value is NaN. Rows whose target
is missing are left out. A class that the training rows lack is never predicted.
"""

from typing import Any, NamedTuple

import numpy as np

from gan_lightning.metrics.boosting import fit_boosting
from gan_lightning.metrics.roc import Auc, auc
from gan_lightning.metrics.table_encoding import fit_encoding

MAX_TRAINING = 10_000  # rows that each of the four classifiers is trained on


class Scores(NamedTuple):
    """Scores of a classifier on test rows.

    Attributes:
        auc: area under the curve of each class against the others, averaged over the classes; of two classes, that of
            either. The margin of more than two classes is the mean of their margins, an upper bound.
        macro_f1: F1 averaged over the classes.
    """

    auc: Auc
    macro_f1: float


def boosting_scores(training: np.ndarray, test: np.ndarray, target: int, categorical: np.ndarray) -> Scores | None:
    """Return the scores of gradient-boosted trees that predict a category; None if the test rows have a single class.

    Args:
        training: rows to train on, synthetic or real.
        test: real rows to test on.
        target: index of the column to predict.
        categorical: (columns,), True for categories.
    """
    (x, y), (test_x, test_y) = _split(training, target), _split(test, target)
    classes = np.unique(test_y)
    if len(classes) < 2:
        return None
    if len(np.unique(y)) < 2:
        return Scores(Auc(0.5, 0.0), macro_f1(test_y, np.full(len(test_y), y[0] if len(y) else np.nan)))
    model = fit_boosting(x, y, np.delete(categorical, target))
    probabilities = model.predict_proba(test_x)
    areas = [_class_auc(probabilities, model.classes_, test_y, one) for one in classes]
    area = Auc(*(float(one) for one in np.mean(areas, 0)))
    return Scores(area, macro_f1(test_y, model.classes_[probabilities.argmax(1)]))


def four_classifiers_f1(training: np.ndarray, test: np.ndarray, target: int, categorical: np.ndarray) -> float | None:
    """Return the mean F1 of the four classifiers of the CTGAN paper; arguments as in :func:`boosting_scores`.

    They have the settings of its benchmark, SDGym 0.1: a decision tree (depth 15, balanced classes), AdaBoost (50
    stumps), logistic regression (balanced classes, 50 iterations) and a perceptron (50 units, 50 iterations). See
    arXiv:1907.00503. With two classes, F1 is that of the rarer one among the test rows; with more, it is averaged over
    the classes. Numbers are standardized and categories are one-hot vectors, both by the training rows, of which at
    most ``MAX_TRAINING`` are used.
    """
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.tree import DecisionTreeClassifier

    training = training[:MAX_TRAINING]
    (_, y), (_, test_y) = _split(training, target), _split(test, target)
    classes, counts = np.unique(test_y, return_counts=True)
    if len(classes) < 2:
        return None
    if len(np.unique(y)) < 2:
        predictions = [np.full(len(test_y), y[0] if len(y) else np.nan)]
    else:
        encode = fit_encoding(training, categorical)
        x, test_x = (encode(rows[~np.isnan(rows[:, target])], without=target) for rows in (training, test))
        models = [
            DecisionTreeClassifier(max_depth=15, class_weight="balanced", random_state=0),
            AdaBoostClassifier(random_state=0),
            LogisticRegression(class_weight="balanced", max_iter=50),
            MLPClassifier((50,), max_iter=50, random_state=0),
        ]
        predictions = [_without_warnings(model, x, y).predict(test_x) for model in models]
    if len(classes) > 2:
        return float(np.mean([macro_f1(test_y, one) for one in predictions]))
    rarer = classes[counts.argmin()]
    return float(np.mean([class_f1(test_y, one, rarer) for one in predictions]))


def macro_f1(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return F1 averaged over the classes of the target."""
    return float(np.mean([class_f1(target, predicted, one) for one in np.unique(target)]))


def class_f1(target: np.ndarray, predicted: np.ndarray, positive: float) -> float:
    """Return F1 of one class: 2 TP / (2 TP + FP + FN)."""
    right = ((target == positive) & (predicted == positive)).sum()
    return float(2 * right / ((target == positive).sum() + (predicted == positive).sum()))


def _split(rows: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the other columns and the target of the rows whose target is known."""
    rows = rows[~np.isnan(rows[:, target])]
    return np.delete(rows, target, 1), rows[:, target]


def _class_auc(probabilities: np.ndarray, known: np.ndarray, target: np.ndarray, one: float) -> Auc:
    """Return the area for a class against the others; .5 if the classifier does not know it."""
    scores = probabilities[:, known == one].sum(1)
    return auc(scores[target == one], scores[target != one])


def _without_warnings(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """Return the model, trained; the small numbers of iterations are those of the benchmark."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)

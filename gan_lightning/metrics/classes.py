"""What a classifier's verdicts on samples tell."""

import torch
from torch import Tensor


def classifier_score(probabilities: Tensor) -> float:
    """exp of the mean KL(p(y | x) ‖ p(y)) of (n, classes), between 1 and their number.

    With an Inception network it is the Inception score (Salimans et al., 2016, arXiv:1606.03498). A confident
    classifier is no proof of good samples: noise can score high.
    """
    p = probabilities.clamp(min=1e-30)
    marginal = p.mean(0, dtype=torch.float64)
    entropies = (p * p.log()).sum(1, dtype=torch.float64)
    return (entropies.mean() - (marginal * marginal.log()).sum()).exp().item()


def class_kl(labels: Tensor, reference: Tensor) -> float:
    """KL(classes of the samples ‖ reference), in nats, of labels (n,) and probabilities (classes,).

    Never negative, 0 for equal shares, inf if there is a class that the reference does not have.
    """
    p = shares(labels, len(reference))
    seen = p > 0
    return (p[seen] * (p[seen] / reference[seen]).log()).sum().item()


def shares(labels: Tensor, num_classes: int) -> Tensor:
    """Share (classes,) of each class among labels (n,)."""
    return torch.bincount(labels, minlength=num_classes).double() / len(labels)


def label_accuracy(labels: Tensor, wanted: Tensor) -> float:
    """Share of samples (n,) that have the class they were made for."""
    return (labels == wanted.to(labels.device)).double().mean().item()


def modes(labels: Tensor, at_least: int = 1) -> int:
    """How many classes have that many samples."""
    return int((torch.bincount(labels) >= at_least).sum())

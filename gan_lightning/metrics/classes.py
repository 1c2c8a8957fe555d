"""Metrics of the class labels and class probabilities that a classifier assigns to samples."""

import torch
from torch import Tensor


def classifier_score(probabilities: Tensor) -> float:
    """Return exp of the mean KL(p(y | x) ‖ p(y)), between 1 and the number of classes.

    With an Inception network it is the Inception score (Salimans et al., 2016, arXiv:1606.03498). A high score does not
    prove good samples: a classifier may be confident about noise.

    Args:
        probabilities: (n, classes), a row for each sample.
    """
    p = probabilities.clamp(min=1e-30)
    marginal = p.mean(0, dtype=torch.float64)
    entropies = (p * p.log()).sum(1, dtype=torch.float64)
    return (entropies.mean() - (marginal * marginal.log()).sum()).exp().item()


def class_kl(labels: Tensor, reference: Tensor) -> float:
    """Return the KL divergence of the samples' classes from the reference, in nats.

    It is at least 0, 0 for equal shares, and infinite if a sample's class has probability 0 in the reference.

    Args:
        labels: (n,), the class of each sample.
        reference: (classes,), the probability of each class.
    """
    p = class_shares(labels, len(reference))
    present = p > 0
    return (p[present] * (p[present] / reference[present]).log()).sum().item()


def class_shares(labels: Tensor, num_classes: int) -> Tensor:
    """Return the share of each class (classes,) among labels (n,)."""
    return torch.bincount(labels, minlength=num_classes).double() / len(labels)


def smoothed_shares(labels: Tensor, num_classes: int) -> Tensor:
    """Return the share of each class (classes,) among labels (n,), with half a label added to each class.

    No share is 0, so that KL divergences from these shares are finite (Krichevsky & Trofimov, 1981).
    """
    counts = torch.bincount(labels, minlength=num_classes).double() + 0.5
    return counts / counts.sum()


def label_accuracy(labels: Tensor, wanted: Tensor) -> float:
    """Return the share of samples whose label (n,) equals the class (n,) that they were generated for."""
    return (labels == wanted.to(labels.device)).double().mean().item()


def modes(labels: Tensor, at_least: int = 1) -> int:
    """Return how many classes have at least ``at_least`` of the samples."""
    return int((torch.bincount(labels) >= at_least).sum())

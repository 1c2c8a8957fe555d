"""What a classifier's verdicts on samples tell."""

import torch
from torch import Tensor


def classifier_score(probabilities: Tensor) -> float:
    """exp of the mean KL(p(y | x) ‖ p(y)) of (n, classes), between 1 and their number.

    With an Inception network it is the Inception score (Salimans et al., 2016, arXiv:1606.03498). A confident
    classifier is no proof of good samples: noise can score high.
    """
    p = probabilities.double().clamp(min=1e-30)
    marginal = p.mean(0)
    return (p * (p.log() - marginal.log())).sum(1).mean().exp().item()


def class_kl(labels: Tensor, reference: Tensor, num_classes: int) -> float:
    """KL(classes of the samples ‖ classes of the reference), in nats, of labels (n,) and (m,)."""
    p, q = (torch.bincount(x, minlength=num_classes).double() / len(x) for x in (labels, reference))
    seen = p > 0
    return (p[seen] * (p[seen] / q[seen]).log()).sum().item()


def modes(labels: Tensor, at_least: int = 1) -> int:
    """How many classes have that many samples."""
    return int((torch.bincount(labels) >= at_least).sum())

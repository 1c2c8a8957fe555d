"""What the two networks minimize: plain functions of logits, usable without Lightning.

Logits have shape (B,) or (B, K); a loss is the mean over all of them.
"""

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor


@runtime_checkable
class Objective(Protocol):
    """A pair of losses. A new objective is a class like those below, one YAML in ``conf/objective/``, one test."""

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """What the discriminator minimizes."""

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """What the generator minimizes; relativistic objectives compare with the reals' logits."""


class NonSaturating:
    """Binary cross-entropy for D, and −log D(G(z)) for G (Goodfellow et al., 2014, section 3).

    Written with log-sigmoids of the logits: Sigmoid followed by BCELoss is the same function, but its
    gradient dies where the sigmoid rounds to 0 or 1.

        L_D = −log D(x) − log(1 − D(G(z)))        L_G = −log D(G(z))
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -F.logsigmoid(fake_logits).mean()


class BinaryCrossEntropy:
    """The same pair of losses as tutorials write it: Sigmoid, then BCELoss.

    In float32 the sigmoid is exactly 1 from a logit of 17 on, and PyTorch limits the logarithm to −100: D's loss on
    a fake that it is wrong about, and G's on one that D is sure of, then have no gradient. For runs as published;
    :class:`NonSaturating` is the one to use.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
        ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
        return F.binary_cross_entropy(real, ones) + F.binary_cross_entropy(fake, zeros)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        fake = torch.sigmoid(fake_logits)
        return F.binary_cross_entropy(fake, torch.ones_like(fake))


def probability(logits: Tensor) -> Tensor:
    """Mean of D as a probability, for the dashboard: about 1/2 on both sides when D cannot tell."""
    return torch.sigmoid(logits).mean()

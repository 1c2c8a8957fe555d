"""Losses of discriminator and generator: plain functions of logits, usable without Lightning.

Logits have shape (B,) or (B, K); a loss is the mean over all of them.
"""

from typing import Annotated, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

RealLabel = Annotated[float, Field(gt=0, le=1)]


@runtime_checkable
class Objective(Protocol):
    """Pair of losses. A new one is a class like those below, a YAML in ``conf/objective/`` and a test.

    An objective sets ``needs_real_logits = True`` if its ``generator_loss`` uses the logits of the reals, and
    ``needs_lipschitz = True`` if it requires a discriminator of limited slope.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the loss () that the discriminator minimizes."""

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return the loss () that the generator minimizes; ``real_logits`` are given if ``needs_real_logits``."""


class NonSaturating:
    """Non-saturating loss (Goodfellow et al., 2014, arXiv:1406.2661, section 3): G maximizes log D(G(z)).

    It is computed by log-sigmoids of the logits. Sigmoid followed by BCELoss is the same function, but its gradient
    vanishes where the sigmoid rounds to 0 or 1.

        L_D = −log D(x) − log(1 − D(G(z)))        L_G = −log D(G(z))

    Args:
        real_label: a, the label of the reals. Below 1 it is one-sided label smoothing (Salimans et al., 2016,
            arXiv:1606.03498, section 3.4): L_D = −a log D(x) − (1 − a) log(1 − D(x)) − log(1 − D(G(z))).
    """

    def __init__(self, real_label: RealLabel = 1.0) -> None:
        self.real_label = real_label

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = F.binary_cross_entropy_with_logits(real_logits, torch.full_like(real_logits, self.real_label))
        return real - F.logsigmoid(-fake_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -F.logsigmoid(fake_logits).mean()


class Minimax(NonSaturating):
    """Minimax loss (Goodfellow et al., 2014, arXiv:1406.2661, equation 1): G minimizes what D maximizes.

        L_D = −log D(x) − log(1 − D(G(z)))        L_G = log(1 − D(G(z)))

    The gradient of G vanishes where D is confident that a sample is fake.

    Args:
        real_label: as for :class:`NonSaturating`.
    """

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return F.logsigmoid(-fake_logits).mean()


class BinaryCrossEntropy:
    """Non-saturating loss as tutorials write it: Sigmoid, then BCELoss.

    In float32 the sigmoid is exactly 1 for logits from 17 on, and PyTorch limits the logarithm to −100. So the
    gradient of L_D vanishes at fakes with a large logit, and that of L_G at fakes with a very negative one. Use this
    class to reproduce published runs, and :class:`NonSaturating` otherwise.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
        ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
        return F.binary_cross_entropy(real, ones) + F.binary_cross_entropy(fake, zeros)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        fake = torch.sigmoid(fake_logits)
        return F.binary_cross_entropy(fake, torch.ones_like(fake))


class LeastSquares:
    """LSGAN (Mao et al., 2017, arXiv:1611.04076): labels 1 and 0 for D, 1 for G.

        L_D = ½ (D(x) − 1)² + ½ D(G(z))²        L_G = ½ (D(G(z)) − 1)²

    Args:
        real_label: below 1 for one-sided label smoothing of L_D.
    """

    def __init__(self, real_label: RealLabel = 1.0) -> None:
        self.real_label = real_label

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ((real_logits - self.real_label) ** 2).mean() / 2 + (fake_logits**2).mean() / 2

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return ((fake_logits - 1) ** 2).mean() / 2


class Hinge:
    """The hinge loss (Lim & Ye, 2017, arXiv:1705.02894; Miyato et al., 2018, arXiv:1802.05957).

    L_D = max(0, 1 − D(x)) + max(0, 1 + D(G(z)))        L_G = −D(G(z))
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -fake_logits.mean()


class Wasserstein:
    """WGAN (Arjovsky et al., 2017, arXiv:1701.07875): D is a critic whose slope must be limited by other means.

    L_D = D(G(z)) − D(x)        L_G = −D(G(z))
    """

    needs_lipschitz = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits.mean() - real_logits.mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -fake_logits.mean()


class Relativistic:
    """RpGAN: each real is compared with a fake (Jolicoeur-Martineau, 2018, arXiv:1807.00734; R3GAN, arXiv:2501.05441).

    L_D = softplus(D(G(z)) − D(x))        L_G = softplus(D(x) − D(G(z)))
    """

    needs_real_logits = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return F.softplus(fake_logits - real_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        assert real_logits is not None
        return F.softplus(real_logits - fake_logits).mean()


def probability(logits: Tensor) -> Tensor:
    """Return the mean () of D as a probability: about 1/2 for reals and fakes if D cannot tell them apart."""
    return torch.sigmoid(logits).mean()

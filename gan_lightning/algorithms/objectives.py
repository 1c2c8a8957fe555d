"""What the two networks minimize: plain functions of logits, usable without Lightning.

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
    """A pair of losses. A new objective is a class like those below, one YAML in ``conf/objective/``, one test.

    One whose ``generator_loss`` needs the logits of the reals says ``needs_real_logits = True``; one that only means
    something for a discriminator of limited slope, ``needs_lipschitz = True``.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """What the discriminator minimizes."""

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """What the generator minimizes."""


class NonSaturating:
    """Binary cross-entropy for D, and −log D(G(z)) for G (Goodfellow et al., 2014, section 3).

    Written with log-sigmoids of the logits: Sigmoid followed by BCELoss is the same function, but its
    gradient dies where the sigmoid rounds to 0 or 1.

        L_D = −log D(x) − log(1 − D(G(z)))        L_G = −log D(G(z))

    Args:
        real_label: below 1 for one-sided label smoothing, L_D = −a log D(x) − (1 − a) log(1 − D(x)) − …
            (Salimans et al., 2016, arXiv:1606.03498, section 3.4).
    """

    def __init__(self, real_label: RealLabel = 1.0) -> None:
        self.real_label = real_label

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = F.binary_cross_entropy_with_logits(real_logits, torch.full_like(real_logits, self.real_label))
        return real - F.logsigmoid(-fake_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -F.logsigmoid(fake_logits).mean()


class Minimax(NonSaturating):
    """The two-player game itself (Goodfellow et al., 2014, equation 1): G minimizes what D maximizes.

        L_D = −log D(x) − log(1 − D(G(z)))        L_G = log(1 − D(G(z)))

    G's gradient vanishes where D is sure of the fakes.
    """

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return F.logsigmoid(-fake_logits).mean()


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
    """Mean of D as a probability, for the dashboard: about 1/2 on both sides when D cannot tell."""
    return torch.sigmoid(logits).mean()

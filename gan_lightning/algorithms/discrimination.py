"""One pass of a discriminator over real and fake samples, and the checks of its parts; all kinds of GANs share them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.objectives import Objective
from gan_lightning.algorithms.optimizers import clips_weights
from gan_lightning.algorithms.regularizers import DiscriminatorPass, NoPenalty, Regularizer
from gan_lightning.modalities.samples import Sample, cat, each
from gan_lightning.networks.wrappers import limits_slope, mixes_samples


def logits_of(discriminator: nn.Module, sample: Sample, condition: Sample | None) -> Tensor:
    """Return D's logits (B, K) in float32 or wider, because a loss in bfloat16 has only three digits."""
    logits = discriminator(sample, condition)
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def discriminate(
    logits: Callable[[Sample, Sample | None], Tensor],
    real: Sample,
    fake: Sample,
    condition: Sample | None,
    *,
    needs_input_grad: bool,
    mixing: bool,
) -> DiscriminatorPass:
    """Return D's logits of reals and fakes, from a single pass unless D mixes the samples of a batch.

    Args:
        logits: function (sample, condition) -> logits (B, K).
        real: real samples (B, …).
        fake: fake samples (B, …), detached from the generator.
        condition: conditions of both.
        needs_input_grad: True if a penalty needs gradients with respect to the samples.
        mixing: True if the logit of a sample depends on others of its batch.
    """
    if needs_input_grad:
        real, fake = (each(lambda one: one.detach().requires_grad_(), sample) for sample in (real, fake))
    if mixing:
        real_logits, fake_logits = logits(real, condition), logits(fake, condition)
    else:
        conditions = None if condition is None else cat([condition, condition])
        real_logits, fake_logits = logits(cat([real, fake]), conditions).chunk(2)
    return DiscriminatorPass(real, fake, condition, real_logits, fake_logits)


def check_discriminator(
    discriminator: nn.Module,
    objective: Objective,
    regularizer: Regularizer,
    optimizer: Callable[..., Optimizer],
) -> None:
    """Raise ValueError for an incomplete objective, and for parts that would train, but not as their papers intend."""
    if not isinstance(objective, Objective):
        raise ValueError(f"objective {type(objective).__name__}: must define discriminator_loss and generator_loss")
    unpenalized = isinstance(regularizer, NoPenalty)
    if not unpenalized and mixes_samples(discriminator) == "batch norm":
        raise ValueError(
            f"regularizer {type(regularizer).__name__} needs a logit for each single sample, but the "
            "discriminator has batch norm, which mixes samples: set regularizer=none, or take a model without it"
        )
    slope_is_limited = limits_slope(discriminator) or clips_weights(optimizer)
    if getattr(objective, "needs_lipschitz", False) and unpenalized and not slope_is_limited:
        raise ValueError(
            f"objective {type(objective).__name__} needs a discriminator of limited slope: "
            "regularizer=gradient_penalty, wrapper=spectral_norm, or experiment=wgan, which clips its weights"
        )

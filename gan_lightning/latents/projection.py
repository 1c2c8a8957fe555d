"""Projection: finds the styles with which a generator reproduces an image.

The method is that of StyleGAN2 (Karras et al., 2020, https://arxiv.org/abs/1912.04958, appendix D), with the squared
error of the pixels as loss. Our generators have no noise inputs, so there is no noise to regularize.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gan_lightning.networks.styles import StyleGenerator

STEPS = 300  # of Adam, with one style at all levels
STEPS_PLUS = 150  # of Adam, then with a style at each level
RATE = 0.1  # learning rate, in standard deviations of styles
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps in which the learning rate rises from zero, and falls to zero
NOISE, NOISE_SHARE = 0.05, 0.75  # standard deviation of the first noise, and share of the steps that have noise
STARTS = 4  # per image: the mean style, and those of the nearest samples

Progress = Callable[[], object]


def project(
    generator: StyleGenerator, images: Tensor, candidates: Tensor, seed: int = 0, progress: Progress = lambda: None
) -> tuple[Tensor, Tensor]:
    """Return the styles (n, levels, style_dim) that reproduce images: in W, and in W+.

    In W, a sample has the same style at all levels. The search starts at several styles and keeps the best result. In
    W+, each level has a style of its own; the search continues from the style in W.

    Args:
        generator: the generator, in evaluation mode.
        images: (n, C, H, W) in [-1, 1].
        candidates: (m, style_dim), styles of random latents, m ≥ ``STARTS``.
        seed: seed of the noise that is added to styles at first.
        progress: function that is called at each of the ``STEPS`` + ``STEPS_PLUS`` steps.
    """
    spread = candidates.std(0)
    random = torch.Generator().manual_seed(seed)
    starts = _starts(generator, images, candidates)
    found = _descend(
        generator, images.repeat_interleave(STARTS, 0), starts.flatten(0, 1), spread, STEPS, random, progress
    )
    with torch.no_grad():
        errors = _errors(generator, found, images.repeat_interleave(STARTS, 0)).view(-1, STARTS)
    best = found.view(-1, STARTS, *found.shape[1:])[torch.arange(len(images)), errors.argmin(1)]
    in_w = best.expand(-1, generator.levels, -1)
    return in_w.clone(), _descend(generator, images, in_w, spread, STEPS_PLUS, None, progress)


def psnr(samples: Tensor, images: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratios (n,) of samples to images in [-1, 1], in dB."""
    error = (samples.clamp(-1, 1) - images).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error)


@torch.no_grad()
def _starts(generator: StyleGenerator, images: Tensor, candidates: Tensor) -> Tensor:
    """Return styles (n, ``STARTS``, 1, style_dim): the mean style, and those of the samples nearest to each image."""
    samples = generator.synthesize(candidates[:, None].expand(-1, generator.levels, -1)).clamp(-1, 1)
    distances = torch.cdist(images.flatten(1), samples.flatten(1))
    nearest = candidates[distances.topk(STARTS - 1, largest=False).indices]
    mean = candidates.mean(0).expand(len(images), 1, -1)
    return torch.cat([mean, nearest], 1)[:, :, None]


def _descend(
    generator: StyleGenerator,
    images: Tensor,
    styles: Tensor,
    spread: Tensor,
    steps: int,
    random: torch.Generator | None,
    progress: Progress,
) -> Tensor:
    """Return styles of the shape (n, levels or 1, style_dim) that Adam has moved to smaller errors.

    Args:
        generator: the generator.
        images: (n, C, H, W).
        styles: where to start.
        spread: (style_dim,), the unit of the learning rate and of the noise.
        steps: number of steps.
        random: source of the noise; None for no noise.
        progress: function that is called at each step.
    """
    offset = torch.zeros_like(styles, memory_format=torch.contiguous_format, requires_grad=True)
    optimizer = torch.optim.Adam([offset])
    for step in range(steps):
        share = step / steps
        falling = (1 - math.cos(math.pi * min(1, (1 - share) / RAMP_DOWN))) / 2
        optimizer.param_groups[0]["lr"] = RATE * min(1, (step + 1) / (RAMP_UP * steps)) * falling
        moved = offset
        if random is not None and share < NOISE_SHARE:
            moved = offset + NOISE * (1 - share / NOISE_SHARE) ** 2 * torch.randn(offset.shape, generator=random)
        errors = _errors(generator, styles + spread * moved, images)
        (offset.grad,) = torch.autograd.grad(errors.sum(), offset)
        optimizer.step()
        progress()
    return (styles + spread * offset).detach()


def _errors(generator: StyleGenerator, styles: Tensor, images: Tensor) -> Tensor:
    """Return the mean squared error (n,) of each image; samples beyond black or white are as good as those."""
    samples = generator.synthesize(styles.expand(-1, generator.levels, -1))
    difference = torch.where(samples.clamp(-1, 1) == images, 0.0, samples - images)
    return difference.square().flatten(1).mean(1)

"""Neural style transfer (Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016).

The content of an image is the feature maps of a deep layer of VGG16. Its style is the Gram matrices of several layers.
The pixels of an image are optimized until it has the content of one image and the style of another, first coarsely,
then at finer and finer scales (Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017).
Images are (1, 1 or 3, H, W) in [-1, 1].
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from gan_lightning.imaging.colors import luma
from gan_lightning.imaging.resizing import bicubic
from gan_lightning.networks.perceptual import StNetwork, VggLayer, smallest_side

CONTENT_LAYER: VggLayer = "relu3_2"
STYLE_LAYERS: tuple[VggLayer, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
SMALLEST = smallest_side([CONTENT_LAYER, *STYLE_LAYERS])  # height and width at the coarsest scale
COARSEST = 128  # the coarsest scale has at least this longer side, in pixels
RATIO = 2**0.5  # between the sides at two scales
LEARNING_RATE, BETAS = 0.03, (0.9, 0.99)
DECAY = 0.9  # of the average over iterations, which is smoother than the last one
MARGIN = 1 / 32  # of the longer side; this border would get stripes, and is cut off
BYTES_PER_PIXEL = 8500  # memory of a process beside 0.5 GB, measured with size=512

Size = tuple[int, int]


class Weights(NamedTuple):
    """Weights of the terms of the loss."""

    content: float
    style: float
    variation: float


def gram(maps: Tensor) -> Tensor:
    """Return the Gram matrix (C, C) of feature maps (1, C, h, w): the mean product of two features at a pixel."""
    features = maps[0].flatten(1)
    return features @ features.T / features.shape[1]


def relative_error(found: Tensor, expected: Tensor) -> Tensor:
    """Return the squared difference () relative to the power of what is expected, so that layers weigh the same."""
    return (found - expected).square().sum() / expected.square().sum()


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference () of neighbouring pixels."""
    return image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()


class Objective:
    """The loss of an image at one scale.

    Args:
        network: the network whose features are compared.
        content: the image that gives the content.
        style: the image that gives the style.
        weights: the weights of the terms.
    """

    def __init__(self, network: StNetwork, content: Tensor, style: Tensor, weights: Weights) -> None:
        self.network = network
        self.weights = weights
        with torch.no_grad():
            self.content = network.activations_of(content, [CONTENT_LAYER])[CONTENT_LAYER]
            self.style = {name: gram(maps) for name, maps in network.activations_of(style, STYLE_LAYERS).items()}

    def __call__(self, image: Tensor) -> Tensor:
        """Return the loss () of an image of the size of the content."""
        maps = self.network.activations_of(image, {CONTENT_LAYER, *STYLE_LAYERS})
        content = relative_error(maps[CONTENT_LAYER], self.content)
        style = torch.stack([relative_error(gram(maps[name]), expected) for name, expected in self.style.items()])
        variation = total_variation(image)
        return self.weights.content * content + self.weights.style * style.mean() + self.weights.variation * variation


def scales(size: Size, steps: int) -> list[tuple[Size, int]]:
    """Return the height and width of each scale, coarse to fine, and the iterations there.

    Args:
        size: height and width at the finest scale.
        steps: iterations at the coarsest scale; the others have fewer, inversely to their sides.
    """
    found, factor = [size], 1 / RATIO
    while round(max(size) * factor) >= COARSEST and min(size) * factor >= SMALLEST:
        found.append(resized(size, factor))
        factor /= RATIO
    found.reverse()
    return [(one, max(1, round(steps * max(found[0]) / max(one)))) for one in found]


def resized(size: Size, factor: float) -> Size:
    """Return a height and width multiplied by a factor, each at least 1."""
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def resize(image: Tensor, size: Size) -> Tensor:
    """Return an image resized to a height and width."""
    return bicubic(image, *size).clamp(-1, 1)


def fit(style: Tensor, size: Size) -> Tensor:
    """Return a style image resized to the longer side of a size; its own sides are at least ``SMALLEST``."""
    height, width = style.shape[2:]
    return resize(style, resized((height, width), max(max(size) / max(height, width), SMALLEST / min(height, width))))


def transfer_style(network: StNetwork, content: Tensor, style: Tensor, weights: Weights, steps: int) -> Tensor:
    """Return an image with the content of one image and the style of another; show a progress bar.

    At each scale, the style image is resized to the longer side of the content. A style that stays smaller than the
    content gives all scales its finest strokes, and the result looks embossed.

    Args:
        network: the VGG16 of ST-LPIPS.
        content: the image that gives the content; its sides are at least ``SMALLEST``.
        style: the image that gives the style, of any size with sides of at least ``SMALLEST``.
        weights: the weights of the loss.
        steps: iterations at the coarsest scale, as for :func:`scales`.
    """
    height, width = content.shape[2:]
    margin = min(max(4, round(MARGIN * max(height, width))), min(height, width) - 1)
    content = image = F.pad(content, (margin, margin, margin, margin), mode="reflect")
    plan = scales((content.shape[2], content.shape[3]), steps)
    style = fit(style, plan[-1][0])
    with tqdm(total=sum(iterations for _, iterations in plan), desc="stylizing", disable=None, leave=False) as bar:
        for size, iterations in plan:
            objective = Objective(network, resize(content, size), fit(style, size), weights)
            image = minimize(objective, resize(image, size), iterations, bar)
    return image[:, :, margin : margin + height, margin : margin + width]


def minimize(objective: Objective, start: Tensor, iterations: int, bar: tqdm) -> Tensor:
    """Return the average of the images that Adam finds from a start, of which the last weigh most."""
    image = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], LEARNING_RATE, BETAS)
    average, total = torch.zeros_like(start), 0.0
    for _ in range(iterations):
        (image.grad,) = torch.autograd.grad(objective(image), image)
        optimizer.step()
        with torch.no_grad():
            image.clamp_(-1, 1)
            average, total = DECAY * average + image, DECAY * total + 1
        bar.update()
    return average / total


def match_contrast(image: Tensor, other: Tensor) -> Tensor:
    """Return an image with the mean and the standard deviation of another one."""
    factor = other.std() / image.std().clamp_min(1e-3)
    return ((image - image.mean()) * factor + other.mean()).clamp(-1, 1)


def with_luma(image: Tensor, wanted: Tensor) -> Tensor:
    """Return an image with the luma (1, 1, H, W) that is wanted, and its own colors."""
    return (image + wanted - luma(image)).clamp(-1, 1)

"""Digits and their outlines on photographs: two domains whose truth is known, drawn from data in scikit-learn."""

import math
from typing import Literal, Unpack

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor

from gan_lightning.data.unpaired import Domain, Unpaired, UnpairedSettings
from gan_lightning.imaging.colors import luma

SIZE = 32  # pixels
REDUCTION = 4  # of the photographs' height and width
TEST_DIGITS = 297  # of 1,797; one half of the others is domain A, the other half domain B
DRAWING_SEED = 0  # independent of the seed of a run: all runs have the same images
LINE_WIDTH = 2.0  # pixels
BACKGROUND_LIGHT = 0.6  # of the photographs' own
INSIDE_LIGHT = 0.15  # of the background's
PALE = 0.25  # share of white in the colours of lines


class DigitOutlines(Unpaired):
    """Handwritten digits, filled with white on grey photographs (A), and as coloured outlines on colour ones (B).

    The truth can be reached, because domain A determines it: the colour of an outline is the direction that it faces,
    and the background is the same crop of a photograph, without its colours in domain A. Backgrounds that domain A does
    not show would be impossible to predict, and a model that must translate back would have to hide them in its
    translations.

    No digit is in both domains of the training set. The images are 32×32 RGB, drawn from scikit-learn's digits, each on
    a random crop of one of its two photographs.

    Args:
        direction: the translation to learn.
        settings: as for :class:`Unpaired`.
    """

    source = (
        "Optical Recognition of Handwritten Digits, https://archive.ics.uci.edu/dataset/80; photographs of "
        "https://www.flickr.com/photos/danielbuechele and https://www.flickr.com/photos/vultilion, in scikit-learn"
    )
    licence = "CC-BY-4.0 AND CC-BY-2.0"
    truth = True

    def __init__(
        self,
        direction: Literal["digits_to_outlines", "outlines_to_digits"],
        **settings: Unpack[UnpairedSettings],
    ) -> None:
        super().__init__(reverse=direction == "outlines_to_digits", **settings)

    def load_domains(self) -> tuple[Domain, Domain]:
        in_a, in_b = self._training_digits()
        (a, _), (_, b) = draw_domains(in_a), draw_domains(in_b)
        return a, b

    def load_test_domains(self) -> tuple[Domain, Domain]:
        return draw_domains(shuffled_digits()[:TEST_DIGITS])

    def load_pairs(self) -> tuple[Tensor, Tensor]:
        (a, truth) = draw_domains(self._training_digits()[0])
        return a.images, truth.images

    def _training_digits(self) -> tuple[Tensor, Tensor]:
        in_a, in_b = shuffled_digits()[TEST_DIGITS:].tensor_split(2)
        return in_a, in_b


def shuffled_digits() -> Tensor:
    """Return the indices of all digits in scikit-learn (1797,), in a random order that is always the same."""
    return torch.randperm(len(load_digits().target), generator=torch.Generator().manual_seed(DRAWING_SEED))


def draw_domains(chosen: Tensor) -> tuple[Domain, Domain]:
    """Return the digits with these indices (n,), and the truth of each, as 32×32 RGB."""
    digits = load_digits()
    labels = torch.from_numpy(digits.target).long()[chosen]
    filled, outlined = draw(torch.from_numpy(digits.images)[chosen] / 16, backgrounds(len(digits.target))[chosen])
    return Domain(filled, labels), Domain(outlined, labels)


def backgrounds(n: int) -> Tensor:
    """Return n random crops of the photographs (n, 3, SIZE, SIZE) float64 from 0 to 1, always the same."""
    generator = torch.Generator().manual_seed(DRAWING_SEED)
    photographs = torch.from_numpy(np.stack(load_sample_images().images)).permute(0, 3, 1, 2).double() / 255
    crops = F.avg_pool2d(photographs, REDUCTION).unfold(2, SIZE, 1).unfold(3, SIZE, 1).permute(0, 2, 3, 1, 4, 5)
    return crops[tuple(torch.randint(number, (n,), generator=generator) for number in crops.shape[:3])]


def draw(digits: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """Return digits filled with white on grey, and as coloured outlines on colour, each (n, 3, SIZE, SIZE) uint8.

    Args:
        digits: (n, 8, 8) float64 from 0 to 1.
        background: the photograph behind each digit (n, 3, SIZE, SIZE) float64 from 0 to 1.
    """
    colour = BACKGROUND_LIGHT * background
    grey = luma(colour)

    # Ink is the height of a smooth surface; its contour at ½ is the outline. ``distance`` is positive inside.
    ink = F.interpolate(F.pad(digits, (1, 1, 1, 1))[:, None], (SIZE, SIZE), mode="bicubic")
    down, right = torch.gradient(ink, dim=(2, 3))
    distance = (ink - 0.5) / ((down.square() + right.square()).sqrt() + 1e-3)
    line = (LINE_WIDTH / 2 + 0.5 - distance.abs()).clamp(0, 1)
    inside = (distance + 0.5).clamp(0, 1)

    filled = grey + (1 - grey) * inside
    outlined = colour * (1 - (1 - INSIDE_LIGHT) * inside)
    outlined = outlined + (colour_of(torch.atan2(down, right)) - outlined) * line
    return _to_uint8(filled.expand(-1, 3, -1, -1)), _to_uint8(outlined)


def colour_of(angle: Tensor) -> Tensor:
    """Return the pale colours (n, 3, H, W) on the colour wheel at angles (n, 1, H, W) in radians."""
    sixths = (torch.tensor([5, 3, 1]).view(3, 1, 1) + angle * 3 / math.pi) % 6
    return 1 - (1 - PALE) * torch.minimum(sixths, 4 - sixths).clamp(0, 1)


def _to_uint8(images: Tensor) -> Tensor:
    return (images * 255).round().to(torch.uint8)

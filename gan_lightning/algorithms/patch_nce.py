"""PatchNCE, the contrastive term of CUT, which keeps the content of an image that is translated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from gan_lightning.algorithms.schedules import Schedule, as_schedule
from gan_lightning.algorithms.terms import GeneratorPass

if TYPE_CHECKING:
    from gan_lightning.algorithms.model import GenerativeModel

Stages = Annotated[Sequence[NonNegativeInt], Field(min_length=1)]


@runtime_checkable
class Encoding(Protocol):
    """Generator that offers the features of its encoder."""

    def encode(self, images: Tensor, stages: Sequence[int]) -> list[Tensor]:
        """Return the features (B, C, h, w) of images (B, C, H, W) after some stages of the network."""


class PatchNCE(nn.Module):
    """Contrastive term of CUT (Park et al., 2020, arXiv:2007.15651): a patch looks most like itself before translation.

    The generator's encoder takes the image and its translation. A small network (head) maps the features at a place to
    a vector of length 1. The vector of a patch of the translation must be closer to that of the same patch of the
    image than to those of other patches of the image: cross-entropy of inner products divided by the temperature. The
    vectors of the image have no gradient.

    CUT has weight 1 and ``identity``; FastCUT has weight 10, no ``identity`` and ``flip_equivariance``.

    Args:
        weight: a number or a schedule.
        stages: numbers of the encoder's stages whose features are compared.
        channels: number of channels of each of these stages.
        patches: number of places that are compared in each stage, drawn at random; at most all of them.
        dim: size of a vector.
        temperature: τ, divisor of inner products; .07 in the paper.
        identity: if True, return the mean of the term and the same term of real images, which the generator should
            leave as they are.
        flip_equivariance: if True, half of the batches are compared with the mirrored features of mirrored images.
    """

    def __init__(
        self,
        weight: float | Schedule,
        stages: Stages,
        channels: Sequence[PositiveInt],
        patches: PositiveInt = 256,
        dim: PositiveInt = 256,
        temperature: PositiveFloat = 0.07,
        identity: bool = True,
        flip_equivariance: bool = False,
    ) -> None:
        super().__init__()
        self.weight = as_schedule(weight)
        self.stages = stages
        self.patches = patches
        self.temperature = temperature
        self.identity = identity
        self.flip_equivariance = flip_equivariance
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(one, dim), nn.ReLU(), nn.Linear(dim, dim)) for one in channels
        )

    def forward(self, model: "GenerativeModel", seen: GeneratorPass) -> Tensor:
        generator = model.generator
        if not isinstance(generator, Encoding):
            raise ValueError(f"patch_nce needs a generator that encodes images, not {type(generator).__name__}")
        assert isinstance(seen.condition, Tensor)
        assert isinstance(seen.real, Tensor)
        assert isinstance(seen.fake, Tensor)
        if seen.condition.shape[1] != seen.fake.shape[1]:
            raise ValueError(
                f"patch_nce encodes images of both domains, but they have {seen.condition.shape[1]} and "
                f"{seen.fake.shape[1]} channels: the same number, or model=cyclegan"
            )
        loss = self.compare(generator, seen.fake, seen.condition)
        if not self.identity:
            return loss
        return (loss + self.compare(generator, model.generator(None, seen.real), seen.real)) / 2

    def compare(self, generator: Encoding, translated: Tensor, images: Tensor) -> Tensor:
        """Return the term () of translated images (B, C, H, W) and the images (B, C, H, W) they were made from."""
        queries = generator.encode(translated, self.stages)
        with torch.no_grad():
            keys = self.encode_keys(generator, images)
        losses = []
        for head, query, key in zip(self.heads, queries, keys, strict=True):
            places = torch.rand(query[0, 0].numel(), device=query.device).argsort()[: self.patches]
            vectors = F.normalize(head(_at(query, places)), dim=2)
            with torch.no_grad():
                originals = F.normalize(head(_at(key, places)), dim=2)
            losses.append(contrast(vectors, originals, self.temperature))
        return torch.stack(losses).mean()

    def encode_keys(self, generator: Encoding, images: Tensor) -> list[Tensor]:
        if not self.flip_equivariance:
            return generator.encode(images, self.stages)
        flips = torch.rand((), device=images.device) < 0.5  # a tensor, because a CUDA graph reads it
        features = generator.encode(torch.where(flips, images.flip(3), images), self.stages)
        return [torch.where(flips, one.flip(3), one) for one in features]


def contrast(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy () of finding the key of each query among the keys of its image.

    Args:
        queries: vectors (B, P, D).
        keys: vectors (B, P, D).
        temperature: divisor of inner products.
    """
    with torch.autocast(queries.device.type, enabled=False):  # bfloat16 is too coarse for logits
        dtype = torch.promote_types(queries.dtype, torch.float32)
        logits = queries.to(dtype) @ keys.to(dtype).mT / temperature  # (B, P, P)
    labels = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def _at(features: Tensor, places: Tensor) -> Tensor:
    """Return the features (B, P, C) of maps (B, C, h, w) at places (P,)."""
    return features.flatten(2)[:, :, places].mT

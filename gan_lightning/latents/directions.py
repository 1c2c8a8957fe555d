"""Directions in the space of styles along which samples change in one respect, and the files that hold them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.files import write_atomically


@dataclass(frozen=True)
class Directions:
    """Named directions.

    Attributes:
        names: a name for each direction.
        vectors: (directions, style_dim), of unit length.
        scales: (directions,), the standard deviation of styles along each direction.
        levels: the levels of a generator whose styles each direction moves.
    """

    names: list[str]
    vectors: Tensor
    scales: Tensor
    levels: list[list[int]]

    def shift(self, name: str, strength: float, levels: int) -> Tensor:
        """Return what moves styles by ``strength`` standard deviations along a direction, (levels, style_dim)."""
        i = self.names.index(name)
        moved = torch.zeros(levels, self.vectors.shape[1])
        moved[self.levels[i]] = strength * self.scales[i] * self.vectors[i]
        return moved


def measured(names: Sequence[str], vectors: Tensor, styles: Tensor, levels: Sequence[Sequence[int]]) -> Directions:
    """Return directions with the scales that styles (n, style_dim) have along them."""
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    return Directions(list(names), vectors, (styles @ vectors.T).std(0), [list(one) for one in levels])


def joined(parts: Sequence[Directions]) -> Directions:
    """Return all directions of the parts."""
    return Directions(
        [name for part in parts for name in part.names],
        torch.cat([part.vectors for part in parts]),
        torch.cat([part.scales for part in parts]),
        [levels for part in parts for levels in part.levels],
    )


def sefa(weights: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Return the directions (count, style_dim) that change the scales of channels most, and their eigenvalues.

    They are the eigenvectors of AᵀA with the largest eigenvalues, where A holds the weights of all levels, one below
    the other (SeFa, Shen & Zhou, 2021, https://arxiv.org/abs/2007.06600). Fewer are returned if a style is smaller.

    Args:
        weights: the matrices (channels, style_dim) that turn styles into scales.
        count: number of directions.
    """
    stacked = torch.cat(list(weights)).double()
    values, vectors = torch.linalg.eigh(stacked.T @ stacked)
    return _largest(vectors, count).float(), values.flip(0)[:count]


def ganspace(styles: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the principal directions (count, style_dim) of styles, and the share of the variance along each.

    The method is GANSpace (Härkönen et al., 2020, https://arxiv.org/abs/2004.02546).

    Args:
        styles: (n, style_dim), of random latents.
        count: number of directions.
    """
    values, vectors = torch.linalg.eigh(torch.cov(styles.double().T))
    return _largest(vectors, count).float(), (values / values.sum()).flip(0)[:count]


def _largest(vectors: Tensor, count: int) -> Tensor:
    """Return the last eigenvectors as rows, the last one first, each with its largest component positive."""
    rows = vectors.T.flip(0)[:count]
    return rows * rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()


def write_directions(path: Path, directions: Directions, checkpoint: str) -> None:
    """Write directions to a safetensors file.

    Args:
        path: the file to write.
        directions: the directions.
        checkpoint: SHA-256 of the checkpoint that they belong to.
    """
    metadata = {
        "checkpoint_sha256": checkpoint,
        "names": json.dumps(directions.names),
        "levels": json.dumps(directions.levels),
    }
    content = save({"vectors": directions.vectors.contiguous(), "scales": directions.scales}, metadata)
    with write_atomically(path) as unfinished:
        unfinished.write_bytes(content)


def read_directions(path: Path) -> tuple[Directions, str]:
    """Return the directions in a file, and the SHA-256 of the checkpoint that they belong to.

    Raises:
        UserError: if the file cannot be read, or is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            names, levels = json.loads(metadata["names"]), json.loads(metadata["levels"])
            directions = Directions(names, file.get_tensor("vectors"), file.get_tensor("scales"), levels)
        if not len(names) == len(levels) == len(directions.vectors) == len(directions.scales):
            raise ValueError("its parts do not fit together")
        return directions, metadata["checkpoint_sha256"]
    except (OSError, ValueError, LookupError, TypeError, SafetensorError) as error:
        raise UserError(f"{path}: not a file of directions, or a damaged one: run gan-directions again") from error

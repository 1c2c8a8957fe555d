"""Modules that feed conditions into a network; without effect if ``num_classes`` is None.

A condition is a batch of class labels, (B,) integers, or of attributes, (B, num_classes) floating point.
"""

import torch
from torch import Tensor, nn


def embed(embedding: nn.Embedding, condition: Tensor | None) -> Tensor:
    """Return the embeddings of labels (B,), or the sums of embeddings weighted by attributes (B, num_classes).

    Raises:
        ValueError: if there is no condition.
    """
    if condition is None:
        raise ValueError("the network is conditional, but there is no condition: pass labels or attributes")
    return condition @ embedding.weight if condition.is_floating_point() else embedding(condition)


class LabelledLatent(nn.Module):
    """Concatenates latents (B, latent_dim) with an embedding of the condition: (B, out_features)."""

    def __init__(self, latent_dim: int, num_classes: int | None) -> None:
        super().__init__()
        self.embedding = None if num_classes is None else nn.Embedding(num_classes, latent_dim)
        self.out_features = latent_dim if num_classes is None else 2 * latent_dim

    def forward(self, latent: Tensor, condition: Tensor | None) -> Tensor:
        return latent if self.embedding is None else torch.cat([latent, embed(self.embedding, condition)], 1)


class ProjectionHead(nn.Module):
    """Maps features h (B, d) to logits (B, 1): w·h + b, and with conditions + ⟨embedding of the condition, h⟩ / √d.

    Miyato & Koyama, 2018, cGANs with projection discriminator, https://arxiv.org/abs/1802.05637.
    """

    def __init__(self, features: int, num_classes: int | None) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.embedding = None if num_classes is None else nn.Embedding(num_classes, features)

    def forward(self, features: Tensor, condition: Tensor | None) -> Tensor:
        logits = self.linear(features)
        if self.embedding is not None:
            projection = (embed(self.embedding, condition) * features).sum(1, keepdim=True)
            logits = logits + projection / features.shape[1] ** 0.5
        return logits

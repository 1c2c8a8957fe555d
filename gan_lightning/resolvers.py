"""What config files can compute: ${when:…} and ${packed:…}."""

from collections.abc import Sequence
from typing import TypeVar

from omegaconf import OmegaConf

T = TypeVar("T")


def when(condition: bool, value: T | None) -> T | None:
    """${when:${conditional},${data.num_classes}}: the value if the condition holds."""
    if condition and value is None:
        raise ValueError("conditional=true: the data have no classes: data.num_classes=…")
    return value if condition else None


def packed(sample_shape: Sequence[int], size: int) -> list[int]:
    """${packed:${data.sample_shape},${pack}}: the shape of so many samples as one, channel upon channel."""
    return [sample_shape[0] * size, *sample_shape[1:]]


for resolver in (when, packed):
    OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)

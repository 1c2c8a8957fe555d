"""Registers what config files can compute: ${when:…}, ${packed:…}, ${count_classes:…}, folders and the precision."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from omegaconf import OmegaConf

from gan_lightning.errors import UserError
from gan_lightning.paths import cache_dir, data_dir

T = TypeVar("T")


def when(condition: bool, value: T | None) -> T | None:
    """${when:${conditional},${data.num_classes}}: the value if the condition holds."""
    if condition and value is None:
        raise UserError("conditional=true: the data have no classes: data.num_classes=…")
    return value if condition else None


def packed(sample_shape: Sequence[int], size: int) -> list[int]:
    """${packed:${data.sample_shape},${pack}}: the shape of so many samples as one, channel upon channel."""
    return [sample_shape[0] * size, *sample_shape[1:]]


def count_classes(root: str, follow_links: bool, conditional: bool) -> int | None:
    """${count_classes:${.root},${.follow_links},${.conditional}}: how many folders below a folder of images are
    classes; None for none, which ``conditional`` refuses with the reason."""
    from gan_lightning.data.image_tree import ImageTree  # which takes too long for --help

    tree = ImageTree(Path(str(root)).expanduser(), follow_links)
    if conditional:
        tree.check_classes("conditional=true")
    if not tree.root.is_dir() or tree.loose or tree.splits:  # the data say so when they are read
        return None
    return len(tree.classes) or None


def mixed_precision_if_faster(accelerator: str) -> str:
    """${mixed_precision_if_faster:${trainer.accelerator}}: bf16-mixed where the hardware has units for bfloat16."""
    import torch  # which takes too long for --help

    if accelerator != "cpu" and torch.cuda.is_available():
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator != "cpu" and torch.backends.mps.is_available():
        faster = False
    else:
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch
        faster = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    return "bf16-mixed" if faster else "32-true"


for resolver in (when, packed, mixed_precision_if_faster):
    OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
# Once a config: it reads folders, and one value must be the same wherever it is asked for.
OmegaConf.register_new_resolver(count_classes.__name__, count_classes, replace=True, use_cache=True)
OmegaConf.register_new_resolver("data_dir", data_dir, replace=True)
OmegaConf.register_new_resolver("cache_dir", lambda: str(cache_dir()), replace=True)

"""Registers the resolvers of config files: ${when:…}, ${packed:…}, ${count_classes:…}, folders and the precision."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from omegaconf import OmegaConf

from gan_lightning.errors import UserError
from gan_lightning.paths import cache_dir, data_dir

T = TypeVar("T")


def when(condition: bool, value: T | None) -> T | None:
    """``${when:${conditional},${data.num_classes}}``: return the value if the condition holds, else None."""
    if condition and value is None:
        raise UserError("conditional=true: the data have no classes: data.num_classes=…")
    return value if condition else None


def packed(sample_shape: Sequence[int], size: int) -> list[int]:
    """``${packed:${data.sample_shape},${pack}}``: return the shape of ``size`` samples whose channels are stacked."""
    return [sample_shape[0] * size, *sample_shape[1:]]


def count_classes(root: str, follow_links: bool, conditional: bool, origin: str | None = None) -> int | None:
    """``${count_classes:${.root},${.follow_links},${.conditional},${.origin}}``: return how many folders are classes.

    Return None if there are none; if ``conditional``, raise UserError with the reason.
    """
    from gan_lightning.data.image_tree import ImageTree  # importing it takes too long for --help

    tree = ImageTree(Path(str(root)).expanduser(), follow_links, origin)
    if conditional:
        tree.check_classes("conditional=true")
    if not tree.root.is_dir() or tree.loose or tree.splits:  # reading the data raises the error
        return None
    return len(tree.classes) or None


def mixed_precision_if_faster(accelerator: str) -> str:
    """``${mixed_precision_if_faster:${trainer.accelerator}}``: return bf16-mixed if the hardware has bfloat16."""
    import torch  # importing it takes too long for --help

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
# Cached for each config: it reads folders, and every use must get the same value.
OmegaConf.register_new_resolver(count_classes.__name__, count_classes, replace=True, use_cache=True)
OmegaConf.register_new_resolver("data_dir", data_dir, replace=True)
OmegaConf.register_new_resolver("cache_dir", lambda: str(cache_dir()), replace=True)

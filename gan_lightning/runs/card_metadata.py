"""The metadata of a model card, which hubs for models read."""

import math
import re
from typing import Any

import yaml

from gan_lightning.errors import printable
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.runs.card import Card


def metadata_block(card: Card) -> str:
    """Return the metadata as the YAML block that a card begins with."""
    return f"---\n{yaml.safe_dump(_metadata(card), sort_keys=False, allow_unicode=True)}---\n\n"


def _metadata(card: Card) -> dict[str, Any]:
    """Return the metadata that hubs read. The licence is ``unknown``, because the owner of the model chooses it."""
    conditional = "unconditional" if card.data.condition is None else "conditional"
    content: dict[str, Any] = {
        "license": "unknown",
        "library_name": "gan-lightning",
        "tags": list(dict.fromkeys([card.algorithm.lower(), card.modality.lower(), conditional])),
    }
    if task := _task(card):
        content["pipeline_tag"] = task
    if identifier := _identifier(_published_name(card.data.source)):
        content["datasets"] = [identifier]
    if card.values:
        content["metrics"] = _headline(card)
        content["model-index"] = [{"name": card.config["name"], "results": [_result(card)]}]
    return content


def _task(card: Card) -> str | None:
    """Return Hugging Face's name of the task, where it has one."""
    images = card.data.modality.media_type.startswith("image/")
    return "unconditional-image-generation" if images and card.data.condition is None else None


def _published_name(source: str | None) -> str:
    """Return the name of a data set with an address, ``name, https://…``; nothing for what may be a folder's name."""
    name, found, _ = (source or "").partition(", http")
    return name if found else ""


def _identifier(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _headline(card: Card) -> list[str]:
    evaluator = card.data.evaluator
    chosen = evaluator.headline() if isinstance(evaluator, Evaluator) else []
    return [name for name in chosen if name in card.values] or list(card.values)


def _result(card: Card) -> dict[str, Any]:
    """Return an entry of ``model-index``, whose values are finite numbers."""
    name = _published_name(card.data.source) or card.data.source or type(card.data).__name__
    dataset = {"type": _identifier(name) or "other", "name": printable(name)}
    if "split" in card.evaluation:
        dataset["split"] = card.evaluation["split"]
    metrics = [
        {"type": name, "value": value, "name": card.meanings.get(name, name)}
        for name, value in card.values.items()
        if math.isfinite(value)
    ]
    return {"task": {"type": _task(card) or "other"}, "dataset": dataset, "metrics": metrics}

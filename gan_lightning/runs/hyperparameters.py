"""The hyperparameters that loggers show of a run."""

from collections.abc import Iterator
from typing import Any

from gan_lightning.config.effects import result_settings
from gan_lightning.config.names import flat

TRAINER = ("max_epochs", "precision")


def hyperparameters(config: dict[str, Any]) -> dict[str, Any]:
    """Return one level of plain values: 'data': 'MNIST', 'model/generator/hidden_dims': '[256, 512, 1024]', …

    Left out is what has no effect, and what repeats a key above it or one of the data.
    """
    chosen = {key: config[key] for key in ("seed", "max_iterations", "data", "model")}
    chosen["trainer"] = {key: config["trainer"][key] for key in TRAINER}
    values = dict(flat(result_settings(chosen, schema=config)))
    return {
        path: value if isinstance(value, bool | int | float) else str(value)
        for path, value in values.items()
        if not any(above in values and values[above] == value for above in _above(path))
    }


def _above(path: str) -> Iterator[str]:
    """Yield the keys of that name which a key may repeat."""
    *nodes, name = path.split("/")
    if nodes and nodes != ["data"]:
        yield f"data/{name}"
    yield from ("/".join([*nodes[:depth], name]) for depth in range(len(nodes)))

"""Selects the hyperparameters of a run that its loggers show."""

from collections.abc import Iterator
from typing import Any

from gan_lightning.config.effects import result_settings
from gan_lightning.config.names import flatten

TRAINER_KEYS = ("max_epochs", "precision")


def hyperparameters(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that decide the result as plain values by path: ``model/generator/latent_dim: 100``.

    A key is left out if it repeats the value of the same key above it or below ``data``.
    """
    chosen = {key: config[key] for key in ("seed", "max_iterations", "data", "model")}
    chosen["trainer"] = {key: config["trainer"][key] for key in TRAINER_KEYS}
    values = dict(flatten(result_settings(chosen, schema=config)))
    return {
        path: value if isinstance(value, bool | int | float) else str(value)
        for path, value in values.items()
        if not any(above in values and values[above] == value for above in _paths_above(path))
    }


def _paths_above(path: str) -> Iterator[str]:
    """Yield the paths of keys with the same name below ``data`` and above ``path``."""
    *nodes, name = path.split("/")
    if nodes and nodes != ["data"]:
        yield f"data/{name}"
    yield from ("/".join([*nodes[:depth], name]) for depth in range(len(nodes)))

"""Builds the loggers of a run."""

import importlib.util
from collections.abc import Mapping

from lightning.pytorch.loggers import Logger

from gan_lightning.callbacks.loggers import writer_class
from gan_lightning.config.settings import Node
from gan_lightning.config.signature import load_target
from gan_lightning.config.validation import instantiate
from gan_lightning.errors import missing_extra, os_errors_as_user_errors


def build_loggers(nodes: Mapping[str, Node | None]) -> dict[str, Logger]:
    """Return the loggers that the nodes below ``logger`` describe, by name.

    Raises:
        UserError: for a logger whose package is not installed.
    """
    loggers = {}
    for name, node in nodes.items():
        if node is None:
            continue
        key = f"logger.{name}"
        writer = writer_class(load_target(node["_target_"], f"{key}._target_"))
        if writer.extra and not _is_installed(writer.extra):
            raise missing_extra(f"logger={name}", writer.extra)
        with os_errors_as_user_errors(key):
            writer.prepare(node)
            loggers[name] = instantiate(node, key)
    return loggers


def _is_installed(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None  # a folder named wandb, as wandb makes, has no origin

"""Which keys of a config have an effect on what: by the marks at their annotations (:mod:`gan_lightning.marks`)."""

import typing
from typing import Any

from gan_lightning.config.names import RENAMED
from gan_lightning.config.settings import Node, Settings, TrainSettings
from gan_lightning.config.signature import load_target, marks, marks_of
from gan_lightning.marks import Mark


def result_settings(config: Node, schema: Node | None = None) -> Node:
    """Return the config of a run without the keys that no result depends on.

    Args:
        config: plain values, interpolations resolved or not.
        schema: the config whose targets say which keys these are, where ``config`` itself comes from a file and its
            targets are not to be imported; None for ``config``.
    """
    schema = config if schema is None else schema
    without = keys_without_effect()
    return {
        key: _without({Mark.WITHOUT_EFFECT}, value, schema.get(key))
        for key, value in config.items()
        if key not in without
    }


def keys_without_effect() -> set[str]:
    """Return the top-level keys of a run's config that no result depends on, with their old names."""
    marked = settings_marked(TrainSettings, Mark.WITHOUT_EFFECT)
    return marked | {old for old, new in RENAMED.items() if new in marked}


def example_settings(data: Node) -> Node:
    """Return the keys of a data set's node that say which examples it has."""
    return _without({Mark.WITHOUT_EFFECT, Mark.SERVING}, data, data)


def settings_marked(settings: type[Settings], mark: Mark) -> set[str]:
    """Return the keys of a command's settings that have a mark."""
    hints = typing.get_type_hints(settings, include_extras=True)
    return {key for key, hint in hints.items() if mark in marks_of(hint)}


def _without(unwanted: set[Mark], value: Any, schema: Any) -> Any:
    if isinstance(value, list):
        schemas = schema if isinstance(schema, list) and len(schema) == len(value) else [None] * len(value)
        return [_without(unwanted, one, its) for one, its in zip(value, schemas, strict=True)]
    if not isinstance(value, dict):
        return value
    schema = schema if isinstance(schema, dict) else {}
    name = schema.get("_target_")
    target = load_target(name, "_target_") if isinstance(name, str) and "${" not in name else None
    return {
        key: _without(unwanted, one, schema.get(key))
        for key, one in value.items()
        if target is None or not unwanted & marks(target, key)
    }

"""Selects the keys of a config that have an effect, by the marks of their annotations (:mod:`gan_lightning.marks`)."""

from typing import Any

from gan_lightning.config.names import RENAMED
from gan_lightning.config.settings import Config, Settings, TrainSettings
from gan_lightning.config.signature import load_target, marks
from gan_lightning.marks import Mark


def result_settings(config: Config, schema: Config | None = None) -> Config:
    """Return the config of a run without the keys that no result depends on.

    Args:
        config: plain values, interpolations resolved or not.
        schema: the config whose targets are imported to find these keys; None for ``config`` itself. Give one where
            ``config`` comes from a file, whose targets must not be imported.
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


def example_settings(data: Config) -> Config:
    """Return the node of a data set without the keys that do not change its examples."""
    return _without({Mark.WITHOUT_EFFECT, Mark.SERVING}, data, data)


def settings_marked(settings: type[Settings], mark: Mark) -> set[str]:
    """Return the keys of a command's settings that have a mark."""
    return {key for key, field in settings.model_fields.items() if mark in field.metadata}


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

"""Checks a composed config against what it will call, and is the only place that instantiates.

There is no second schema to keep in step: the constructor that a ``_target_`` names is the schema of that node.
Its parameters are the keys that are allowed, its annotations (``PositiveInt``, ``Literal``, …) their types and
ranges. The keys at the top are those of the command's :class:`~gan_lightning.config.settings.Settings`.
"""

import json
import os
import typing
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic_core
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import gan_lightning.config.resolvers  # noqa: F401  registers them
from gan_lightning.config.effects import settings_marked
from gan_lightning.config.explain import explain_value
from gan_lightning.config.names import did_you_mean, keys
from gan_lightning.config.settings import Node, Settings
from gan_lightning.config.signature import load_target, marks, signature_of
from gan_lightning.errors import UserError
from gan_lightning.marks import Mark
from gan_lightning.paths import CONF_DIR

S = TypeVar("S", bound=Settings)

HYDRA_KEYS = {"_target_", "_partial_", "_args_", "_recursive_", "_convert_"}
TOO_LARGE = ("can't allocate memory", "Overflow when unpacking")  # of torch's errors, which have no class of their own
# What Lightning's Trainer offers but cannot do when two optimizers take turns.
NOT_FOR_TWO_OPTIMIZERS = {
    "max_steps": "counts the steps of both optimizers: use max_iterations",
    "min_steps": "counts the steps of both optimizers: leave it out",
    "min_epochs": "would go on past max_iterations and Ctrl-C: leave it out",
    "gradient_clip_val": "clips for one optimizer only: leave it out",
    "accumulate_grad_batches": "accumulates for one optimizer only: use a larger data.batch_size",
    "overfit_batches": "replaces the order of the data: use +trainer.limit_train_batches",
}


def validate(config: DictConfig, settings: type[S]) -> S:
    """Return the settings in a composed config.

    Raises:
        UserError: for a config that cannot work, with the key, the value and what is allowed.
    """
    plain = resolve(config)
    _check_settings(plain, settings, "")
    for key, reason in NOT_FOR_TWO_OPTIMIZERS.items():
        if plain.get("trainer", {}).get(key) is not None:
            raise UserError(f"trainer.{key}={plain['trainer'][key]}: {reason}")
    batch_size, pack = (plain.get("data") or {}).get("batch_size"), plain.get("pack", 1)
    if isinstance(batch_size, int) and batch_size % pack:
        raise UserError(f"pack={pack}: does not divide data.batch_size={batch_size}")
    if pack > 1 and plain.get("conditional"):
        raise UserError(f"pack={pack}: several samples as one have no label in common: conditional=false, or pack=1")
    # Before the model, which repeats the objective: the shorter name is the better one in a message.
    for key in sorted(plain, key=lambda key: key == "model"):
        check_targets(plain[key], key)
    return read_settings(config, settings)


def read_settings(config: DictConfig, settings: type[S]) -> S:
    """Return the settings in a composed config that has been checked, with the home folder for ``~`` in paths."""
    plain = resolve(config)
    paths = settings_marked(settings, Mark.PATH)
    values = {key: at_home(value) if key in paths else _at_home(value, key) for key, value in plain.items()}
    return settings.of(values)


def at_home(path: Any) -> Any:
    """Return a path, or several, with the home folder for ``~``; what is no path stays."""
    if isinstance(path, list):
        return [at_home(one) for one in path]
    return os.path.expanduser(path) if isinstance(path, str) else path


def _at_home(value: Any, key: str) -> Any:
    """Return plain values with the home folder for ``~`` in what the classes of nodes mark as paths."""
    if isinstance(value, list):
        return [_at_home(one, key) for one in value]
    if not isinstance(value, dict):
        return value
    target = load_target(value["_target_"], f"{key}._target_") if "_target_" in value else None
    return {
        name: at_home(one) if target and Mark.PATH in marks(target, name) else _at_home(one, f"{key}.{name}")
        for name, one in value.items()
    }


def resolve(config: DictConfig) -> Node:
    """Return plain values, with interpolations resolved."""
    for key, value in keys(OmegaConf.to_container(config, resolve=False)):
        if value == "???":
            raise UserError(f"{key} is not set: {key}=…")
    try:
        return typing.cast(Node, OmegaConf.to_container(config, resolve=True))
    except OmegaConfBaseException as error:
        raise UserError(explain_value(error)) from error


def instantiate(node: Mapping[str, Any], key: str, **kwargs: Any) -> Any:
    """Return the object that a node describes; what its constructor refuses becomes a UserError."""
    try:
        return hydra_instantiate(node, **kwargs, _convert_="all")
    except Exception as error:
        cause = error.__cause__ or error
        if isinstance(cause, UserError):
            raise cause from error
        if isinstance(cause, MemoryError) or any(text in str(cause) for text in TOO_LARGE):
            raise UserError(f"{key}: needs more memory than there is: make its numbers smaller") from error
        if (
            isinstance(cause, ValueError | TypeError | ImportError)
            or type(cause).__name__ == "MisconfigurationException"
        ):
            raise UserError(f"{key}: {' '.join(str(cause).split())}") from error
        raise


def check_node(key: str, value: Any) -> None:
    """Raise UserError unless ``value`` is a dict with a ``_target_``."""
    if not isinstance(value, dict) or "_target_" not in value:
        raise UserError(f"{key}={value}: must be a node with a _target_")


def check_targets(value: Any, key: str) -> None:
    """Check every node below ``key`` that has a ``_target_``."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            check_targets(item, f"{key}[{i}]")
    elif isinstance(value, dict):
        if "_target_" in value:
            check_call(value, key)
        for name, item in value.items():
            check_targets(item, f"{key}.{name}")


def check_call(node: Node, key: str) -> None:
    """Check a node's keys and values against the signature of its target."""
    signature = signature_of(load_target(node["_target_"], f"{key}._target_"))
    if signature is None:
        return
    given = {name: value for name, value in node.items() if name not in HYDRA_KEYS}
    for name in given:
        if name not in signature.names and not signature.open_ended:
            near = did_you_mean(name, signature.names)
            raise UserError(f"{key}.{name}={given[name]}: unknown key of {node['_target_']}{near}")
    if not node.get("_partial_") and "_args_" not in node:
        for name in signature.needed:
            if name not in given:
                raise UserError(f"{key}.{name}: missing, {node['_target_']} needs it")
    for name, value in given.items():
        if name in signature.hints and not (value is None and name in signature.optional):
            check_value(f"{key}.{name}", value, signature.hints[name])


def check_value(key: str, value: Any, annotation: Any) -> None:
    """Refuse a plain value that does not fit the annotation; objects still to be built are checked as nodes."""
    if _contains_target(value):
        return
    annotation = _unmarked(annotation)
    if isinstance(value, str) and "${" in value:
        raise UserError(f"{key}={value}: cannot hold ${{…}}, which stands for the value of another key")
    try:
        adapter = pydantic.TypeAdapter(annotation, config=pydantic.ConfigDict(arbitrary_types_allowed=True))
        adapter.validate_json(json.dumps(value), strict=True)  # as JSON: a list is a tuple, an int a float
    except (pydantic.errors.PydanticUserError, pydantic_core.SchemaError, TypeError):
        return  # an annotation that says nothing of plain values
    except pydantic.ValidationError as error:
        problems = dict.fromkeys(
            _place(problem["loc"])
            + problem["msg"]
            .removeprefix("Value error, ")
            .replace("Input should be ", "must be ")
            .replace("valid array", "valid list")
            .replace("a valid string", "text: in quotes, in its file" if isinstance(value, int | float) else "text")
            for problem in error.errors()
            if problem["type"] not in ("is_instance_of", "needs_python_object", "callable_type")
        )
        raise UserError(f"{key}={value}: {' or '.join(problems) or 'must be a node with a _target_'}") from error


def _check_settings(values: Node, settings: type[Settings], prefix: str) -> None:
    allowed = typing.get_type_hints(settings, include_extras=True)
    for key in values:
        if key not in settings.model_fields:
            raise UserError(f"{prefix}{key}: unknown key{_why_unknown(key, settings)}")
    parts = settings.parts()
    for key in settings.model_fields:
        if key not in values:
            raise UserError(f"{prefix}{key}: missing")
        annotation = allowed[key]
        if key in parts and isinstance(values[key], dict):
            _check_settings(values[key], parts[key], f"{prefix}{key}.")
        elif annotation == Node:
            check_node(f"{prefix}{key}", values[key])
        elif annotation == dict[str, Node | None]:
            for name, node in (values[key] or {}).items():
                if node is not None:
                    check_node(f"{key}.{name}", node)
        else:
            check_value(f"{prefix}{key}", values[key], annotation)


def _why_unknown(key: str, settings: type[Settings]) -> str:
    """Return the usual cause of a key at the top that is not known."""
    if (CONF_DIR / key).is_dir():  # a group whose options set keys of other nodes
        return f": its file must begin with the line '# @package _global_', and with no byte order mark: {key}=…"
    return did_you_mean(key, settings.model_fields)


def _unmarked(annotation: Any) -> Any:
    """Return an annotation without our marks."""
    metadata = getattr(annotation, "__metadata__", ())
    if not any(isinstance(one, Mark) for one in metadata):
        return annotation
    others = [one for one in metadata if not isinstance(one, Mark)]
    return Annotated[(annotation.__origin__, *others)] if others else annotation.__origin__


def _place(location: tuple[int | str, ...]) -> str:
    """Where in a list: 'item 1 '."""
    indices = [part for part in location if isinstance(part, int)]
    return f"item {indices[0]} " if indices else ""


def _contains_target(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "_target_" in value or any(_contains_target(item) for item in value.values())
    return isinstance(value, list) and any(_contains_target(item) for item in value)

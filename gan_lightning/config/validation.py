"""Checks a composed config against what it calls, and instantiates its nodes.

There is no second schema to keep in step: the constructor that a ``_target_`` names is the schema of that node. Its
parameters are the keys, its annotations (``PositiveInt``, ``Literal``, …) their types and ranges. The keys at the top
are those of the command's :class:`~gan_lightning.config.settings.Settings`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from pydantic_core import ErrorDetails

import gan_lightning.config.resolvers  # noqa: F401  registers them
from gan_lightning.config.effects import settings_marked
from gan_lightning.config.explain import explain_value
from gan_lightning.config.names import did_you_mean, keys
from gan_lightning.config.settings import NOT_A_NODE, Config, Node, Settings, is_node
from gan_lightning.config.signature import load_target, marks, signature_of
from gan_lightning.errors import UserError
from gan_lightning.marks import Mark
from gan_lightning.paths import CONF_DIR, expand_home

S = TypeVar("S", bound=Settings)

HYDRA_KEYS = {"_target_", "_partial_", "_args_", "_recursive_", "_convert_"}
TOO_LARGE = ("can't allocate memory", "Overflow when unpacking")  # in torch's errors, which have no class of their own
KINDS = ("extra_forbidden", "missing", "value")  # of pydantic's errors, in the order in which they are reported
NEEDS_OBJECT = ("is_instance_of", "needs_python_object", "callable_type")  # types of errors where no plain value fits


def validate(config: DictConfig, settings: type[S]) -> S:
    """Return the settings in a composed config, with the home folder in place of ``~`` in paths.

    Raises:
        UserError: for a config that cannot work; it names the key, the value and the remedy.
    """
    paths = settings_marked(settings, Mark.PATH)
    values = {key: _expand_paths(value, key, key in paths) for key, value in resolve(config).items()}
    try:
        checked = settings.model_validate(values)
    except ValidationError as error:
        raise UserError(_explain(error.errors(), values, settings.model_fields)) from error
    # The model repeats keys such as objective, whose own name is shorter: it is checked last.
    for key in sorted(values, key=lambda key: key == "model"):
        check_nodes(values[key], key)
    return checked


def resolve(config: DictConfig) -> Config:
    """Return a config as plain values; raise UserError for a key that is not set or an interpolation that fails."""
    for key, value in keys(OmegaConf.to_container(config, resolve=False)):
        if value == "???":
            raise UserError(f"{key} is not set: {key}=…")
    try:
        values = cast(Config, OmegaConf.to_container(config, resolve=True))
    except OmegaConfBaseException as error:
        raise UserError(explain_value(error)) from error
    for key, value in keys(values):
        if isinstance(value, str) and "${" in value:
            raise UserError(f"{key}={value}: cannot hold ${{…}}, which stands for the value of another key")
    return values


def instantiate(node: Mapping[str, Any], key: str, **kwargs: Any) -> Any:
    """Return the object that a node describes; an error in its values or imports becomes a UserError."""
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


def check_nodes(value: Any, key: str) -> None:
    """Raise UserError unless all nodes in the value of ``key`` fit the signatures of their targets."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            check_nodes(item, f"{key}[{i}]")
    elif isinstance(value, dict):
        if "_target_" in value:
            check_node(value, key)
        for name, item in value.items():
            check_nodes(item, f"{key}.{name}")


def check_node(node: Node, key: str) -> None:
    """Raise UserError unless the keys and values of a node fit the signature of its target."""
    signature = signature_of(load_target(node["_target_"], f"{key}._target_"))
    if signature is None:
        return
    values = {name: value for name, value in node.items() if name not in HYDRA_KEYS}
    validator = signature.validator
    try:
        validator.validate_json(json.dumps(values, default=str, skipkeys=True), strict=True)
    except TypeError:  # a constraint that does not apply to the type of a value
        return
    except ValidationError as error:
        if errors := [one for one in error.errors() if not _is_premature(one, node)]:
            raise UserError(_explain(errors, values, signature.hints, key, node["_target_"])) from error


def _is_premature(error: ErrorDetails, node: Node) -> bool:
    """Return True if an error is about a key to be given later, or a value that holds nodes still to be built."""
    if _kind(error) == "missing":
        return bool(node.get("_partial_")) or "_args_" in node
    return _kind(error) == "value" and any(_contains_node(node[str(name)]) for name in error["loc"][:1])


def _kind(error: ErrorDetails) -> str:
    """Return the one of ``KINDS`` that an error is of; an item that a tuple lacks makes its value wrong."""
    return error["type"] if error["type"] in KINDS and isinstance(error["loc"][-1], str) else "value"


def _contains_node(value: Any) -> bool:
    if isinstance(value, dict):
        return is_node(value) or any(map(_contains_node, value.values()))
    return isinstance(value, list) and any(map(_contains_node, value))


def _explain(
    errors: Sequence[ErrorDetails], values: Config, known: Mapping[str, Any], prefix: str = "", target: str = ""
) -> str:
    """Return a line about the first of pydantic's errors: an unknown key, else a missing one, else a wrong value.

    The values stand at the key ``prefix`` of the config, and may have the names ``known``.
    """
    first = min(errors, key=lambda error: KINDS.index(_kind(error)))
    path, value = _follow(first["loc"], values)
    key = ".".join(filter(None, (prefix, *path)))
    if _kind(first) == "missing":
        missing = f"{key}.{first['loc'][-1]}".removeprefix(".")
        return f"{missing}: missing, {target} needs it" if target else f"{missing}: missing"
    if _kind(first) == "extra_forbidden":
        for part in path[:-1]:
            known = getattr(known.get(part), "annotation", Settings).model_fields
        return f"{key}: unknown key{f' of {target}' if target else ''}{_why_unknown(key, known)}"
    same_key = (error for error in errors if _follow(error["loc"], values)[0] == path)
    problems = dict.fromkeys(_problem(error, len(path)) for error in same_key if error["type"] not in NEEDS_OBJECT)
    line = " or ".join(problems) or NOT_A_NODE
    return f"{key}={value}: {line}" if path else ": ".join(filter(None, (prefix, line)))


def _follow(location: Sequence[int | str], values: Any) -> tuple[list[str], Any]:
    """Return the keys in the location of an error, without what pydantic adds to them, and the value there."""
    path = []
    for part in location:
        if not isinstance(values, dict) or part not in values:
            break
        path.append(str(part))
        values = values[part]
    return path, values


def _why_unknown(key: str, known: Iterable[str]) -> str:
    if (CONF_DIR / key).is_dir():  # a group whose options set keys of other nodes
        return f": its file must begin with the line '# @package _global_', and with no byte order mark: {key}=…"
    return did_you_mean(key.rpartition(".")[2], known)


def _problem(error: ErrorDetails, depth: int) -> str:
    """Return the message of an error about the value of a key with ``depth`` parts, or about one item of the value."""
    items = [f"item {part} " for part in error["loc"][depth:] if isinstance(part, int)]
    text = "text: in quotes, in its file" if isinstance(error["input"], int | float) else "text"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be ", "must be ")
    message = message.replace("Field required", "is missing")
    return "".join(items[:1]) + message.replace("valid array", "valid list").replace("a valid string", text)


def _expand_paths(value: Any, key: str, is_path: bool) -> Any:
    """Return the value of a key with the home folder in place of ``~``, in it and in what nodes below mark as paths."""
    if isinstance(value, list):
        return [_expand_paths(one, key, is_path) for one in value]
    if isinstance(value, dict):
        target = load_target(value["_target_"], f"{key}._target_") if is_node(value) else None
        paths = {name for name in value if target and Mark.PATH in marks(target, name)}
        return {name: _expand_paths(one, f"{key}.{name}", name in paths) for name, one in value.items()}
    return expand_home(value, key) if is_path and isinstance(value, str) else value

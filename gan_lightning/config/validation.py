"""Checks a composed config against what it will call, and is the only place that instantiates.

There is no second schema to keep in step: the constructor that a ``_target_`` names is the schema of that node.
Its parameters are the keys that are allowed, its annotations (``PositiveInt``, ``Literal``, …) their types and
ranges. The keys at the top are those of :class:`TrainSettings`.
"""

import difflib
import inspect
import json
import pkgutil
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

import pydantic
import pydantic_core
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt

import gan_lightning.config.resolvers  # noqa: F401  registers them
from gan_lightning.errors import UserError

Node = dict[str, Any]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
SampleSeed = Annotated[int, Field(ge=0, lt=2**63)]


def _float(value: Any) -> Any:
    if isinstance(value, int) and value == 0:
        raise ValueError("must be written 0.0: torch wants two floats")
    return value


Beta = Annotated[float, pydantic.BeforeValidator(_float), Field(ge=0, lt=1)]
Rate = Annotated[pydantic.FiniteFloat, Field(ge=0)]
HYDRA_KEYS = {"_target_", "_partial_", "_args_", "_recursive_", "_convert_"}

# What third parties do not say in their annotations but refuse later, when files have been written.
RANGES: dict[str, dict[str, Any]] = {
    "torch.optim": {"lr": Rate, "betas": tuple[Beta, Beta], "weight_decay": Rate},
    "lightning.pytorch": {
        "max_epochs": PositiveInt | typing.Literal[-1],
        "devices": PositiveInt | typing.Literal["auto", -1] | list[int],
    },
}
# What Lightning's Trainer offers but cannot do when two optimizers take turns.
NOT_FOR_TWO_OPTIMIZERS = {
    "max_steps": "counts the steps of both optimizers: use max_iterations",
    "min_steps": "counts the steps of both optimizers: leave it out",
    "min_epochs": "would go on past max_iterations and Ctrl-C: leave it out",
    "gradient_clip_val": "clips for one optimizer only: leave it out",
    "accumulate_grad_batches": "accumulates for one optimizer only: use a larger data.batch_size",
    "overfit_batches": "replaces the order of the data: use +trainer.limit_train_batches",
}


class CheckpointSettings(BaseModel):
    every_n_epochs: PositiveInt
    after_epochs: list[PositiveInt]
    every_n_minutes: PositiveFloat
    every_n_iterations: PositiveInt | None


class TrainSettings(BaseModel):
    """The top-level keys of ``conf/train.yaml``."""

    name: str
    seed: Seed
    max_iterations: PositiveInt | None
    max_cpu_minutes: PositiveFloat | None
    conditional: bool
    ema_decay: Beta | None
    matmul_precision: typing.Literal["highest", "high", "medium"]
    deterministic: bool
    pack: PositiveInt
    wrappers: dict[str, Node | None]
    terms: dict[str, Node | None]
    sample_every_n_epochs: PositiveInt
    evaluate_every_n_epochs: PositiveInt
    checkpoint: CheckpointSettings
    on_divergence: typing.Literal["stop", "rollback"]
    resume: str | None
    reproduce: str | None
    provenance: bool
    trust: list[str]
    debug: bool
    run_dir: str
    data: Node
    model: Node
    objective: Node
    regularizer: Node
    trainer: Node
    callbacks: dict[str, Node | None]
    logger: Node


class GenerateSettings(BaseModel):
    """The keys of ``conf/generate.yaml``."""

    checkpoint: str
    n: PositiveInt
    seed: SampleSeed
    condition: str | int | None
    weights: typing.Literal["ema", "raw"] | None
    format: typing.Literal["sheet", "files", "arrays"]
    sign: bool
    ledger: str | None
    interpolate: PositiveInt | None
    trust: list[str]
    output: str | None
    debug: bool


class EvaluateSettings(BaseModel):
    """The keys of ``conf/evaluate.yaml``."""

    checkpoint: str | list[str] | None
    samples: str | None
    n: PositiveInt | None
    seeds: Annotated[list[SampleSeed], Field(min_length=1)]
    seed: SampleSeed
    features: Node | None
    data: Node | None
    trust: list[str]
    output: str | None
    debug: bool


class SearchSpace(BaseModel):
    """What ``conf/search/`` holds."""

    overrides: list[str]
    space: Annotated[dict[str, Node], Field(min_length=1)]


class SearchSettings(BaseModel):
    """The keys of ``conf/search.yaml``."""

    search: SearchSpace
    name: str
    folder: str
    trials: PositiveInt
    seeds: Annotated[list[Seed], Field(min_length=1)]
    metric: str
    storage: str | None
    heartbeat_seconds: PositiveInt
    sampler_seed: Seed | None
    debug: bool


class ExtractorSettings(BaseModel):
    """The keys of ``conf/train_extractor.yaml``."""

    data: Node
    epochs: PositiveInt
    seed: Seed
    name: str | None
    output: str | None
    debug: bool


def validate(cfg: DictConfig, settings: type[BaseModel]) -> None:
    """Refuse a config that cannot work, with a UserError that names the key, the value and what is allowed."""
    try:
        plain = typing.cast(Node, OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    except OmegaConfBaseException as error:
        raise UserError(explain(error)) from error
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


def instantiate(node: DictConfig, key: str, **kwargs: Any) -> Any:
    """The object that a config node describes; what its constructor refuses becomes a UserError."""
    try:
        return hydra_instantiate(node, **kwargs, _convert_="all")
    except Exception as error:
        cause = error.__cause__ or error
        if isinstance(cause, ValueError | TypeError) or type(cause).__name__ == "MisconfigurationException":
            raise UserError(f"{key}: {' '.join(str(cause).split())}") from error
        raise


def flat(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A config's leaves by path, and each ``_target_`` as the value of its node."""
    for key, value in node.items():
        if isinstance(value, dict):
            if "_target_" in value:
                yield f"{prefix}{key}", value["_target_"].removeprefix("gan_lightning.")
            yield from flat(value, f"{prefix}{key}/")
        elif not key.startswith("_"):
            yield f"{prefix}{key}", value


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ ", did you mean 'x'?" for the known names that end in the same part or are nearest, or nothing."""
    known = list(known)
    same = [candidate for candidate in known if candidate.split(".")[-1] == name]
    near = same or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", did you mean {' or '.join(map(repr, near))}?" if near else ""


def explain(error: Exception) -> str:
    """The first line of an error of OmegaConf with the key that it is about."""
    key = getattr(error, "full_key", None)
    if isinstance(error, MissingMandatoryValue):
        return f"{key} is not set: {key}=…"
    first = str(error).strip().splitlines()[0]
    return first if not key or str(key) in first else f"{key}: {first}"


def _check_settings(values: Node, settings: type[BaseModel], prefix: str) -> None:
    allowed = typing.get_type_hints(settings, include_extras=True)
    for key in values:
        if key not in settings.model_fields:
            raise UserError(f"{prefix}{key}: unknown key{did_you_mean(key, settings.model_fields)}")
    for key in settings.model_fields:
        if key not in values:
            raise UserError(f"{prefix}{key}: missing")
        annotation = allowed[key]
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and isinstance(values[key], dict):
            _check_settings(values[key], annotation, f"{prefix}{key}.")
        elif annotation == Node:
            check_node(f"{prefix}{key}", values[key])
        elif annotation == dict[str, Node | None]:
            for name, node in (values[key] or {}).items():
                if node is not None:
                    check_node(f"{key}.{name}", node)
        else:
            check_value(f"{prefix}{key}", values[key], annotation)


def check_node(key: str, value: Any) -> None:
    """Refuse what is no node."""
    if not isinstance(value, dict) or "_target_" not in value:
        raise UserError(f"{key}={value}: must be a node with a _target_")


def check_targets(value: Any, key: str) -> None:
    """Check every node below ``key`` that has a ``_target_``."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            check_targets(item, f"{key}[{i}]")
    elif isinstance(value, dict):
        if "_target_" in value:
            _check_call(value, key)
        for name, item in value.items():
            check_targets(item, f"{key}.{name}")


def _check_call(node: Node, key: str) -> None:
    """Check a node's keys and values against the signature of its target."""
    target = load_target(node["_target_"], f"{key}._target_")
    try:
        signature = inspect.signature(target)
    except ValueError:  # written in C, without a signature
        return
    parameters = signature.parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    given = {name: value for name, value in node.items() if name not in HYDRA_KEYS}
    for name in given:
        if name not in parameters and not open_ended:
            raise UserError(
                f"{key}.{name}={given[name]}: unknown key of {node['_target_']}{did_you_mean(name, parameters)}"
            )
    if not node.get("_partial_") and "_args_" not in node:
        for name, parameter in parameters.items():
            positional = parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            if positional and parameter.default is parameter.empty and name not in given:
                raise UserError(f"{key}.{name}: missing, {node['_target_']} needs it")
    hints = _hints(target)
    for name, value in given.items():
        implicitly_optional = value is None and name in parameters and parameters[name].default is None
        if name in hints and not implicitly_optional:
            check_value(f"{key}.{name}", value, hints[name])


def load_target(target: Any, key: str) -> Callable[..., Any]:
    """The object that a ``_target_`` names."""
    try:
        found = pkgutil.resolve_name(target)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{key}={target}: cannot be imported ({reason}): is its folder on PYTHONPATH?") from error
    if not callable(found):
        raise UserError(f"{key}={target}: not a class or a function")
    return found


def _hints(target: Any) -> dict[str, Any]:
    """Annotations of a callable's parameters, narrowed by RANGES."""
    try:
        hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except (NameError, TypeError):  # names that exist for type checkers only
        hints = {}
    for package, ranges in RANGES.items():
        if getattr(target, "__module__", "").startswith(package):
            hints |= {name: hint for name, hint in ranges.items() if name in inspect.signature(target).parameters}
    return hints


def check_value(key: str, value: Any, annotation: Any) -> None:
    """Refuse a plain value that does not fit the annotation; objects still to be built are checked as nodes."""
    if _contains_target(value):
        return
    texts = str in (annotation, *typing.get_args(annotation))
    if texts and isinstance(value, int | float) and not isinstance(value, bool):
        return  # a name made of digits
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
            .replace("array", "list")
            for problem in error.errors()
            if problem["type"] not in ("is_instance_of", "needs_python_object", "callable_type")
        )
        raise UserError(f"{key}={value}: {' or '.join(problems) or 'must be a node with a _target_'}") from error


def _place(location: tuple[int | str, ...]) -> str:
    """Where in a list: 'item 1 '."""
    indices = [part for part in location if isinstance(part, int)]
    return f"item {indices[0]} " if indices else ""


def _contains_target(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "_target_" in value or any(_contains_target(item) for item in value.values())
    return isinstance(value, list) and any(_contains_target(item) for item in value)

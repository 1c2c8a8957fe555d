"""Reads the signature of what a ``_target_`` names: it is the schema of that node."""

import functools
import inspect
import pkgutil
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, NotRequired, Required, Unpack

from pydantic import BeforeValidator, ConfigDict, Field, FiniteFloat, GetCoreSchemaHandler, PositiveInt, TypeAdapter
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning.errors import UserError
from gan_lightning.marks import Mark


def _check_float(value: Any) -> Any:
    if isinstance(value, int) and value == 0:
        raise ValueError("must be written 0.0: torch wants two floats")
    return value


Beta = Annotated[float, BeforeValidator(_check_float), Field(ge=0, lt=1)]
Rate = Annotated[FiniteFloat, Field(ge=0)]
ARBITRARY_TYPES = ConfigDict(arbitrary_types_allowed=True)

# Annotations that third parties lack: ranges that they would check only after files have been written, and marks.
RANGES: dict[str, dict[str, Any]] = {
    "torch.optim": {"lr": Rate, "betas": tuple[Beta, Beta], "weight_decay": Rate},
    "lightning.pytorch": {
        "max_epochs": PositiveInt | typing.Literal[-1],
        "devices": PositiveInt | typing.Literal["auto", -1] | list[int],
        "default_root_dir": Annotated[Any, Mark.WITHOUT_EFFECT, Mark.PATH],
        "save_dir": Annotated[Any, Mark.WITHOUT_EFFECT, Mark.PATH],
    },
}


@dataclass
class Signature:
    """Keys that a target takes.

    Attributes:
        hints: the annotation of each key that it names; ``Any`` for a key without one.
        required: keys without a default.
        nullable: keys whose default is None, which is allowed whatever the annotation.
        open_ended: True if it takes other keys too.
    """

    hints: dict[str, Any]
    required: list[str]
    nullable: list[str]
    open_ended: bool

    @cached_property
    def validator(self) -> TypeAdapter[Any]:
        """Validator of a node's keys and values, written as JSON: there a list is a tuple, and an int a float."""
        fields: dict[str, Any] = {name: Annotated[Any, _Lenient(hint)] for name, hint in self.hints.items()}
        fields |= {name: fields[name] | None for name in self.nullable}
        fields |= {name: NotRequired[fields[name]] for name in fields if name not in self.required}
        typed_dict: Any = TypedDict  # type checkers allow only constant keys
        keys = typed_dict("keys", fields)
        keys.__pydantic_config__ = ConfigDict(extra="allow" if self.open_ended else "forbid", **ARBITRARY_TYPES)
        return TypeAdapter(keys)


@dataclass(eq=False)  # which keeps it hashable, as metadata have to be
class _Lenient:
    """Metadata that gives pydantic the schema of another annotation; if it has none for that, every value fits."""

    hint: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        try:
            TypeAdapter(self.hint, config=ARBITRARY_TYPES)
        except Exception:  # annotations of third parties may be anything
            return core_schema.any_schema()
        return handler.generate_schema(self.hint)


def load_target(target: Any, key: str) -> Callable[..., Any]:
    """Return the class or function that a ``_target_`` names; raise UserError, with its ``key``, if there is none."""
    try:
        found = pkgutil.resolve_name(target)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{key}={target}: cannot be imported ({reason}): is its folder on PYTHONPATH?") from error
    if not callable(found):
        raise UserError(f"{key}={target}: not a class or a function")
    return found


@functools.cache  # a config names each target many times
def signature_of(target: Callable[..., Any]) -> Signature | None:
    """Return the signature of a target; None if it is written in C and has none.

    ``**settings: Unpack[Settings]`` (PEP 692) stands for the keys of that TypedDict.
    """
    try:
        parameters = inspect.signature(target).parameters.values()
    except ValueError:
        return None
    hints = _hints(target)
    single = [one for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    others = next((one for one in parameters if one.kind is one.VAR_KEYWORD), None)
    unpacked: Any = _unpacked(hints.get(others.name)) if others else None
    keys = {one.name: hints.get(one.name, Any) for one in single}
    required = [one.name for one in single if one.default is one.empty]
    nullable = [one.name for one in single if one.default is None]
    for name, hint in typing.get_type_hints(unpacked, include_extras=True).items() if unpacked else ():
        qualifier = typing.get_origin(hint)
        keys[name] = typing.get_args(hint)[0] if qualifier in (Required, NotRequired) else hint
        # Where annotations are postponed, __required_keys__ depends on ``total`` alone.
        if qualifier is Required or (name in unpacked.__required_keys__ and qualifier is not NotRequired):
            required.append(name)
    return Signature(keys, required, nullable, open_ended=others is not None and unpacked is None)


def marks(target: Callable[..., Any], name: str) -> set[Mark]:
    """Return the marks of a key of a target; a subclass has the marks of its base classes."""
    places = target.__mro__ if inspect.isclass(target) else (target,)
    signatures = [found for place in places if (found := signature_of(place))]
    return {mark for found in signatures for mark in marks_of(found.hints.get(name))}


def marks_of(annotation: Any) -> set[Mark]:
    return {mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Mark)}


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a target's parameters; those in RANGES replace its own."""
    try:
        hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except Exception:  # names that exist for type checkers only, or annotations that are no types
        hints = {}
    for package, ranges in RANGES.items():
        if (getattr(target, "__module__", None) or "").startswith(package):
            hints |= {name: hint for name, hint in ranges.items() if name in inspect.signature(target).parameters}
    return hints


def _unpacked(annotation: Any) -> Any:
    """Return the TypedDict in ``Unpack[…]``; None for another annotation."""
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Unpack else None

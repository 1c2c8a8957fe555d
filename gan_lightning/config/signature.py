"""Reads what a ``_target_`` can be called with: its constructor is the schema of its node."""

import functools
import inspect
import pkgutil
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, Required, Unpack

from pydantic import PositiveInt

from gan_lightning.config.settings import Beta, Rate
from gan_lightning.errors import UserError
from gan_lightning.marks import Mark

# What third parties do not say in their annotations: what they refuse later, when files have been written, and marks.
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
    """The keys that a target takes.

    Attributes:
        names: all that it names.
        needed: those without a default.
        optional: those whose default is None, which they may be set to, whatever their annotation.
        hints: annotations, of those that have one.
        open_ended: whether it takes others.
    """

    names: list[str]
    needed: list[str]
    optional: list[str]
    hints: dict[str, Any]
    open_ended: bool


def load_target(target: Any, key: str) -> Callable[..., Any]:
    """Return the object that a ``_target_`` names."""
    try:
        found = pkgutil.resolve_name(target)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{key}={target}: cannot be imported ({reason}): is its folder on PYTHONPATH?") from error
    if not callable(found):
        raise UserError(f"{key}={target}: not a class or a function")
    return found


@functools.cache  # a config asks for each of them a hundred times
def signature_of(target: Callable[..., Any]) -> Signature | None:
    """Return what a target takes; None for one that is written in C and does not say it.

    ``**settings: Unpack[Settings]`` (PEP 692) stands for the keys of that TypedDict.
    """
    try:
        parameters = inspect.signature(target).parameters.values()
    except ValueError:
        return None
    hints = _hints(target)
    single = [one for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    others = next((one for one in parameters if one.kind is one.VAR_KEYWORD), None)
    unpacked = _unpacked(hints.pop(others.name, None)) if others else None
    names = [one.name for one in single]
    needed = [one.name for one in single if one.default is one.empty]
    if unpacked:
        keys = typing.get_type_hints(unpacked, include_extras=True)
        names += keys
        needed += [name for name, hint in keys.items() if _is_required(unpacked, name, hint)]
        hints |= {name: _without_qualifier(hint) for name, hint in keys.items()}
    optional = [one.name for one in single if one.default is None]
    return Signature(names, needed, optional, hints, open_ended=others is not None and unpacked is None)


def marks(target: Callable[..., Any], name: str) -> set[Mark]:
    """Return the marks of a key of a target; what a base class marks is marked in its subclasses."""
    places = target.__mro__ if inspect.isclass(target) else (target,)
    signatures = [found for place in places if (found := signature_of(place))]
    return {mark for found in signatures for mark in marks_of(found.hints.get(name))}


def marks_of(annotation: Any) -> set[Mark]:
    return {mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Mark)}


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a callable's parameters, narrowed by RANGES."""
    try:
        hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except (NameError, TypeError):  # names that exist for type checkers only
        hints = {}
    for package, ranges in RANGES.items():
        if (getattr(target, "__module__", None) or "").startswith(package):
            hints |= {name: hint for name, hint in ranges.items() if name in inspect.signature(target).parameters}
    return hints


def _unpacked(annotation: Any) -> Any:
    """Return the TypedDict in ``Unpack[…]``."""
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Unpack else None


def _is_required(settings: Any, name: str, annotation: Any) -> bool:
    # A TypedDict in a module with postponed annotations knows only of ``total``.
    origin = typing.get_origin(annotation)
    return origin is Required or (name in settings.__required_keys__ and origin is not NotRequired)


def _without_qualifier(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) in (Required, NotRequired) else annotation

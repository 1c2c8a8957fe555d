"""Finds the keys of a command that hold text, by the annotations of its settings, of the classes in its config and of
Hydra's config.

A value typed for such a key is taken literally: ``name=2026_01_31`` is not a number.
"""

import os
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from hydra.conf import HydraConf

from gan_lightning.config.composing import compose_known, config_folders
from gan_lightning.config.settings import Config, Settings
from gan_lightning.config.signature import load_target, marks, marks_of, signature_of
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, Mark

SWEEP_RESUME = "sweep.resume"  # a key of the command line that no config has
NUMBERS = (bool, int, float, complex, object, Any)


@dataclass(frozen=True)
class Text:
    """Values of a key that holds text.

    Attributes:
        path: True if the text is a path.
        several: True if a list of texts is allowed.
        nullable: True if null is allowed.
    """

    path: bool
    several: bool
    nullable: bool


@dataclass
class Keys:
    """The keys of a command.

    Args:
        config_name: the name of the command's config.
        settings: the class of the command's settings.
        arguments: the command line, which chooses the classes of the config's nodes.
    """

    config_name: str
    settings: type[Settings]
    arguments: Sequence[str]

    def text(self, key: str) -> Text | None:
        """Return the values of a key that holds text; None for another key."""
        parts = key.split(".")
        if key == SWEEP_RESUME:
            return _text(Location[str])
        group = key.partition("@")[0]
        if group and any((folder / group).is_dir() for folder in config_folders(self.arguments)):
            return Text(path=False, several=True, nullable=True)  # names of options
        if parts[0] == "hydra":
            return _text(_below(HydraConf, parts[1:]))
        annotation = _below(self.settings, parts)
        of_class = annotation in (None, Any) and len(parts) > 1
        return self._text_of_class(parts) if of_class else _text(annotation)

    @cached_property
    def _config(self) -> Config:
        return compose_known(self.config_name, self.arguments)

    def _text_of_class(self, parts: Sequence[str]) -> Text | None:
        """Return the values of a key that the class of the innermost node above it takes as text."""
        values: Any = self._config
        target, below = None, parts
        for i, part in enumerate(parts):
            values = values if isinstance(values, dict) else {}
            if isinstance(values.get("_target_"), str) and not part.startswith("_"):
                target, below = values["_target_"], parts[i:]
            values = values.get(part)
        try:
            found = load_target(target, "_target_")
        except UserError:  # there is no class; the check of the config says why
            return None
        signature = signature_of(found)
        if signature is None:
            return None
        name, *rest = below
        annotation = _value_type(signature.hints.get(name), rest)
        path = not rest and Mark.PATH in marks(found, name)
        return _text(annotation, path=path, nullable=not rest and name in signature.nullable)


def _below(owner: Any, parts: Sequence[str]) -> Any:
    """Return the annotation of a key below a class with annotations; None if there is none."""
    if not parts:
        return owner
    plain = isinstance(owner, type) and typing.get_origin(owner) is None
    hints = typing.get_type_hints(owner, include_extras=True) if plain else {}
    if parts[0] in hints:
        return _below(hints[parts[0]], parts[1:])
    return _value_type(owner, parts)


def _value_type(annotation: Any, parts: Sequence[str]) -> Any:
    """Return the annotation of the values of a dict, nested as deep as ``parts``; None if there is none."""
    for _ in parts:
        dicts = [one for one in _members(annotation) if typing.get_origin(one) in (dict, Mapping)]
        annotation = typing.get_args(dicts[0])[1] if dicts else None
    return annotation


def _text(annotation: Any, *, path: bool = False, nullable: bool = False) -> Text | None:
    """Return the values of an annotation that takes text; None if it takes none, or numbers too."""
    path = path or Mark.PATH in marks_of(annotation)
    members = list(_members(annotation))
    several = any(_is_list_of_text(one) for one in members)
    texts = several or any(_is_text(one) for one in members)
    if not path and (not texts or any(one in NUMBERS for one in members)):
        return None
    return Text(path, several, nullable or any(one in (type(None), Any) for one in members))


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union; of a Literal, the types of its values; else the annotation itself."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        yield from _members(arguments[0])
    elif origin in (typing.Union, types.UnionType):
        for one in arguments:
            yield from _members(one)
    elif origin is Literal:
        yield from map(type, arguments)
    else:
        yield annotation


def _is_text(annotation: Any) -> bool:
    return annotation in (str, Path) or (typing.get_origin(annotation) or annotation) is os.PathLike


def _is_list_of_text(annotation: Any) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    return (
        isinstance(origin, type)
        and issubclass(origin, Sequence)
        and bool(arguments)
        and _text(arguments[0]) is not None
    )

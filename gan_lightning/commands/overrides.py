"""Translates the typed command line to Hydra's grammar, and checks it."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.types import Sweep

from gan_lightning.config.grammar import UNREADABLE, elements, is_quoted, quote, read
from gan_lightning.config.text import Text
from gan_lightning.errors import UserError

OPTIONS_WITH_VALUE = (  # options of Hydra's command line
    *("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p", "--cfg", "-c"),
    "--experimental-rerun",
)
INFO = ("--info", "-i")  # options that may have a value


def as_typed(argument: str, text: Callable[[str], Text | None], *, sweep: bool = False) -> str:
    """Return ``key=value`` with the value in quotes if it is text that Hydra would read as something else.

    Hydra reads ``2024`` and ``1e3`` as numbers, ``a,b`` as two values, and cannot read ``pics (1)`` or ``täst``. Values
    in Hydra's own quotes do not change. Neither do ``null`` for a nullable key, a list for a key that takes one, and
    ``${…}``.

    Args:
        argument: the argument of the command line.
        text: a function that returns the values of a key that holds text, and None for other keys.
        sweep: True if commas separate several values; commas in an existing path belong to the path.
    """
    found = re.fullmatch(r"(\+{0,2}([\w./@-]+)=)(.*)", argument, re.DOTALL)
    if not found:
        return argument
    start, key, value = found.groups()
    meant = read(value)
    if (meant == value and "${" not in value) or (kind := text(key)) is None:
        return argument
    if kind.path and _exists(value):
        if "${" in value:
            raise UserError(f"{argument}: ${{…}} stands for the value of another key: rename the file")
        return start + quote(value)
    several = sweep and not key.startswith("hydra.") and (meant is UNREADABLE or isinstance(meant, Sweep))
    if not several:
        return start + _quoted(value, kind)
    if isinstance(meant, Sweep) and re.fullmatch(r"\w+\(.*\)", value, re.DOTALL):
        return argument  # choice(…), range(…), glob(…)
    return start + ",".join(_quoted(one, kind) for one in elements(value))


def check_texts(arguments: Sequence[str]) -> None:
    """Raise UserError if an argument or the name of the working directory cannot be stored in a config."""
    try:
        here = os.getcwd()
    except FileNotFoundError as error:
        raise UserError("the working directory does not exist any more: cd to another one") from error
    if "${" in here:
        raise UserError(f"{here}: ${{…}} stands for the value of a key: rename the folder")
    for text in (here, *arguments):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            encoding = sys.getfilesystemencoding()
            utf8 = "" if encoding == "utf-8" else "set PYTHONUTF8=1, or "
            raise UserError(f"{text}: is no text in {encoding}: {utf8}rename the file") from error


def check_dashes(arguments: Sequence[str]) -> None:
    """Raise UserError for ``--key=value``, unless it is an option of Hydra."""
    for argument in arguments:
        found = re.fullmatch(r"(--?[\w.]+)=.*", argument, re.DOTALL)
        if found and found[1] not in (*OPTIONS_WITH_VALUE, *INFO):
            raise UserError(f"{argument}: keys have no dashes before them: {argument.lstrip('-')}")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return Hydra's options with their values, and the overrides; Hydra reads options only before overrides."""
    options: list[str] = []
    overrides: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_value = before in OPTIONS_WITH_VALUE or (before in INFO and "=" not in argument)
        belongs = argument.startswith("-") or is_value
        (options if belongs else overrides).append(argument)
    return options, overrides


def is_sweep(options: Sequence[str], overrides: Sequence[str]) -> bool:
    """Return True if the command line starts a sweep."""
    multirun = any(len(one) > 3 and "--multirun".startswith(one) for one in options)
    return multirun or "-m" in options or "hydra.mode=MULTIRUN" in overrides


def value_of(argument: str) -> Any:
    """Return the value that Hydra reads in ``key=value``; the text itself if Hydra cannot read it."""
    text = argument.partition("=")[2]
    value = read(text)
    return text if value is UNREADABLE else value


def _quoted(text: str, kind: Text) -> str:
    """Return one value, in quotes if Hydra would read it as something else."""
    if is_quoted(text) or (kind.nullable and read(text) is None):
        return text
    if kind.several and re.fullmatch(r"\[.*\]", text, re.DOTALL):
        one = replace(kind, several=False, nullable=False)
        return f"[{','.join(_quoted(element, one) for element in elements(text[1:-1]))}]"
    return quote(text)


def _exists(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path))  # unlike pathlib, does not raise for text that cannot be a path

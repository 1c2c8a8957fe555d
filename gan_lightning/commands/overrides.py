"""The command line as it was typed, and as Hydra's grammar has to have it."""

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

OPTIONS_WITH_VALUE = (  # of Hydra's command line
    *("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p", "--cfg", "-c"),
    "--experimental-rerun",
)
INFO = ("--info", "-i")  # options that may have a value


def as_typed(argument: str, text: Callable[[str], Text | None], *, sweep: bool = False) -> str:
    """Return ``key=value`` with the value in quotes where it is text that Hydra would read as something else.

    Hydra reads ``2024`` and ``1e3`` as numbers, ``a,b`` as two values, and ``pics (1)`` or ``täst`` not at all. What
    stands in Hydra's own quotes stays. So does ``null`` where there may be none, a list where there may be several,
    and ``${…}``.

    Args:
        argument: of the command line.
        text: says what a key takes, if that is text.
        sweep: whether a key may have several values, with commas between. A path that is there has its commas itself.
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
            raise UserError(f"{argument}: ${{…}} stands for the value of another key: give the file another name")
        return start + quote(value)
    several = sweep and not key.startswith("hydra.") and (meant is UNREADABLE or isinstance(meant, Sweep))
    if not several:
        return start + _quoted(value, kind)
    if isinstance(meant, Sweep) and re.fullmatch(r"\w+\(.*\)", value, re.DOTALL):
        return argument  # choice(…), range(…), glob(…)
    return start + ",".join(_quoted(one, kind) for one in elements(value))


def check_texts(arguments: Sequence[str]) -> None:
    """Refuse what no config can hold, in the name of the working directory too, before Hydra writes a part of one."""
    try:
        here = os.getcwd()
    except FileNotFoundError as error:
        raise UserError("the working directory is not there any more: cd to another one") from error
    if "${" in here:
        raise UserError(f"{here}: ${{…}} stands for the value of a key: give the folder another name")
    for text in (here, *arguments):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            encoding = sys.getfilesystemencoding()
            utf8 = "" if encoding == "utf-8" else "set PYTHONUTF8=1, or "
            raise UserError(f"{text}: is no text in {encoding}: {utf8}give the file another name") from error


def check_dashes(arguments: Sequence[str]) -> None:
    """Refuse ``--key=value``, which other programs take, but for options of Hydra's own."""
    for argument in arguments:
        found = re.fullmatch(r"(--?[\w.]+)=.*", argument, re.DOTALL)
        if found and found[1] not in (*OPTIONS_WITH_VALUE, *INFO):
            raise UserError(f"{argument}: keys have no dashes before them: {argument.lstrip('-')}")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return Hydra's options with their values, and the overrides: it can read them in this order only."""
    options: list[str] = []
    overrides: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_value = before in OPTIONS_WITH_VALUE or (before in INFO and "=" not in argument)
        belongs = argument.startswith("-") or is_value
        (options if belongs else overrides).append(argument)
    return options, overrides


def is_sweep(options: Sequence[str], overrides: Sequence[str]) -> bool:
    """Return whether a command line asks for a sweep."""
    multirun = any(len(one) > 3 and "--multirun".startswith(one) for one in options)
    return multirun or "-m" in options or "hydra.mode=MULTIRUN" in overrides


def value_of(argument: str) -> Any:
    """Return what Hydra reads as the value of ``key=value``; as it stands there if it cannot be read."""
    text = argument.partition("=")[2]
    value = read(text)
    return text if value is UNREADABLE else value


def _quoted(text: str, kind: Text) -> str:
    """Return a single value, in quotes if need be."""
    if is_quoted(text) or (kind.nullable and read(text) is None):
        return text
    if kind.several and re.fullmatch(r"\[.*\]", text, re.DOTALL):
        one = replace(kind, several=False, nullable=False)
        return f"[{','.join(_quoted(element, one) for element in elements(text[1:-1]))}]"
    return quote(text)


def _exists(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path))  # pathlib's raise for texts that can be no path

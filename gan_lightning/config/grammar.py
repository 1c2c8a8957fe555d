"""Hydra's grammar for what stands behind ``key=``."""

import re
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
ELEMENT = re.compile(rf"\s*({QUOTED}|\[[^]]*\]|[^,]*?)\s*,", re.DOTALL)
UNREADABLE = object()


def read(text: str) -> Any:
    """Return the value that Hydra reads, a Sweep for several; ``UNREADABLE`` for what it cannot read."""
    try:
        return OverridesParser.create().parse_override(f"key={text}").value()
    except HydraException:
        return UNREADABLE


def quote(text: str) -> str:
    """Return text as Hydra has to be given it, in quotes where it would read something else."""
    return text if read(text) == text else QuotedString(text, Quote.single).with_quotes()


def is_quoted(text: str) -> bool:
    return re.fullmatch(QUOTED, text, re.DOTALL) is not None


def unquoted(text: str) -> str:
    """Return text without the quotes that were for Hydra."""
    return str(read(text)) if is_quoted(text) else text


def elements(text: str) -> list[str]:
    """Return what stands between the commas of ``a,'b,c',[d,e]``, three of them."""
    return ELEMENT.findall(f"{text},") if text.strip() else []

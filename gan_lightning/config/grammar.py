"""Reads and writes values in Hydra's grammar, as they stand behind ``key=``."""

import re
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
ELEMENT = re.compile(rf"\s*({QUOTED}|\[[^]]*\]|[^,]*?)\s*,", re.DOTALL)
UNREADABLE = object()


def read(text: str) -> Any:
    """Return the value that Hydra reads: a Sweep if there are several, ``UNREADABLE`` if it cannot read the text."""
    try:
        return OverridesParser.create().parse_override(f"key={text}").value()
    except HydraException:
        return UNREADABLE


def quote(text: str) -> str:
    """Return text for Hydra, in quotes if it would read something else without them."""
    return text if read(text) == text else QuotedString(text, Quote.single).with_quotes()


def is_quoted(text: str) -> bool:
    return re.fullmatch(QUOTED, text, re.DOTALL) is not None


def unquoted(text: str) -> str:
    """Return text without Hydra's quotes."""
    return str(read(text)) if is_quoted(text) else text


def elements(text: str) -> list[str]:
    """Return the elements of a list without brackets: three for ``a,'b,c',[d,e]``."""
    return ELEMENT.findall(f"{text},") if text.strip() else []

"""The command line as it was typed, and as Hydra's grammar reads it."""

import os
import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_lightning.config.settings import Settings

HYDRA_PATHS = ("hydra.run.dir", "hydra.sweep.dir", "sweep.resume")
OPTIONS_WITH_VALUE = (  # of Hydra's command line
    *("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"),
    "--experimental-rerun",
)
UNREADABLE = object()


def as_typed(argument: str, config_name: str, settings: type[Settings], typed: Sequence[str]) -> str:
    """Return ``key=value`` with the value in quotes where it is a path that Hydra would read as something else.

    File managers write ``pics (1)``, which Hydra cannot read, and ``2024`` or ``a,b``, which it reads as a number and
    as two values. What it cannot read is a path if there is one, or if the key is marked as one. What it would read as
    something else is one only if both hold: ``checkpoint=[A,B]`` are two.

    Args:
        argument: of the command line.
        config_name: of the command's config.
        settings: of the command.
        typed: the whole command line, which chooses the classes that mark their keys.
    """
    found = re.fullmatch(r"(\+{0,2})([\w.]+)=(.+)", argument, re.DOTALL)
    if not found or (value := _read(argument)) == found[3]:
        return argument
    key, text = found[2], found[3]
    exists = os.path.exists(os.path.expanduser(text))  # pathlib's raise for texts that can be no path
    if value is UNREADABLE:
        is_path = exists or _is_path(key, config_name, settings, typed)
    else:
        is_path = exists and _is_path(key, config_name, settings, typed)
    return f"{found[1]}{key}={QuotedString(text, Quote.single).with_quotes()}" if is_path else argument


def options_first(arguments: Sequence[str]) -> list[str]:
    """Return the command line with Hydra's options before the overrides: it can read no other order."""
    options: list[str] = []
    overrides: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        belongs = argument.startswith("-") or before in OPTIONS_WITH_VALUE
        (options if belongs else overrides).append(argument)
    return options + overrides


def text_of(argument: str) -> str:
    """Return the value of ``key=value`` without the quotes that were for Hydra."""
    value = _read(argument)
    return value if isinstance(value, str) else argument.partition("=")[2]


def _read(argument: str) -> Any:
    """Return the value that Hydra reads."""
    try:
        return OverridesParser.create().parse_override(argument).value()
    except HydraException:
        return UNREADABLE


def _is_path(key: str, config_name: str, settings: type[Settings], typed: Sequence[str]) -> bool:
    """Return whether a key is marked as one, in the command's settings or by the class that its node names."""
    from gan_lightning.config.effects import settings_marked
    from gan_lightning.config.explain import compose_known
    from gan_lightning.config.signature import load_target, marks
    from gan_lightning.marks import Mark

    node, _, name = key.rpartition(".")
    if not node or key in HYDRA_PATHS:
        return key in HYDRA_PATHS or name in settings_marked(settings, Mark.PATH)
    values: Any = OmegaConf.to_container(compose_known(config_name, typed), resolve=False)
    for part in node.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    target = values.get("_target_") if isinstance(values, dict) else None
    return isinstance(target, str) and Mark.PATH in marks(load_target(target, f"{node}._target_"), name)

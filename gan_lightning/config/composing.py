"""Composes a command's config from as much of a command line as can be composed, to read its nodes from it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_lightning.config.grammar import quote
from gan_lightning.config.settings import Node
from gan_lightning.paths import CONF_DIR


def compose_known(config_name: str, typed: Sequence[str]) -> Node:
    """Return the command's config with the options and classes that are typed, and nothing else typed; unresolved.

    Of a key with several values, in a sweep, the first one counts.

    Args:
        config_name: of the command's config; ``--config-name`` replaces it.
        typed: the command line, without the program.
    """
    folders = [CONF_DIR, *(Path(folder) for folder in [option(typed, "--config-dir", "-cd")] if folder)]
    chosen = [known for one in typed if (known := _choice(one, folders))]
    chosen += [f"hydra.searchpath=[{quote(f'file://{folder.absolute()}')}]" for folder in folders[1:]]
    name = option(typed, "--config-name", "-cn") or config_name
    try:
        return _compose(name, chosen)
    except HydraException:  # of an option that cannot be chosen like that
        return _compose(config_name, [])


def option(typed: Sequence[str], *names: str) -> str | None:
    """Return the value of one of Hydra's own options, ``--name value`` or ``--name=value``; None if it is not typed."""
    for argument, following in zip(typed, [*typed[1:], ""], strict=False):
        name, given, value = argument.partition("=")
        if name in names:
            return value if given else following
    return None


def _choice(argument: str, folders: Sequence[Path]) -> str | None:
    """Return an argument if it chooses options that there are, or a class; None for any other."""
    if re.fullmatch(r"\+{0,2}[\w.]+\._target_=[\w.]+", argument):
        return argument
    found = re.fullmatch(r"(\+?([\w/]+)(?:@[\w.]+)?)=([\w-]+|\[[\w,-]+\])(?:,.*)?", argument)
    if not found:
        return None
    start, group, chosen = found.groups()
    files = [f"{group}/{one}.yaml" for one in chosen.strip("[]").split(",")]
    there = all(any((folder / file).is_file() for folder in folders) for file in files)
    return f"{start}={chosen}" if there else None


def _compose(config_name: str, overrides: Sequence[str]) -> Node:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config: Any = hydra.compose(config_name, overrides=list(overrides))
    return cast(Node, OmegaConf.to_container(config, resolve=False))

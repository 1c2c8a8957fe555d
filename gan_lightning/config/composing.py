"""Composes a command's config from those arguments of a command line that choose options and classes."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from gan_lightning.config.grammar import elements, quote
from gan_lightning.config.settings import Config
from gan_lightning.paths import CONF_DIR


def compose_known(config_name: str, typed: Sequence[str]) -> Config:
    """Return the command's config with the options and classes that are typed, interpolations not resolved.

    Other overrides are left out. Of several values for a key, as in a sweep, the first one is taken.

    Args:
        config_name: the name of the command's config; ``--config-name`` replaces it.
        typed: the command line, without the program.
    """
    folders = config_folders(typed)
    chosen = [known for one in typed if (known := _choice(one, folders))]
    chosen += [f"hydra.searchpath=[{quote(f'file://{folder.absolute()}')}]" for folder in folders[1:]]
    name = option(typed, "--config-name", "-cn") or config_name
    try:
        return _compose(name, tuple(chosen))
    except Exception:  # Hydra's errors for options that do not go together have many classes
        return _compose(config_name, ())


def config_folders(typed: Sequence[str]) -> list[Path]:
    """Return the folders that hold the options of groups: our own, and the one of ``--config-dir``."""
    own = option(typed, "--config-dir", "-cd")
    return [CONF_DIR, *([Path(own)] if own else [])]


def option(typed: Sequence[str], *names: str) -> str | None:
    """Return the value of one of Hydra's options, ``--name value`` or ``--name=value``; None if it is not typed."""
    for argument, following in zip(typed, [*typed[1:], ""], strict=False):
        name, given, value = argument.partition("=")
        if name in names:
            return value if given else following
    return None


def _choice(argument: str, folders: Sequence[Path]) -> str | None:
    """Return what an argument chooses, as an override: an existing option, or a class; None for other arguments."""
    if re.fullmatch(r"\+{0,2}[\w.]+\._target_=[\w.]+", argument):
        return argument
    found = re.fullmatch(r"(\+?([\w/]+)(?:@[\w.]+)?)=(.+)", argument)
    if not found or not elements(found[3]):
        return None
    start, group, values = found.groups()
    first = elements(values)[0]
    names = [one.strip("'\"") for one in elements(first.strip("[]"))]
    files = [f"{group}/{name}.yaml" for name in names]
    exist = all(any((folder / file).is_file() for folder in folders) for file in files)
    chosen = ",".join(map(quote, names))
    return f"{start}={f'[{chosen}]' if first.startswith('[') else chosen}" if exist else None


@functools.cache  # composing takes a tenth of a second, and explaining an error composes again
def _compose(config_name: str, overrides: tuple[str, ...]) -> Config:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config: Any = hydra.compose(config_name, overrides=list(overrides))
    return cast(Config, OmegaConf.to_container(config, resolve=False))

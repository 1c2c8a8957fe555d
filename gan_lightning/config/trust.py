"""Whose code a config may run that came out of a checkpoint or a run's folder; one's own conf/ may run any."""

import inspect
import re
import typing
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException
from torch import nn

from gan_lightning.config.signature import load_target
from gan_lightning.errors import UserError

ROOMS = ("modalities", "data", "networks", "algorithms", "metrics", "callbacks")  # whose classes a YAML may name
TRUSTED = (
    *(f"gan_lightning.{room}" for room in ROOMS),
    "gan_lightning.system.distributed",  # the strategy of conf/trainer/ddp.yaml
    *("torch.nn", "torch.optim", "torchvision.models", "torchvision.ops", "torchvision.transforms"),
    *("lightning.pytorch.loggers", "lightning.pytorch.trainer", "lightning.pytorch.Trainer"),
)


def check_trusted(value: Any, key: str, also: Sequence[str], remedy: str = "trust=[{}]") -> None:
    """Refuse a ``_target_`` anywhere below ``key`` that is not defined in a trusted package.

    What counts is where the object is defined, not under which name it can be reached: ``torch.nn.init.warnings.warn``
    is refused. Nothing is imported whose name does not begin with a trusted package. Of ours it is the classes of the
    rooms that a YAML may name, and functions of ``networks`` that return a network.

    Args:
        value: plain values of a config.
        key: where they stand in it.
        also: packages that the user trusts besides ``TRUSTED``.
        remedy: how a package is trusted in the command that asks.

    Raises:
        UserError: with the key, the target and the remedy.
    """
    if isinstance(value, list):
        for i, item in enumerate(value):
            check_trusted(item, f"{key}[{i}]", also, remedy)
    elif isinstance(value, dict):
        if "_target_" in value and not _is_trusted(value["_target_"], key, (*TRUSTED, *also)):
            raise UserError(
                f"{key}._target_={value['_target_']}: comes from a file and is no code of this project, torch or "
                f"lightning: if you know it, {remedy.format(str(value['_target_']).partition('.')[0])}"
            )
        for name, item in value.items():
            check_trusted(item, f"{key}.{name}", also, remedy)
    elif isinstance(value, str) and "${" in value:  # which could make a node of anything
        raise UserError(f"{key}={value}: a config that comes from a file has plain values only")


def check_overrides(overrides: Sequence[str], command_line: Sequence[str], *, sweep: bool = False) -> None:
    """The same for recorded overrides, ``key=value``; local conf, which they choose from, is the user's own.

    Args:
        overrides: what is to be taken from the run or the sweep.
        command_line: what the user has written, ``trust=[…]`` perhaps among it.
        sweep: whether a key may have several values.

    Raises:
        UserError: with the override and the remedy.
    """
    also = [
        package for text in command_line if text.startswith("trust=") for package in re.findall(r"[\w.]+", text[6:])
    ]
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException as error:  # options of Hydra's too, which lead to other folders
            raise UserError(f"{text}: comes from a file and is not of the form key=value") from error
        key, value = override.key_or_group, override.value()
        if isinstance(value, ChoiceSweep) and sweep:
            value = [getattr(one, "text", one) for one in value.list]
        elif override.is_sweep_override() and not sweep:
            raise UserError(f"{text}: comes from a file and is no single value")
        parent, _, last = key.rpartition(".")
        check_trusted({last: value} if last == "_target_" else value, parent if last == "_target_" else key, also)


def _is_trusted(target: Any, key: str, packages: Sequence[str]) -> bool:
    if not isinstance(target, str) or not _within(target, packages):
        return False
    found = load_target(target, f"{key}._target_")
    home = getattr(found, "__module__", None) or ""
    makes = inspect.isclass(found) or (inspect.isfunction(found) and (not _is_ours(home) or _makes_network(found)))
    return makes and _within(home, packages)


def _is_ours(module: str) -> bool:
    return _within(module, ["gan_lightning"])


def _makes_network(function: Any) -> bool:
    """Return whether a function of ``networks`` says that it returns a network; others may write files."""
    returned = typing.get_type_hints(function).get("return")
    makes = inspect.isclass(returned) and issubclass(returned, nn.Module)
    return makes and _within(function.__module__, ["gan_lightning.networks"])


def _within(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)

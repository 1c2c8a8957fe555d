"""Checks that a config from a checkpoint or a run names trusted code only; the user's own conf/ may name any."""

import inspect
import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException
from torch import nn

from gan_lightning.config.signature import load_target
from gan_lightning.errors import UserError

# Subpackages whose classes a YAML file may name.
ROOMS = ("modalities", "data", "networks", "algorithms", "metrics", "callbacks")
TRUSTED = (
    *(f"gan_lightning.{room}" for room in ROOMS),
    "gan_lightning.system.distributed",  # the strategy of conf/trainer/ddp.yaml
    *("torch.nn", "torch.optim", "torchvision.models", "torchvision.ops", "torchvision.transforms"),
    *("lightning.pytorch.loggers", "lightning.pytorch.trainer", "lightning.pytorch.Trainer"),
)


def check_trusted(value: Any, key: str, also: Sequence[str], remedy: str = "trust_code=[{}]") -> None:
    """Raise UserError for a ``_target_`` anywhere below ``key`` that is not defined in a trusted package.

    The place where an object is defined decides, not the name by which it can be reached:
    ``torch.nn.init.warnings.warn`` is refused. Only modules of trusted packages are imported to find out. Of this
    package, the classes of ``ROOMS`` are trusted, and the functions of ``networks`` that return a network.

    Args:
        value: plain values of a config.
        key: the path of ``value`` in the config.
        also: packages that the user trusts besides ``TRUSTED``.
        remedy: the option or key of the command that trusts a package, with ``{}`` for its name.

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
    elif isinstance(value, str) and "${" in value:  # a resolver could build a node from it
        raise UserError(f"{key}={value}: a config that comes from a file has plain values only")


def untrusted_packages(config: Any) -> list[str]:
    """Return the packages that a config names and that commands run only with ``trust_code=[…]``, sorted."""
    targets = set(_targets(config))
    return sorted({str(one).partition(".")[0] for one in targets if not _is_trusted(one, "", TRUSTED)})


def check_overrides(overrides: Sequence[str], command_line: Sequence[str], *, sweep: bool = False) -> None:
    """Raise UserError for a recorded override, ``key=value``, that names code which is not trusted.

    The options of groups that overrides choose come from the user's own conf/ and are not checked.

    Args:
        overrides: the overrides that a run or a sweep has recorded.
        command_line: the arguments that the user typed; the packages in ``trust_code=[…]`` are trusted too.
        sweep: True if a key may have several values.

    Raises:
        UserError: with the override and the remedy.
    """
    typed = [text.partition("=")[2] for text in command_line if text.startswith("trust_code=")]
    also = [package for text in typed for package in re.findall(r"[\w.]+", text)]
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException as error:  # also for Hydra's own options, which could name other folders
            raise UserError(f"{text}: comes from a file and is not of the form key=value") from error
        key, value = override.key_or_group, override.value()
        if isinstance(value, ChoiceSweep) and sweep:
            value = [getattr(one, "text", one) for one in value.list]
        elif override.is_sweep_override() and not sweep:
            raise UserError(f"{text}: comes from a file and is no single value")
        parent, _, last = key.rpartition(".")
        check_trusted({last: value} if last == "_target_" else value, parent if last == "_target_" else key, also)


def _targets(value: Any) -> Iterator[Any]:
    """Yield each ``_target_`` in a config."""
    if isinstance(value, dict):
        if "_target_" in value:
            yield value["_target_"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _targets(one)


def _is_trusted(target: Any, key: str, packages: Sequence[str]) -> bool:
    if not isinstance(target, str) or not _within(target, packages):
        return False
    found = load_target(target, f"{key}._target_")
    module = getattr(found, "__module__", None) or ""
    allowed = inspect.isclass(found) or (inspect.isfunction(found) and (not _is_ours(module) or _makes_network(found)))
    return allowed and _within(module, packages)


def _is_ours(module: str) -> bool:
    return _within(module, ["gan_lightning"])


def _makes_network(function: Any) -> bool:
    """Return True for a function of ``networks`` that is annotated to return a network; others may write files."""
    returned = typing.get_type_hints(function).get("return")
    is_network = inspect.isclass(returned) and issubclass(returned, nn.Module)
    return is_network and _within(function.__module__, ["gan_lightning.networks"])


def _within(name: str, packages: Sequence[str]) -> bool:
    """Return True if ``name`` is one of the packages or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)

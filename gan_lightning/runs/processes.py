"""Checks that the processes of a run fit its config, and that all have the same settings and data."""

import os
from typing import Any

import torch
import torch.distributed as dist

from gan_lightning.config.names import flatten
from gan_lightning.config.settings import TrainSettings
from gan_lightning.errors import UserError
from gan_lightning.system.distributed import DDP, broadcast_from_first, launched_by_torchrun


def check_agreement(config: dict[str, Any]) -> None:
    """Raise the same UserError in all processes if one has other settings or data than the first."""
    if not dist.is_initialized():
        return
    mine, first = dict(flatten(config)), dict(flatten(broadcast_from_first(config)))
    different = [key for key in mine | first if mine.get(key) != first.get(key)]
    lines: list[str | None] = [None] * dist.get_world_size()
    line = f"{different[0].replace('/', '.')}={mine.get(different[0])}" if different else None
    dist.all_gather_object(lines, line)
    for rank, line in enumerate(lines):
        if line:
            raise UserError(
                f"process {rank} has {line}, but the first process does not: start all with the same command"
            )


def check_accelerator(name: Any) -> None:
    """Raise UserError if the accelerator is a GPU and torch finds none."""
    found = {"gpu": torch.cuda.is_available() or torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
    if found.get(name, True):
        return
    reason = "there is no driver or no device" if torch.version.cuda or torch.version.hip else "torch is built without"
    raise UserError(f"trainer.accelerator={name}: no GPU is found ({reason}): trainer=cpu")


def check_processes(settings: TrainSettings) -> None:
    """Raise UserError unless the machine has the devices, and the processes can share the batches.

    Args:
        settings: the settings of a run.

    Raises:
        UserError: with the key, the value and the remedy.
    """
    check_accelerator(settings.trainer.get("accelerator"))
    trainer, started = settings.trainer, int(os.environ["WORLD_SIZE"]) if launched_by_torchrun() else None
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    strategy = trainer.get("strategy")
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1))
    if started is None and tasks > 1:
        raise UserError(
            f"srun started {tasks} tasks: --ntasks=1, or one per machine for torchrun (docs/how-to/distribute.md)"
        )
    if not (isinstance(strategy, dict) and strategy["_target_"] == f"{DDP.__module__}.{DDP.__name__}"):
        if started is not None:
            raise UserError(f"torchrun started {started} processes: trainer=ddp, or trainer=ddp_cpu on processors")
        if strategy is not None or nodes != 1 or devices != 1:
            key, value = next((k, trainer[k]) for k in ("strategy", "num_nodes", "devices") if trainer.get(k, 1) != 1)
            raise UserError(f"trainer.{key}={value}: several processes need trainer=ddp, or trainer=ddp_cpu")
        return

    on_processor = trainer["accelerator"] == "cpu"
    available = (os.cpu_count() or 1) if on_processor else torch.cuda.device_count()
    kind = "cores" if on_processor else "GPUs"
    used = len(devices) if isinstance(devices, list) else available if devices in ("auto", -1) else devices
    if used > available or used == 0:
        raise UserError(f"trainer.devices={devices}: this machine has {available} {kind}: at most that many processes")
    if started is None and nodes != 1:
        raise UserError(f"trainer.num_nodes={nodes}: start the processes with torchrun on each machine")
    if started is not None and used * nodes != started:
        raise UserError(f"trainer.devices={devices}: torchrun started {started} processes: leave it out")
    processes, pack = used * nodes, settings.pack
    if (settings.data.get("batch_size") or 0) % (processes * pack):
        packs = f" with pack={pack}" if pack > 1 else ""
        raise UserError(
            f"data.batch_size={settings.data['batch_size']}: cannot be divided among {processes} processes{packs}: "
            f"choose a multiple of {processes * pack}"
        )
    if settings.model.get("cuda_graph"):
        raise UserError("model.cuda_graph=true: works in one process only: leave it out")

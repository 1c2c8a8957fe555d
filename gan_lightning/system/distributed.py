"""Data-parallel runs: several processes train one model, each on its share of every batch.

On one machine the first process starts the others; across machines ``torchrun`` starts all of them.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import lightning.pytorch as L
import torch
import torch.distributed as dist
from lightning.pytorch.plugins.environments import ClusterEnvironment, LightningEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers.launcher import _Launcher
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor, nn

T = TypeVar("T")

BACKEND = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
SECONDS_TO_NOTICE = 30  # that the first process has to notice the end of another one, before it is ended too


class DDP(DDPStrategy):
    """Distributed data parallelism whose processes receive the config from the first one.

    The algorithm is PyTorch's (Li et al., 2020, https://arxiv.org/abs/2006.15704). By default Lightning runs the
    command line again in each process. In a sweep that would be the whole sweep, and the processes would train
    different configs: https://github.com/Lightning-AI/pytorch-lightning/pull/18175.

    Attributes:
        job: message for ``gan_lightning.commands.worker``: ``config``, plain and resolved, and ``rollbacks``.
    """

    job: dict[str, Any]

    def __init__(self) -> None:
        # Each backward pass reaches only one of the two networks.
        super().__init__(process_group_backend=BACKEND, find_unused_parameters=True)

    def _configure_launcher(self) -> None:
        self._launcher = Launcher(self)


class Launcher(_Launcher):
    """Starts the other processes of this machine while a function runs, unless ``torchrun`` has started them."""

    def __init__(self, strategy: DDP) -> None:
        self.strategy = strategy

    @property
    def is_interactive_compatible(self) -> bool:
        return False

    def kill(self, signum: Any) -> None:
        """Do nothing: the other processes end with the first one."""

    def launch(self, function: Callable[..., T], *args: Any, trainer: L.Trainer | None = None, **kwargs: Any) -> T:
        assert self.strategy.cluster_environment is not None
        if self.strategy.cluster_environment.creates_processes_externally:
            return function(*args, **kwargs)
        before, threads = dict(os.environ), torch.get_num_threads()
        share = threads if "OMP_NUM_THREADS" in os.environ else max(1, threads // self.strategy.num_processes)
        torch.set_num_threads(share)
        others = [self._start_process(rank, share) for rank in range(1, self.strategy.num_processes)]
        finished = threading.Event()
        threading.Thread(target=_exit_if_blocked, args=(others, finished), daemon=True).start()
        try:
            result = function(*args, **kwargs)
            for other in others:
                other.wait()
            return result
        finally:
            finished.set()
            for other in others:
                other.kill()
                other.wait()
            if dist.is_initialized():
                dist.destroy_process_group()
            for name in ("MASTER_ADDR", "MASTER_PORT"):  # set by Lightning; the next run of a sweep would reuse them
                if name not in before:
                    os.environ.pop(name, None)
            torch.set_num_threads(threads)

    def _start_process(self, rank: int, threads: int) -> subprocess.Popen[bytes]:
        assert self.strategy.cluster_environment is not None
        environment = os.environ | {
            "LOCAL_RANK": str(rank),
            "MASTER_ADDR": self.strategy.cluster_environment.main_address,
            "MASTER_PORT": str(self.strategy.cluster_environment.main_port),
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        }
        command = [sys.executable, "-m", "gan_lightning.commands.worker"]
        # A new session keeps the terminal's Ctrl-C from the process: the first process stops the others.
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdin is not None
        process.stdin.write(json.dumps(self.strategy.job).encode() + b"\n")
        process.stdin.flush()
        return process


def _exit_if_blocked(others: list[subprocess.Popen[bytes]], finished: threading.Event) -> None:
    """Exit if another process has failed and this one is still blocked after SECONDS_TO_NOTICE.

    Otherwise torch would wait half an hour for the lost process.
    """
    while not finished.wait(0.5):
        failed = [rank for rank, other in enumerate(others, 1) if other.poll()]
        if failed and not finished.wait(SECONDS_TO_NOTICE):
            message = f"error: process {failed[0]} of the run has ended: continue with resume=…"
            print(message, file=sys.stderr, flush=True)
            os._exit(2)


def first_process() -> bool:
    """Return True in the process that writes files: the only one, or the one of rank 0."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def launched_by_torchrun() -> bool:
    return dist.is_torchelastic_launched()


def torchrun_run_id() -> str | None:
    """Return the ``--rdzv-id`` of ``torchrun``, which stays the same over restarts; None if it was not given."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return None if name == "none" else name


def restarted_by_torchrun() -> bool:
    """Return True if ``torchrun`` counts a restart of any process; an elastic job need not count all of them."""
    return max_over_processes(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))) > 0


def cluster_environment() -> ClusterEnvironment:
    """Return Lightning's environment: of ``torchrun``, or of a first process that starts the others, also under Slurm.

    By default Lightning would expect Slurm to start them, and on its signals would save in the middle of an iteration.
    """
    return TorchElasticEnvironment() if launched_by_torchrun() else LightningEnvironment()


def join() -> None:
    """Under ``torchrun``, initialize the process group, which waits for all processes."""
    if launched_by_torchrun() and not dist.is_initialized():
        dist.init_process_group(BACKEND)


@contextmanager
def first_process_before_others() -> Iterator[None]:
    """Run the body in the first process, then in the others, so that they find the files it makes."""
    if dist.is_initialized() and not first_process():
        dist.barrier()
    yield
    if dist.is_initialized() and first_process():
        dist.barrier()


def broadcast_from_first(value: T) -> T:
    """Return the value of the first process."""
    values = [value]
    if dist.is_initialized():
        dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]


def copy_buffers_from_first(module: nn.Module) -> None:
    """Set the buffers of a module to those of the first process; Lightning does not, in runs of several optimizers."""
    if dist.is_initialized():
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def max_over_processes(value: float) -> float:
    """Return the largest value of all processes."""
    if not dist.is_initialized():
        return value
    values = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(values, dist.ReduceOp.MAX)
    return values.item()


def means_over_processes(scalars: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the mean of each scalar over all processes."""
    if not dist.is_initialized():
        return scalars
    sums = torch.stack([scalar.float() for scalar in scalars.values()])
    dist.all_reduce(sums)
    return dict(zip(scalars, sums / dist.get_world_size(), strict=True))


def caused_by_lost_process(error: RuntimeError) -> bool:
    """Return True if the error of this process was raised because another process has ended."""
    return isinstance(error, dist.DistError) or "gloo" in str(error) or "Connection closed by peer" in str(error)

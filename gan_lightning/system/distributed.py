"""One run in several processes, each with its share of every batch (data parallelism).

On one machine the first process begins the others; across machines ``torchrun`` begins all of them.
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
from torch import Tensor

T = TypeVar("T")

BACKEND = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
SECONDS_TO_NOTICE = 30  # that another process has ended, before the first one is ended too


class DDP(DDPStrategy):
    """Lightning's DDP (Li et al., 2020, https://arxiv.org/abs/2006.15704), with processes that are told the config.

    Lightning runs the command line again in each. In a sweep that is the whole sweep, and they train different
    configs: https://github.com/Lightning-AI/pytorch-lightning/pull/18175.

    Attributes:
        job: what ``gan_lightning.commands.worker`` is told: ``config``, plain and resolved, and ``rollbacks``.
    """

    job: dict[str, Any]

    def __init__(self) -> None:
        # Each backward pass reaches one of the two networks only.
        super().__init__(process_group_backend=BACKEND, find_unused_parameters=True)

    def _configure_launcher(self) -> None:
        self._launcher = Launcher(self)


class Launcher(_Launcher):
    """Begins the other processes of this machine for as long as one function runs, where nobody else has."""

    def __init__(self, strategy: DDP) -> None:
        self.strategy = strategy

    @property
    def is_interactive_compatible(self) -> bool:
        return False

    def kill(self, signum: Any) -> None:
        """They end when the first process does."""

    def launch(self, function: Callable[..., T], *args: Any, trainer: L.Trainer | None = None, **kwargs: Any) -> T:
        assert self.strategy.cluster_environment is not None
        if self.strategy.cluster_environment.creates_processes_externally:
            return function(*args, **kwargs)
        before, threads = dict(os.environ), torch.get_num_threads()
        share = threads if "OMP_NUM_THREADS" in os.environ else max(1, threads // self.strategy.num_processes)
        torch.set_num_threads(share)
        others = [self._begin(rank, share) for rank in range(1, self.strategy.num_processes)]
        over = threading.Event()
        threading.Thread(target=_end_without, args=(others, over), daemon=True).start()
        try:
            result = function(*args, **kwargs)
            for other in others:
                other.wait()
            return result
        finally:
            over.set()
            for other in others:
                other.kill()
                other.wait()
            if dist.is_initialized():
                dist.destroy_process_group()
            for name in ("MASTER_ADDR", "MASTER_PORT"):  # Lightning's, which the next run of a sweep would take over
                if name not in before:
                    os.environ.pop(name, None)
            torch.set_num_threads(threads)

    def _begin(self, rank: int, threads: int) -> subprocess.Popen[bytes]:
        assert self.strategy.cluster_environment is not None
        environment = os.environ | {
            "LOCAL_RANK": str(rank),
            "MASTER_ADDR": self.strategy.cluster_environment.main_address,
            "MASTER_PORT": str(self.strategy.cluster_environment.main_port),
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        }
        command = [sys.executable, "-m", "gan_lightning.commands.worker"]
        # In a session of its own: Ctrl-C is for the first process, which tells the others.
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdin is not None
        process.stdin.write(json.dumps(self.strategy.job).encode() + b"\n")
        process.stdin.flush()
        return process


def _end_without(others: list[subprocess.Popen[bytes]], over: threading.Event) -> None:
    """End this process if it does not notice that another has failed: it would wait for it half an hour."""
    while not over.wait(0.5):
        failed = [rank for rank, other in enumerate(others, 1) if other.poll()]
        if failed and not over.wait(SECONDS_TO_NOTICE):
            print(f"error: process {failed[0]} of the run has ended: resume=… goes on", file=sys.stderr, flush=True)
            os._exit(2)


def first_process() -> bool:
    """Whether this is the process that writes: the only one, or that of rank 0."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def launched_by_torchrun() -> bool:
    return dist.is_torchelastic_launched()


def torchrun_run_id() -> str | None:
    """What ``torchrun`` calls what it has begun, however often: ``--rdzv-id``; None where it has no name."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return None if name == "none" else name


def restarted_by_torchrun() -> bool:
    """Whether ``torchrun`` has begun some process again; where machines come and go it need not count that."""
    return max_over_processes(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))) > 0


def cluster_environment() -> ClusterEnvironment:
    """Who begins the processes of a run: ``torchrun``, or its first process, in a job of Slurm too.

    Lightning would have Slurm begin them, and on its signals save in the middle of an iteration.
    """
    return TorchElasticEnvironment() if launched_by_torchrun() else LightningEnvironment()


def join() -> None:
    """Under ``torchrun``, wait for all processes; from then on they can agree on things."""
    if launched_by_torchrun() and not dist.is_initialized():
        dist.init_process_group(BACKEND)


@contextmanager
def first_process_before_others() -> Iterator[None]:
    """What the first process makes, the others find."""
    if dist.is_initialized() and not first_process():
        dist.barrier()
    yield
    if dist.is_initialized() and first_process():
        dist.barrier()


def broadcast_from_first(value: T) -> T:
    """The value that the first process has."""
    values = [value]
    if dist.is_initialized():
        dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]


def max_over_processes(value: float) -> float:
    """The largest that any process has."""
    if not dist.is_initialized():
        return value
    values = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(values, dist.ReduceOp.MAX)
    return values.item()


def means_over_processes(figures: dict[str, Tensor]) -> dict[str, Tensor]:
    """Scalars, each as its mean over all processes."""
    if not dist.is_initialized():
        return figures
    values = torch.stack([figure.float() for figure in figures.values()])
    dist.all_reduce(values)
    return dict(zip(figures, values / dist.get_world_size(), strict=True))


def caused_by_lost_process(error: RuntimeError) -> bool:
    """Whether a process could not go on because another one is gone."""
    return isinstance(error, dist.DistError) or "gloo" in str(error) or "Connection closed by peer" in str(error)

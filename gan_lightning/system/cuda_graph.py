"""One iteration as a CUDA graph: all of its kernels in one launch.

The kernels of a small GAN take less time than their launches, several hundred an iteration. A graph launches them
together (https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). It can hold no value that Python computes
anew each iteration: what changes must be a tensor on the device.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves, tree_map

log = logging.getLogger(__name__)

Batch = Any  # tensors, in tuples and dicts
Update = Callable[[Batch], dict[str, Tensor]]

WARM_UP = 3  # iterations without: optimizers make their state in them, and cuDNN chooses its algorithms


class CapturedUpdate:
    """An ``update`` of batch to figures, replayed from a graph with the same results.

    The first iterations and batches of another shape, such as an epoch's last, run without it. What cannot be captured
    runs without it for good, after a line in the log. No hooks run in a replay, so there are no gradient norms.
    """

    def __init__(self, update: Update) -> None:
        self.update = update
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._refused = False
        self._batch: list[Tensor] = []
        self._names: list[str] = []
        self._figures = torch.empty(0)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        self._calls += 1
        if self._refused:
            return self.update(batch)
        device = _tensors(batch)[0].device
        if device.type != "cuda":
            return self._refuse(batch, f"needs a CUDA GPU, and this run is on {device}")
        if self._calls <= WARM_UP:
            return self._on_a_side_stream(batch)
        if self._graph is None:
            try:
                self._capture(batch)
            except (RuntimeError, ValueError) as error:
                return self._refuse(batch, f"this model cannot be captured: {str(error).splitlines()[0]}")
        pairs = list(zip(self._batch, _tensors(batch), strict=True))
        if any(new.shape != captured.shape for captured, new in pairs):
            return self.update(batch)
        assert self._graph is not None
        for captured, new in pairs:
            captured.copy_(new)
        self._graph.replay()
        return dict(zip(self._names, self._figures.clone(), strict=True))  # the next replay overwrites them

    def _capture(self, batch: Batch) -> None:
        """Record an iteration without running it."""
        batch = tree_map(lambda one: one.clone() if isinstance(one, Tensor) else one, batch)
        graph = torch.cuda.CUDAGraph()
        cached = torch.is_autocast_cache_enabled()
        torch.set_autocast_cache_enabled(False)  # a cached cast would be of the weights at the time of the capture
        try:
            with torch.cuda.graph(graph):
                figures = self.update(batch)
                self._figures = torch.stack([figure.float() for figure in figures.values()])
        finally:
            torch.set_autocast_cache_enabled(cached)
        self._names = list(figures)
        self._batch = _tensors(batch)
        self._graph = graph

    def _on_a_side_stream(self, batch: Batch) -> dict[str, Tensor]:
        """As torch asks for before a capture."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            figures = self.update(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return figures

    def _refuse(self, batch: Batch, why: str) -> dict[str, Tensor]:
        log.warning("model.cuda_graph=true: %s; going on without it", why)
        self._refused = True
        return self.update(batch)


def _tensors(batch: Batch) -> list[Tensor]:
    return [one for one in tree_leaves(batch) if isinstance(one, Tensor)]


def make_capturable(optimizer: Optimizer, device: torch.device) -> None:
    """Keep on the device what a step reads: the count of steps and the learning rate."""
    if device.type == "cuda":
        for group in optimizer.param_groups:
            if "capturable" in group:
                group["capturable"] = True
                group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)

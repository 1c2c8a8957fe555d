"""Runs a training iteration as a CUDA graph, which launches all of its kernels at once.

The kernels of a small GAN, several hundred an iteration, take less time than their launches. A graph launches them
together (https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). Values that Python computes are frozen at
the capture: a value that changes between iterations must be a tensor on the device.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves, tree_map

log = logging.getLogger(__name__)

Batch = Any  # tensors in tuples and dicts
Update = Callable[[Batch], dict[str, Tensor]]

WARM_UP = 3  # iterations before the capture: optimizers create their state, cuDNN selects its algorithms


class CapturedUpdate:
    """Training step that is captured once and then replayed from a CUDA graph, with the same results.

    The first ``WARM_UP`` iterations and batches of another shape, such as the last one of an epoch, run without the
    graph. If the step cannot be captured, a line in the log says so and all iterations run without. A replay runs no
    hooks, so there are no gradient norms.

    Args:
        update: training step: takes a batch and returns scalars by name.
    """

    def __init__(self, update: Update) -> None:
        self.update = update
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._refused = False
        self._batch: list[Tensor] = []
        self._names: list[str] = []
        self._values = torch.empty(0)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        self._calls += 1
        if self._refused:
            return self.update(batch)
        device = _tensors(batch)[0].device
        if device.type != "cuda":
            return self._refuse(batch, f"needs a CUDA GPU, and this run is on {device}")
        if self._calls <= WARM_UP:
            return self._update_on_side_stream(batch)
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
        return dict(zip(self._names, self._values.clone(), strict=True))  # the next replay overwrites the values

    def _capture(self, batch: Batch) -> None:
        """Record an iteration without running it."""
        batch = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, batch)
        graph = torch.cuda.CUDAGraph()
        cache_enabled = torch.is_autocast_cache_enabled()
        torch.set_autocast_cache_enabled(False)  # a replay would reuse casts of the weights at the capture
        try:
            with torch.cuda.graph(graph):
                values = self.update(batch)
                self._values = torch.stack([value.float() for value in values.values()])
        finally:
            torch.set_autocast_cache_enabled(cache_enabled)
        self._names = list(values)
        self._batch = _tensors(batch)
        self._graph = graph

    def _update_on_side_stream(self, batch: Batch) -> dict[str, Tensor]:
        """Run a warm-up iteration; torch requires another stream than the default before a capture."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            values = self.update(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return values

    def _refuse(self, batch: Batch, reason: str) -> dict[str, Tensor]:
        log.warning("model.cuda_graph=true: %s; continuing without it", reason)
        self._refused = True
        return self.update(batch)


def _tensors(batch: Batch) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor)]


def make_capturable(optimizer: Optimizer, device: torch.device) -> None:
    """Make the optimizer keep its step count and learning rate on the device, where a graph can read them."""
    if device.type == "cuda":
        for group in optimizer.param_groups:
            if "capturable" in group:
                group["capturable"] = True
                group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)

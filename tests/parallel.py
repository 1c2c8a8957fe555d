"""Callbacks and a prior for tests of runs in several processes."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import torch
import torch.distributed as dist

from gan_lightning.algorithms.priors import Normal
from gan_lightning.callbacks import Watcher

LATENTS = torch.randn(1024, 8, generator=torch.Generator().manual_seed(0))


class Notes(Watcher):
    """Callback that writes the seed and the images of each iteration, and the final weights, to ``notes_<rank>.pt``."""

    def on_train_start(self, trainer, pl_module):
        self.seeds, self.images = [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seeds.append(torch.initial_seed())
        self.images.append(batch[0].flatten(1).sum(1))

    def on_train_end(self, trainer, pl_module):
        weights = {name: weight.clone() for name, weight in pl_module.state_dict().items()}
        path = Path(trainer.default_root_dir, f"notes_{trainer.global_rank}.pt")
        torch.save({"seeds": self.seeds, "images": self.images, "weights": weights}, path)


class KilledOnce(Watcher):
    """Callback that kills the first process that reaches iteration 3; it leaves a file, so that later ones pass."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        with suppress(FileExistsError):
            if pl_module.iteration == 3:
                Path("killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)


class BadLoss(Watcher):
    """Callback that replaces the images of iteration 5 by NaN in the second process only."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_rank == 1 and pl_module.iteration == 4 and pl_module.rollbacks == 0:
            batch[0].fill_(float("nan"))


class SameLatents(Normal):
    """Prior with the same latents in each iteration, divided among processes as the images are."""

    def __call__(self, n, *, device=None, generator=None):
        if generator is not None:  # for evaluation and sample sheets
            return super().__call__(n, generator=generator)
        rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        return LATENTS[rank::processes, : self.shape[0]][:n]

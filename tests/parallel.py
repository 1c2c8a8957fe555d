"""Parts of a run that say what each of its processes has done."""

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
    """Writes ``notes_<rank>.pt``: the seed of each iteration's noise, its pictures, and the weights at the end."""

    def on_train_start(self, trainer, pl_module):
        self.seeds, self.pictures = [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seeds.append(torch.initial_seed())
        self.pictures.append(batch[0].flatten(1).sum(1))

    def on_train_end(self, trainer, pl_module):
        weights = {name: weight.clone() for name, weight in pl_module.state_dict().items()}
        path = Path(trainer.default_root_dir, f"notes_{trainer.global_rank}.pt")
        torch.save({"seeds": self.seeds, "pictures": self.pictures, "weights": weights}, path)


class KilledOnce(Watcher):
    """The first run that gets to its third iteration is killed; it leaves a file, and others pass."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        with suppress(FileExistsError):
            if pl_module.iteration == 3:
                Path("killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)


class BadLoss(Watcher):
    """In iteration 5 the second process, and only that one, gets pictures that are no numbers."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_rank == 1 and pl_module.iteration == 4 and pl_module.rollbacks == 0:
            batch[0].fill_(float("nan"))


class SameLatents(Normal):
    """In training the same in each iteration; of several processes each has those that belong to its pictures."""

    def __call__(self, n, *, device=None, generator=None):
        if generator is not None:  # what is judged and drawn
            return super().__call__(n, generator=generator)
        rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        return LATENTS[rank::processes, : self.shape[0]][:n]

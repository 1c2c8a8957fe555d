"""Two domains of images without pairs: dark squares on white, and coloured squares on black."""

from typing import Any

import torch

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.modalities.image import Images

SIZE = 12


class Domains(Data):
    """Squares at random places; content and conditions are drawn independently."""

    def __init__(
        self,
        sample_shape: list[int],
        condition_shape: list[int],
        batch_size: int,
        seed: int,
        examples: int,
        evaluator: Any = None,
    ) -> None:
        super().__init__(Images(*sample_shape), batch_size, seed, Images(*condition_shape), evaluator)
        self.number = examples

    def load(self) -> Examples:
        generator = torch.Generator().manual_seed(0)
        images = torch.zeros(2, self.number, 3, SIZE, SIZE, dtype=torch.uint8)
        images[1] = 255
        for i, (row, column) in enumerate(torch.randint(SIZE - 4, (self.number, 2), generator=generator)):
            images[0, i, i % 3, row : row + 4, column : column + 4] = 255
            images[1, -i - 1, :, row : row + 4, column : column + 4] = 64
        return Examples(images[0], images[1, :, : self.condition.sample_shape[0]])

    def order(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        content, condition = (torch.randperm(self.epoch_size, generator=generator) for _ in range(2))
        return content, condition

"""Base of models that are trained with differential privacy."""

from collections.abc import Iterable
from typing import Any, cast

from torch import nn

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.algorithms.privacy import DifferentialPrivacy
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError


class PrivateModel(GenerativeModel):
    """Mixin of models that see the rows only through mechanisms with noise.

    A subclass records each use of the rows in ``privacy``, whose state is part of the checkpoints.

    Args:
        privacy: the budget.
        settings: see the model.

    Raises:
        ValueError: without a budget.
    """

    privacy: DifferentialPrivacy

    def __init__(self, *args: Any, privacy: DifferentialPrivacy | None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if privacy is None:
            raise ValueError(f"{type(self).__name__} is trained with differential privacy: set privacy=dp")
        self.privacy = privacy

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit":
            check_private_data(self.data, self.privacy)
            if self.trainer.world_size > 1:
                raise UserError(
                    f"trainer.devices={self.trainer.world_size}: privacy is accounted for in one process: "
                    "set trainer=default"
                )
            if self.rollbacks:
                raise UserError(
                    "on_divergence=rollback: what a run has learned of the rows before it diverged is spent: "
                    "set on_divergence=stop"
                )

    @property
    def data(self) -> Data:
        """The data module of the run."""
        return cast(Data, self.trainer.datamodule)  # type: ignore[attr-defined]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["privacy"] = self.privacy.record()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.privacy.restore(checkpoint["privacy"])


def check_private_data(data: Data, privacy: DifferentialPrivacy) -> None:
    """Raise UserError if anything that a model of the data publishes depends on rows without noise."""
    if not data.declared:
        raise UserError(
            "privacy=dp: the bins or the values of columns are inferred from the rows: declare them, with edges, in a "
            "schema (data=table data.schema=…), or take data=adult_declared or data=breast_cancer_declared"
        )
    if data.condition is not None:
        raise UserError(
            "privacy=dp: labels to generate samples for are drawn as often as the rows have them: set conditional=false"
        )
    if privacy.delta * data.epoch_size >= 1:
        raise UserError(
            f"privacy.delta={privacy.delta:g}: allows to publish one of {data.epoch_size:,} rows: less than "
            f"{1 / data.epoch_size:.2g}"
        )


def check_private_counting(models: Iterable[nn.Module]) -> None:
    """Raise ValueError unless the counts of counting models are all that these learn of the rows."""
    for model in models:
        if getattr(model, "has_tree", True):
            raise ValueError(
                f"generator {type(model).__name__}: its tree is chosen by the rows without noise: set structure=label "
                "or structure=independent"
            )

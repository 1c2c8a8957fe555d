"""The base class of data sets of tables."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, NotRequired, Unpack

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning.data.canaries import Canaries, draw_canaries, plant
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.marks import Serving
from gan_lightning.modalities.column_value import ColumnValue
from gan_lightning.modalities.samples import Sample
from gan_lightning.modalities.table import Table
from gan_lightning.system.randomness import CONDITIONS, derived_seed

Share = Annotated[float, Field(ge=0, lt=1)]  # share of the rows that are the test set; 0 for none


class TableSettings(TypedDict):
    """Settings that every table takes; see :class:`TableData`."""

    columns: Mapping[str, Any]
    target: str | None
    batch_size: PositiveInt
    blocks: Sequence[PositiveInt]
    sample_shape: Sequence[PositiveInt]
    num_classes: PositiveInt | None
    target_block: NonNegativeInt | None
    seed: NonNegativeInt
    constraints: NotRequired[Sequence[str]]
    conditional: NotRequired[bool]
    evaluator: NotRequired[Any]
    canaries: NotRequired[NonNegativeInt]
    canary_copies: NotRequired[PositiveInt]


class SplitTableSettings(TableSettings):
    """Settings that every table without an official test set takes; see :class:`SplitTable`."""

    test_share: Share
    split_seed: NonNegativeInt


class TableData(Data):
    """Rows of a table: content (N, columns) float64, conditions (N,) the labels of the target.

    The labels are always loaded; the model gets them only if it is conditional. The bins of numbers are fitted to the
    training rows. Canaries are training rows in all respects: bins and the shares of labels include them.

    Args:
        columns: the schema: the description of each column, by its name.
        target: name of the column that classifiers predict and that a model can be conditioned on, a category; None
            if there is none.
        batch_size: number of rows in a batch, as for :class:`Data`.
        blocks: number of slots of each column, which the schema sets; None not to check it.
        sample_shape: [number of slots of all columns].
        num_classes: number of values of the target; None without a target.
        target_block: index of the target's column; None without a target.
        constraints: constraints between columns that all generated rows keep, such as ``admitted <= discharged``, as
            for :class:`Table`. Training rows and test rows must keep them.
        conditional: if True, the model gets the labels.
        seed: seed of the order of rows.
        evaluator: evaluator that measures samples, as for :class:`Data`.
        canaries: number of canaries to plant into the training rows, to see whether a generator repeats them.
        canary_copies: number of copies of each canary.

    Attributes:
        labels: modality of the target's values, whether or not the model is conditional; None without a target.
        target: index of the target's column; None without a target.
    """

    modality: Table

    def __init__(
        self,
        columns: Mapping[str, Any],
        target: str | None,
        batch_size: PositiveInt,
        blocks: Sequence[PositiveInt],
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt | None,
        target_block: NonNegativeInt | None,
        seed: NonNegativeInt,
        constraints: Sequence[str] = (),
        conditional: Serving[bool] = False,
        evaluator: Any = None,
        canaries: NonNegativeInt = 0,
        canary_copies: PositiveInt = 8,
    ) -> None:
        modality = Table(columns, constraints)
        self.target: int | None = None
        self.labels: ColumnValue | None = None
        if target is not None:
            self.target, self.labels = _find_target(modality, target)
        if conditional and self.labels is None:
            raise UserError("conditional=true: the table has no target: data.target=…, a column with categories")
        super().__init__(modality, batch_size, seed, self.labels if conditional else None, evaluator)
        self.num_classes = num_classes
        self.canary_count, self.canary_copies = canaries, canary_copies
        expected = {
            "blocks": modality.blocks,
            "sample_shape": list(modality.sample_shape),
            "num_classes": self.labels.num_classes if self.labels else None,
            "target_block": self.target,
        }
        given = (list(blocks), list(sample_shape), num_classes, target_block)
        for (key, value), found in zip(expected.items(), given, strict=True):
            if found != value:
                raise UserError(f"data.{key}={found}: must be {value}, as data.columns has it: leave it as it was")

    @abstractmethod
    def read(self) -> tuple[Tensor, Tensor | None]:
        """Return the rows (n, columns) of the training set and of the test set; None if there is no test set."""

    @cached_property
    def _rows(self) -> tuple[Tensor, Tensor | None]:
        return self.read()

    @cached_property
    def canaries(self) -> Canaries | None:
        """The canaries, which depend on the training rows alone, not on the seed of a run; None without canaries."""
        return draw_canaries(self._rows[0], self.canary_count) if self.canary_count else None

    def load(self) -> Examples:
        rows, _ = self._rows
        if len(rows) < rows.shape[1]:
            raise UserError(
                f"data: {len(rows):,} training rows for {rows.shape[1]} columns: a model needs more rows than columns: "
                "add rows, or leave columns out"
            )
        if self.canaries is not None:
            rows = plant(rows, self.canaries.planted, self.canary_copies)
        self.modality.fit(rows)
        examples = self._examples(rows)
        if self.labels is not None:
            assert isinstance(examples.condition, Tensor)
            self.labels.fit(examples.condition)
        return examples

    def load_test(self) -> Examples | None:
        _, rows = self._rows
        return None if rows is None else self._examples(rows)

    @property
    def reference_examples(self) -> Examples:
        """The training rows without the canaries."""
        return self.examples if self.canaries is None else self._examples(self._rows[0])

    def describe(self) -> dict[str, Any]:
        planted = {"canaries": self.canary_count, "canary_copies": self.canary_copies} if self.canary_count else {}
        return super().describe() | planted

    def _examples(self, rows: Tensor) -> Examples:
        return Examples(rows, None if self.target is None else rows[:, self.target].long())

    def sample_conditions(self, n: int, seed: int) -> Sample | None:
        """Return n random labels, drawn as often as the training rows have them; None for an unconditional model."""
        if self.condition is None or self.labels is None:
            return None
        return self.labels.draw(n, torch.Generator().manual_seed(derived_seed(seed, CONDITIONS)))


def _find_target(modality: Table, target: str) -> tuple[int, ColumnValue]:
    """Return the index of the target's column and the modality of its values; raise UserError unless it has classes."""
    try:
        index = modality.index(target)
    except UserError as error:
        raise UserError(f"data.target={error}") from error
    column = modality.columns[index]
    if not column.is_category:
        raise UserError(
            f"data.target={target}: is of kind {column.kind}: must be a category: name another column, or set "
            f"its kind to category, with its values, in the schema; data.target=null: no target"
        )
    if column.missing:
        raise UserError(f"data.target={target}: has missing values: fill them in, or remove these rows")
    return index, ColumnValue(column)


class SplitTable(TableData):
    """A table without an official test set: rows that are chosen at random are the test set.

    Args:
        test_share: share of the rows that are the test set, at least one row; 0 for no test set.
        split_seed: seed of the choice of the test set, independent of the seed of a run.
        settings: see :class:`TableData`.
    """

    def __init__(
        self,
        test_share: Share,
        split_seed: NonNegativeInt,
        **settings: Unpack[TableSettings],
    ) -> None:
        super().__init__(**settings)
        self.test_share, self.split_seed = test_share, split_seed

    @abstractmethod
    def read_all(self) -> Tensor:
        """Return all rows (n, columns)."""

    def read(self) -> tuple[Tensor, Tensor | None]:
        rows = self.read_all()
        self.modality.check_constraints(rows, "data")
        return split_rows(rows, self.test_share, self.split_seed)


def split_rows(rows: Tensor, test_share: float, seed: int) -> tuple[Tensor, Tensor | None]:
    """Return training rows and test rows, chosen at random and in their order; see :class:`SplitTable`."""
    if not test_share:
        return rows, None
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    count = max(round(test_share * len(rows)), 1)
    return rows[order[count:].sort().values], rows[order[:count].sort().values]

"""The modality of tables: rows with columns of several kinds."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gan_lightning.errors import UserError, listed, missing_extra
from gan_lightning.modalities.bins import draw_in_bins, find_segments, fit_column
from gan_lightning.modalities.columns import Column, describe_columns, read_schema
from gan_lightning.modalities.constraints import Constraints
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample
from gan_lightning.modalities.table_files import read_content, read_csv
from gan_lightning.modalities.table_sheet import draw_table

if TYPE_CHECKING:  # needs an extra
    import polars

HASH_STEP = 0x9E3779B97F4A7C15  # of splitmix64
HASH_FACTORS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


class Table(Modality):
    """Tables: content (n, columns) float64, samples (n, D) float, the one-hot vectors of all columns.

    Content is described by :class:`~gan_lightning.modalities.columns.Column`: the index of a category, a number, or a
    date as a number of days; NaN where a value is missing. Each column is one block of a sample: a slot for each
    category, or for each bin of a number or a date, and at last one for missing values if the column has them.

    ``fit`` chooses the bins that the schema does not declare; they are the state of the modality. A value beyond the
    bins is encoded as the first or the last one. In a bin that is not an atom, ``decode`` chooses the value by a hash
    of the row, and changes values that violate a constraint between columns. Equal samples are therefore equal rows: no
    other random state is needed to generate a signed table again.

    A file has a header and one row for each sample.

    Args:
        columns: the description of each column, by its name.
        constraints: constraints that all rows that ``decode`` returns keep, such as ``admitted <= discharged``; see
            :class:`~gan_lightning.modalities.constraints.Constraints`.

    Attributes:
        columns: the columns, in the order of the file.
        bins: for each column with bins, by its name, the lowest and the highest value of each (bins, 2).
    """

    suffix = ".csv"
    media_type = "text/csv"
    content_dtype = torch.float64

    def __init__(self, columns: Mapping[str, Mapping[str, Any]], constraints: Sequence[str] = ()) -> None:
        self.columns = read_schema(columns, "columns")
        self.constraints = Constraints(constraints, self.columns, "data.constraints")
        self.sample_shape = (sum(self.blocks),)
        self._set_bins({})

    @property
    def blocks(self) -> list[int]:
        """Number of slots of each column."""
        return [column.size for column in self.columns]

    @property
    def declared(self) -> bool:
        """True if the slots of no column depend on rows, as differential privacy needs."""
        return all(column.declared for column in self.columns)

    @property
    def content_shape(self) -> tuple[int, ...]:
        return (len(self.columns),)

    @property
    def schema(self) -> dict[str, dict[str, Any]]:
        """Description of each column, from which an equal modality without constraints can be constructed."""
        return describe_columns(self.columns)

    def index(self, name: str) -> int:
        """Return the index of a column; raise UserError if there is none of this name."""
        names = [column.name for column in self.columns]
        if name not in names:
            raise UserError(f"{name}: there is no column of this name: the columns are {listed(names)}")
        return names.index(name)

    def fit(self, content: Tensor) -> None:
        """Choose the bins of numbers and dates that the schema does not declare, by content (n, columns)."""
        self._set_bins(
            {
                column.name: fit_column(column, numbers)
                for column, numbers in zip(self.columns, content.numpy().T, strict=True)
                if not column.declared
            }
        )

    def _set_bins(self, fitted: dict[str, Tensor]) -> None:
        declared = {
            column.name: torch.from_numpy(column.declared_bins) for column in self.columns if column.edges is not None
        }
        self.bins: dict[str, Tensor] = declared | fitted
        self._thresholds: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def codes(self, content: Tensor) -> Tensor:
        """Return the slots (n, columns) int64 of content (n, columns), each counted within its block."""
        thresholds, segments = self._segments(content.device)
        found = torch.searchsorted(thresholds, content.T.contiguous(), right=True)
        slots = segments.gather(1, found.clamp(max=segments.shape[1] - 1)).T
        return torch.where(content.isnan(), torch.tensor(self._missing_slots, device=content.device), slots)

    def _segments(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the thresholds (columns, m) between segments of numbers, and the slot of each (columns, m + 1)."""
        self._check_fitted()
        if device not in self._thresholds:
            found = [self._segments_of(column) for column in self.columns]
            most = max(len(thresholds) for thresholds, _ in found)
            padded = [np.pad(one, (0, most - len(one)), constant_values=np.inf) for one, _ in found]
            slots = [np.pad(one, (0, most + 1 - len(one)), "edge") for _, one in found]
            arrays = torch.from_numpy(np.stack(padded)), torch.from_numpy(np.stack(slots))
            self._thresholds[device] = arrays[0].to(device), arrays[1].to(device)
        return self._thresholds[device]

    def _segments_of(self, column: Column) -> tuple[np.ndarray, np.ndarray]:
        if column.edges is not None:
            return np.array(column.edge_numbers[1:-1]), np.arange(column.slots)
        if not column.is_category:
            return find_segments(self.bins[column.name].numpy())
        return np.arange(1, column.slots) - 0.5, np.arange(column.slots)

    @cached_property
    def _missing_slots(self) -> list[int]:
        return [column.size - 1 for column in self.columns]

    @cached_property
    def _starts(self) -> list[int]:
        """Index of the first slot of each block in a sample."""
        return np.cumsum([0, *self.blocks[:-1]]).tolist()

    def _check_fitted(self) -> None:
        if self.bins.keys() != {column.name for column in self.columns if not column.is_category}:
            raise ValueError("the bins of the table have not been fitted: call fit, or load a state")

    def encode(self, content: Content) -> Sample:
        assert isinstance(content, Tensor)
        codes = self.codes(content) + torch.tensor(self._starts, device=content.device)
        return torch.zeros(len(content), *self.sample_shape, device=content.device).scatter_(1, codes, 1.0)

    def decode(self, sample: Sample) -> Content:
        assert isinstance(sample, Tensor)
        return self.from_codes(torch.stack([block.max(1).indices for block in sample.split(self.blocks, 1)], 1))

    def from_codes(self, codes: Tensor) -> Tensor:
        """Return the content (n, columns) of slots (n, columns), which ``codes`` returns."""
        self._check_fitted()
        slots = codes.cpu().numpy()
        row, content = _hash_rows(slots), np.empty(slots.shape)
        for i, column in enumerate(self.columns):
            numbers = slots[:, i].astype(float)
            if not column.is_category:
                bins = self.bins[column.name].numpy()
                inside = slots[:, i].clip(max=column.slots - 1)  # those that are missing are replaced below
                numbers = draw_in_bins(bins, inside, _uniform(row, i), column.grid)
            numbers[slots[:, i] >= column.slots] = np.nan
            content[:, i] = numbers
        bins_of = {name: bins.numpy() for name, bins in self.bins.items()}
        self.constraints.repair(content, slots, bins_of, lambda i: _uniform(row, len(self.columns) + i))
        return torch.from_numpy(content)

    def check_constraints(self, content: Tensor, where: object) -> None:
        """Raise UserError if rows (n, columns) violate a constraint: how many, and the number of the first."""
        self.constraints.check(content.numpy(), where)

    def texts(self, content: Tensor) -> list[list[str]]:
        """Return the texts of the cells of content, one list for each column; the text of a missing value is empty."""
        return [column.write(one) for column, one in zip(self.columns, content.numpy().T, strict=True)]

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        assert isinstance(content, Tensor)
        return draw_table(self.columns, self.bins, content)

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        path = folder / f"samples{self.suffix}"
        with path.open("a" if start else "w", encoding="utf-8", newline="") as file:
            if not start:
                file.write(_format_rows([[column.name] for column in self.columns]))
            file.write(_format_rows(self.texts(content)))
        return [path]

    def read_file(self, path: Path) -> Tensor:
        """Return the rows of a CSV or Parquet file that has all columns of the table; other columns are left out."""
        return read_content(path, self.columns)

    def check(self, content: Content, where: object = "content") -> Content:
        super().check(content, where)
        assert isinstance(content, Tensor)
        for column, numbers in zip(self.columns, content.numpy().T, strict=True):
            if (found := column.problem(numbers)) is not None:
                row, reason = found
                raise UserError(f"{where}: row {row + 1}: {column.name}={numbers[row]:g} {reason}")
        return content

    def frame(self, content: Tensor) -> "polars.DataFrame":
        """Return content as a data frame of polars: Enum, Int64, Float64 and Date, with nulls for missing values."""
        try:
            import polars
        except ImportError as error:
            raise missing_extra("a data frame", "tables") from error
        series = []
        for column, numbers in zip(self.columns, content.numpy().T, strict=True):
            if column.is_category:
                texts = [text or None for text in column.write(numbers)]
                series.append(polars.Series(column.name, texts, polars.Enum(column.values)))
                continue
            kind = {"integer": polars.Int64, "real": polars.Float64, "date": polars.Int32}[column.kind]
            one = polars.Series(column.name, numbers, polars.Float64).fill_nan(None).cast(kind)
            series.append(one.cast(polars.Date) if column.kind == "date" else one)
        return polars.DataFrame(series)

    @classmethod
    def digest(cls, path: Path) -> str:
        """Return the SHA-256 of the cells of a CSV file, whatever their quotes and the ends of its lines."""
        digest = hashlib.sha256()
        for row in read_csv(path):
            canonical = io.StringIO()
            csv.writer(canonical, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(row)
            digest.update(canonical.getvalue().encode())
        return digest.hexdigest()

    def state(self) -> dict[str, Any]:
        fitted = {column.name for column in self.columns if not column.declared}
        bins = {name: one for name, one in self.bins.items() if name in fitted}
        return {"bins": bins} if bins else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        bins = state.get("bins", {})
        expected = {column.name: (column.slots, 2) for column in self.columns if not column.declared}
        if state.keys() - {"bins"} or {name: tuple(one.shape) for name, one in bins.items()} != expected:
            raise ValueError(
                f"bins of {listed(list(bins)) or 'nothing'} do not fit the columns {listed(list(expected))}"
            )
        self._set_bins({name: one.double() for name, one in bins.items()})


def _format_rows(texts: Sequence[Sequence[str]]) -> str:
    """Return cells, given as one list for each column, as the rows of a CSV file."""
    rows = "\n".join(map(",".join, zip(*texts, strict=True))) + "\n"
    cells = len(texts) * len(texts[0])
    is_plain = rows.count(",") + rows.count("\n") == cells and '"' not in rows and "\r" not in rows
    if is_plain and len(texts) > 1:  # an empty cell alone needs quotes
        return rows
    quoted = io.StringIO()
    csv.writer(quoted, lineterminator="\n").writerows(zip(*texts, strict=True))
    return quoted.getvalue()


def _hash_rows(slots: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash (n,) of rows of slots (n, columns)."""
    state = np.zeros(len(slots), np.uint64)
    for column in slots.T.astype(np.uint64):
        state = _mix(state ^ column)
    return state


def _uniform(state: np.ndarray, counter: int) -> np.ndarray:
    """Return a number in [0, 1) for each hash (n,) and a counter."""
    return (_mix(state + np.uint64(counter)) >> np.uint64(11)) * 2.0**-53


def _mix(state: np.ndarray) -> np.ndarray:
    """Return the next values of splitmix64 (Steele et al., 2014) for states (n,) uint64."""
    state = state + np.uint64(HASH_STEP)
    for shift, factor in HASH_FACTORS:
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return state ^ (state >> np.uint64(31))

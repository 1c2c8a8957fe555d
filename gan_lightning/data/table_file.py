"""The data set of a user's own table: a CSV or Parquet file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Unpack

from pydantic import Field
from torch import Tensor

from gan_lightning.data.table import SplitTable, SplitTableSettings
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.table_files import read_content

Delimiter = Annotated[str, Field(min_length=1, max_length=1)]


class TableFile(SplitTable):
    """Rows of a CSV file in UTF-8 or of a Parquet file; columns that the schema does not name are left out.

    Args:
        csv: the file.
        schema: YAML file with the schema; None if the schema was inferred from the file.
        delimiter: character between the cells of a CSV file.
        drop: columns that an inferred schema leaves out.
        licence: licence of the table, for statements about samples; an SPDX identifier such as ``CC-BY-4.0``.
        settings: see :class:`SplitTable`.
    """

    def __init__(
        self,
        csv: Location[str],
        schema: Location[str | None] = None,
        delimiter: WithoutEffect[Delimiter] = ",",
        drop: WithoutEffect[Sequence[str]] = (),
        licence: str | None = None,
        **settings: Unpack[SplitTableSettings],
    ) -> None:
        super().__init__(**settings)
        self.path = Path(csv).expanduser()
        self.delimiter = delimiter
        self.has_schema = schema is not None
        self.source, self.licence = self.path.name, licence

    @property
    def declared(self) -> bool:
        return self.has_schema and super().declared

    def read_all(self) -> Tensor:
        return read_content(self.path, self.modality.columns, self.delimiter)

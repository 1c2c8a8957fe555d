"""Public tables of the UCI Machine Learning Repository, as its files or as CSV files with a header."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from pydantic import NonNegativeInt
from torch import Tensor

from gan_lightning.data.downloads import Source, SourceFiles
from gan_lightning.data.german_codes import CODES
from gan_lightning.data.table import Share, TableData, TableSettings, split_rows
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.columns import Column
from gan_lightning.modalities.table_files import Cells, parse_cells, read_csv, read_rows

UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"


class Files(SourceFiles):
    """The folder of the files of a public table.

    Args:
        root: the folder.
        download: if True, a missing file is downloaded.
        sha256: SHA-256 of the rows, which ``check`` compares; None for any.
        sources: the files.
    """

    def __init__(self, root: str, download: bool, sha256: str | None, sources: Sequence[Source]) -> None:
        super().__init__(root, download, sources)
        self.sha256 = sha256

    def check(self, rows: Sequence[Tensor]) -> None:
        """Raise UserError unless the rows of all files together have the SHA-256."""
        found = hashlib.sha256(b"".join(one.numpy().tobytes() for one in rows)).hexdigest()
        if self.sha256 not in (None, found):
            raise UserError(
                f"data.root={self.root}: the rows have SHA-256 {found}, expected {self.sha256}: delete the files, and "
                "they will be downloaded again; data.sha256=null for rows or values that you have changed"
            )


def read_table(path: Path, columns: Sequence[Column], delimiter: str = ",") -> Cells:
    """Return the cells of a table, with a header or without, in the columns' order; spaces around them do not count.

    Lines that start with a vertical bar are comments, as in files of C4.5.
    """
    names = [column.name for column in columns]
    first = next(read_csv(path), [])
    with_header = [one.strip() for one in first] == names
    cells = read_rows(path) if with_header else read_rows(path, delimiter, names, comment="|")
    return {name: [text.strip() for text in texts] for name, texts in cells.items()}


class PublicTable(TableData):
    """Base class of public tables in one file, or in one of training rows and one of test rows.

    Args:
        root: folder that holds the files.
        download: if True, missing files are downloaded.
        sha256: SHA-256 of the rows; None for any.
        test_share: share of the rows that are the test set, for a table in one file; see :class:`SplitTable`.
        split_seed: seed of the choice of these rows.
        settings: see :class:`TableData`.

    Attributes:
        sources: the files, which a subclass names.
        delimiter: character between the cells of the UCI's files.
    """

    sources: Sequence[Source]
    delimiter = ","

    def __init__(
        self,
        root: Location[str],
        download: WithoutEffect[bool],
        sha256: WithoutEffect[str | None],
        test_share: Share = 0.0,
        split_seed: NonNegativeInt = 0,
        **settings: Unpack[TableSettings],
    ) -> None:
        super().__init__(**settings)
        self.files = Files(root, download, sha256, self.sources)
        self.test_share, self.split_seed = test_share, split_seed

    def prepare_data(self) -> None:
        self.files.prepare()

    def read(self) -> tuple[Tensor, Tensor | None]:
        sets = [self._read_file(path) for path in self.files.paths()]
        self.files.check(sets)
        return (sets[0], sets[1]) if len(sets) == 2 else split_rows(sets[0], self.test_share, self.split_seed)

    def _read_file(self, path: Path) -> Tensor:
        columns = self.modality.columns
        rows = parse_cells(path, columns, self.translate(read_table(path, columns, self.delimiter)))
        self.modality.check_constraints(rows, path)
        return rows

    @abstractmethod
    def translate(self, cells: Cells) -> Cells:
        """Return the cells with the values that the schema has in place of those of the file."""


class Adult(PublicTable):
    """UCI Adult (Kohavi & Becker, 1996): 32,561 people of the census of 1994 and 16,281 of the official test set.

    The target says whether a person earned more than 50,000 dollars a year.
    """

    source, licence = "Adult, https://archive.ics.uci.edu/dataset/2", "CC-BY-4.0"
    sources = (
        Source(
            "adult.data",
            f"{UCI}/adult/adult.data",
            "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            "adult.csv",
        ),
        Source(
            "adult.test",
            f"{UCI}/adult/adult.test",
            "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
            "adult_test.csv",
        ),
    )

    def translate(self, cells: Cells) -> Cells:
        """Return the cells without the dot that ends the labels of the test set."""
        return cells | {"income": [text.removesuffix(".") for text in cells["income"]]}


class Heart(PublicTable):
    """UCI Heart Disease (Janosi et al., 1989): 303 patients in Cleveland with 13 measurements and a diagnosis.

    The file tells four kinds of disease, 1 to 4; as in most of the literature, they are one class, 1.
    """

    source, licence = "Heart Disease, https://archive.ics.uci.edu/dataset/45", "CC-BY-4.0"
    sources = (
        Source(
            "processed.cleveland.data",
            f"{UCI}/heart-disease/processed.cleveland.data",
            "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
            "cleveland.csv",
        ),
    )

    def translate(self, cells: Cells) -> Cells:
        whole = {name: [text.removesuffix(".0") for text in texts] for name, texts in cells.items()}
        return whole | {"num": [text if text == "0" else "1" for text in whole["num"]]}


class GermanCredit(PublicTable):
    """UCI German credit (Hofmann, 1994): 1,000 applicants for a credit with 20 attributes and their credit risk.

    The codes of the UCI's file are replaced by their meanings.
    """

    source, licence = "Statlog (German Credit Data), https://archive.ics.uci.edu/dataset/144", "CC-BY-4.0"
    sources = (
        Source(
            "german.data",
            f"{UCI}/statlog/german/german.data",
            "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
            "german_credit.csv",
        ),
    )
    delimiter = " "

    def translate(self, cells: Cells) -> Cells:
        return {name: [CODES.get((name, text), text) for text in texts] for name, texts in cells.items()}

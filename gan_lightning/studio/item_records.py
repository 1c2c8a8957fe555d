"""The record.json of an item of the gallery."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan_lightning.errors import printable

RECORD, PREVIEW = "record.json", "preview.png"

FileName = Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,250}$")]
Text = Annotated[str, Field(max_length=2000)]


class Words(BaseModel):
    """How a sample was generated, and who signed it."""

    checkpoint: Text
    seed: Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
    index: int | None
    n: int
    condition: Text | None = None
    truncation: float = 1.0
    edit: Text | None = None
    signer: Text
    model_name: Text


class LedgerLine(BaseModel):
    line: int


class ItemRecord(BaseModel):
    """Content of an item's record.json.

    Attributes:
        title: title of the item.
        kept: time at which it was kept, seconds since 1970.
        run: id of the run in the library.
        run_name: name of the run.
        media_type: media type of the file.
        file: name of the file in the folder of the item.
        preview: name of a PNG file that shows the sample.
        artifact: digest of the content, by which a contract names it.
        words: how the sample was generated, and who signed it.
        ledger: line of the ledger that holds its record.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    title: Text
    kept: float
    run: Text
    run_name: Text
    media_type: Annotated[str, Field(pattern=r"^[\w.+-]{1,50}/[\w.+-]{1,100}$")]
    file: FileName
    preview: FileName = PREVIEW
    artifact: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    words: Words
    ledger: LedgerLine | None = None


def parse_record(text: str | None) -> ItemRecord | str:
    """Return the content of a record.json, or what is wrong with it."""
    if text is None:
        return f"{RECORD} cannot be read"
    try:
        return ItemRecord.model_validate_json(text)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"])) or "its JSON"
        return printable(f"{RECORD} is damaged: {field[:100]}")

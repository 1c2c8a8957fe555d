"""``gan-schema``: infers the schema of a table from a CSV or Parquet file."""

from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser

HELP = """Write what the columns of a table hold, as YAML that you can edit: kinds, values and numbers of bins.

    gan-schema patients.csv --target diagnosis --output schema.yaml
    python train.py data=table data.csv=patients.csv data.schema=schema.yaml data.target=diagnosis

Delete a column from the schema to leave it out. Kinds: category (names), ordered (names in their order), integer, real,
date. Add minimum and maximum to a number for limits that all generated rows keep. Bins are fitted to the rows; write
edges in place of bins to declare them, as differential privacy needs: edges: [0, 1, 10, 100], or
edges: {from: 0, to: 100, step: 5}.
"""


@command
def main() -> None:
    parser = Parser(prog="gan-schema", description=HELP)
    parser.add_argument("file", metavar="FILE", type=Path, help="CSV file in UTF-8 with a header, or Parquet file")
    parser.add_argument("--target", metavar="COLUMN", help="column to predict, a category even if it has numbers")
    parser.add_argument("--output", metavar="FILE", type=Path, help="file to write; the terminal if it is not given")
    parser.add_argument("--delimiter", metavar="D", default=",", help="character between the cells of a CSV file (,)")
    parser.add_argument("--drop", metavar="COLUMN", action="append", default=[], help="column to leave out; repeatable")
    arguments = parser.parse_args()

    from gan_lightning.data.table_schema import format_schema, infer_schema  # slow to import
    from gan_lightning.errors import os_errors_as_user_errors
    from gan_lightning.files import write_text_file

    schema = infer_schema(arguments.file, arguments.delimiter, arguments.target, arguments.drop, "--drop")
    if arguments.output is None:
        print(format_schema(schema), end="")
        return
    text = f"# Schema of {arguments.file.name}, inferred by gan-schema.\n{format_schema(schema)}"
    with os_errors_as_user_errors(f"--output {arguments.output}"):
        write_text_file(arguments.output, text)
    print(arguments.output)


if __name__ == "__main__":
    main()

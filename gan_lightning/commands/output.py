"""Functions about output files that ``gan-generate``, ``gan-stylize`` and ``gan-export`` share."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.files import make_folder, write_atomically


def check_file_name(output: Path, suffix: str) -> None:
    """Raise UserError unless ``output`` can be the name of a file that ends in ``suffix``."""
    if output.suffix != suffix or output.is_dir():
        raise UserError(f"output={output}: the name of a {suffix} file is needed")


@contextmanager
def complete_output(output: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or a folder, and rename it to ``output`` at the end.

    After an error, nothing is left: neither the temporary file nor a folder that was made for it.

    Raises:
        UserError: if the system does not allow it; the message starts with ``output=…``.
    """
    with os_errors_as_user_errors(f"output={output}"):
        path = output.resolve()  # "." has no name of its own
        new_folder = not path.parent.exists()
        try:
            make_folder(path.parent)
            with write_atomically(path) as unfinished:
                yield unfinished
        finally:
            if new_folder:
                with suppress(OSError):  # the folder is not empty
                    path.parent.rmdir()


def output_beside(asked: str | None, beside: Path, **inputs: Path) -> Path:
    """Return the path of a result: the one asked for, which may be replaced, or a new one beside an input.

    Args:
        asked: ``output`` of the command; None for ``beside``.
        beside: the path if none is asked for.
        inputs: the files that the command reads, by their keys.

    Raises:
        UserError: if the path is that of an input, or if the file beside the input exists.
    """
    if asked is None:
        if beside.exists():
            raise UserError(f"output={beside}: exists already: move it away, or add output=… to replace it")
        return beside
    output = Path(asked)
    for key, path in inputs.items():
        if output.exists() and path.exists() and output.samefile(path):
            raise UserError(f"output={output}: is the {key} itself: give another name")
    return output

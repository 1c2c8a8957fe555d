"""Downloads of data sets, which leave no empty folders and no traceback when they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from gan_lightning.errors import UserError


@contextmanager
def downloading(folder: Path, what: str, remedy: str) -> Iterator[None]:
    """Raise UserError if the download in the body of ``with`` fails, and remove the empty folders that it created.

    Args:
        folder: the folder that the body creates for the files.
        what: beginning of the message, such as ``data.root=data: MNIST``.
        remedy: end of the message.
    """
    created = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        yield
    except (RuntimeError, OSError, EOFError, HTTPException) as error:
        for one in created:
            if one.is_dir() and not any(one.iterdir()):
                one.rmdir()
        reason = f"{type(error).__name__} {error}".strip().splitlines()[-1]
        raise UserError(f"{what} is not there and cannot be downloaded ({reason}): {remedy}") from error

"""Exceptions and messages for errors that a user can correct: one line, exit code 2."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

RERAISED_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)  # sent by job schedulers: see Interrupted.exit_process

FREE_SPACE = "free some space there, or choose another path"
CHANGE_PERMISSIONS = "change its permissions, or choose another path"
REMEDIES = {
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.EFBIG: FREE_SPACE,
    errno.EACCES: CHANGE_PERMISSIONS,
    errno.EPERM: CHANGE_PERMISSIONS,
    errno.EROFS: "choose a path that is writable",
    errno.ENOENT: "choose another path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EEXIST: "something else is there: choose another name",
    errno.EISDIR: "a file is needed: choose another name",
}


class UserError(Exception):
    """An error in a command or its input; the message is one line that names the key, the value and the remedy."""


class NotWritten(UserError):
    """Results were computed and cannot be written to a file.

    Args:
        message: the error message.
        output: the results as text, to print before the message.
    """

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


class Busy(UserError):
    """Another process is training the run in this folder."""


class Interrupted(Exception):
    """A run was stopped by a signal after it had saved its work."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"interrupted by {number.name}")
        self.signal = number

    def exit_process(self) -> NoReturn:
        """Exit with 128 plus the number of the signal; raise SIGUSR1 and SIGUSR2 again first.

        submitit handles these two: it queues the job again in Slurm.
        """
        if self.signal in RERAISED_SIGNALS:
            signal.raise_signal(self.signal)
        raise SystemExit(128 + self.signal)


class Diverged(Exception):
    """A run diverged or collapsed; no checkpoint of that state is saved.

    Args:
        iteration: the iteration in which it was noticed.
        description: the values that are not finite, or the kind of collapse.
    """

    def __init__(self, iteration: int, description: str) -> None:
        super().__init__(f"iteration {iteration:,}: {description}")


def missing_extra(feature: str, extra: str) -> UserError:
    """Return the error for a setting or command whose optional dependencies are not installed."""
    return UserError(f"{feature}: needs an extra: pip install 'gan-lightning[{extra}]'")


def printable(text: str) -> str:
    """Return the text with all other characters replaced: foreign names may hold line feeds or control sequences."""
    return "".join(character if character.isprintable() else "�" for character in text)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return up to ``most`` names, separated by commas, and the number of those left out."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most:,} more"


def explain_os_error(error: OSError) -> str:
    """Return the message of the operating system and the remedy, without the name of the file."""
    message = error.strerror or str(error)
    if (blocking := _path_in_place_of_folder(error)) is not None:
        kind = "a broken link" if os.path.islink(blocking) else "a file"
        return f"{message}: {blocking} is {kind}: remove it, or choose another path"
    remedy = REMEDIES.get(error.errno or 0)
    return f"{message}: {remedy}" if remedy else message


def _path_in_place_of_folder(error: OSError) -> Path | None:
    """Return the file or broken link that is where the path of the error needs a folder; None for other errors."""
    if error.filename is None or error.errno not in (errno.ENOTDIR, errno.ELOOP):
        return None
    path = Path(os.fsdecode(error.filename))
    blocking = [part for part in (path, *path.parents) if os.path.lexists(part) and not os.path.isdir(part)]
    return blocking[-1] if blocking else None


@contextmanager
def os_errors_as_user_errors(setting: str) -> Iterator[None]:
    """Raise each OSError of the body as a UserError that starts with ``setting``, such as ``output=samples``."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{setting}: {_file_prefix(error, setting)}{explain_os_error(error)}") from error


def user_error_from(error: OSError, about: str = "") -> UserError:
    """Return a UserError that names the file of the OSError, or ``about`` if it has none."""
    prefix = _file_prefix(error, "") or (f"{about}: " if about else "")
    return UserError(f"{prefix}{explain_os_error(error)}")


def _file_prefix(error: OSError, setting: str) -> str:
    """Return the file of the error with a colon; nothing if it has none or ``setting`` already names it."""
    name = "" if error.filename is None else os.fsdecode(error.filename)
    return "" if name in setting else f"{name}: "


def exit_with_error(error: Exception, debug: bool) -> NoReturn:
    """Print the message of the error, after its traceback if ``debug`` is true, and exit with code 2."""
    if debug:
        traceback.print_exception(error)
    print(f"error: {printable(str(error))}", file=sys.stderr)
    raise SystemExit(2)

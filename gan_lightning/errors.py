"""How a user's mistake is told: one line, exit code 2."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

RERAISED_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)  # to who waits for them: see Interrupted.exit_process

ROOM, PERMISSION = "make room there, or take another place", "change its permissions, or take another place"
REMEDIES = {  # for what the system refuses
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: ROOM,
    errno.EACCES: PERMISSION,
    errno.EPERM: PERMISSION,
    errno.EROFS: "take a place that can be written to",
    errno.ENOENT: "give another path",
    errno.ENAMETOOLONG: "take a shorter name",
    errno.EEXIST: "something else is there: take another name",
    errno.EISDIR: "a file is needed: take another name",
}


class UserError(Exception):
    """A mistake in a command or its input; its text is one line that names key, value and remedy."""


class NotWritten(UserError):
    """Raised where something was computed that cannot be written.

    Args:
        line: the error's.
        shown: what is to be read on the screen all the same.
    """

    def __init__(self, line: str, output: str) -> None:
        super().__init__(line)
        self.output = output


class Busy(UserError):
    """Another process trains in the folder of a run."""


class Interrupted(Exception):
    """A run was stopped by a signal; all that it did is saved."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"interrupted by {number.name}")
        self.signal = number

    def exit_process(self) -> NoReturn:
        """End the process; a signal that somebody waits for goes there: submitit then has Slurm begin the job again."""
        if self.signal in RERAISED_SIGNALS:
            signal.raise_signal(self.signal)
        raise SystemExit(128 + self.signal)


class Diverged(Exception):
    """Something that is computed in a run is no finite number any more; nothing of that is saved."""

    def __init__(self, iteration: int, what: str) -> None:
        super().__init__(f"iteration {iteration:,}: {what}")


def printable(text: str) -> str:
    """One line of it: names in certificates and files from elsewhere may hold line feeds and a terminal's commands."""
    return "".join(character if character.isprintable() else "�" for character in text)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return the first few of the names, and how many there are where these are not all."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most:,} more"


def explain_os_error(error: OSError) -> str:
    """Return what the system refuses, and the remedy."""
    said = error.strerror or str(error)
    if (blocking := _blocking(error)) is not None:
        kind = "a link that leads nowhere" if os.path.islink(blocking) else "a file"
        return f"{said}: {blocking} is {kind}: remove it, or take another place"
    remedy = REMEDIES.get(error.errno or 0)
    return f"{said}: {remedy}" if remedy else said


def _blocking(error: OSError) -> Path | None:
    """Return what lies where a folder is needed."""
    if error.filename is None or error.errno not in (errno.ENOTDIR, errno.ELOOP):
        return None
    path = Path(os.fsdecode(error.filename))
    others = [one for one in (path, *path.parents) if os.path.lexists(one) and not os.path.isdir(one)]
    return others[-1] if others else None


@contextmanager
def os_errors_as_user_errors(what: str) -> Iterator[None]:
    """Raise what the system refuses as a UserError that begins with ``what``, as ``output=samples``."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{what}: {_place(error, what)}{explain_os_error(error)}") from error


def user_error_from(error: OSError, about: str = "") -> UserError:
    """Return as an error of use what the system refuses, about the file that it names, else ``about``."""
    place = _place(error, "") or (f"{about}: " if about else "")
    return UserError(f"{place}{explain_os_error(error)}")


def _place(error: OSError, what: str) -> str:
    """Return the file that an error is about, unless ``what`` names it."""
    name = "" if error.filename is None else os.fsdecode(error.filename)
    return "" if name in what else f"{name}: "


def exit_with_error(error: Exception, debug: bool) -> NoReturn:
    """End the process with the error's line, after its traceback if ``debug`` is set."""
    if debug:
        traceback.print_exception(error)
    print(f"error: {printable(str(error))}", file=sys.stderr)
    raise SystemExit(2)

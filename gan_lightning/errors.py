"""How a user's mistake is told: one line, exit code 2."""

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

ENDS = (signal.SIGINT, signal.SIGTERM)
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)  # to who waits for them: see Interrupted.leave


class UserError(Exception):
    """A mistake in a command or its input; its text is one line that names key, value and remedy."""


class Busy(UserError):
    """Another process trains in the folder of a run."""


class Interrupted(Exception):
    """A run was stopped by a signal; all that it did is saved."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"interrupted by {number.name}")
        self.signal = number

    def leave(self) -> NoReturn:
        """End the process; a signal that somebody waits for goes there: submitit then has Slurm begin the job again."""
        if self.signal in PASSED_ON:
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
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])}, … ({len(names):,})"


def fail(error: Exception, debug: bool) -> NoReturn:
    """End the process with the error's line, after its traceback if ``debug`` is set."""
    if debug:
        traceback.print_exception(error)
    print(f"error: {printable(str(error))}", file=sys.stderr)
    raise SystemExit(2)

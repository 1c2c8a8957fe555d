"""Standard streams that accept any text and never raise in the middle of a command's work."""

import codecs
import io
import os
import sys

from gan_lightning.errors import UserError

ENCODING_ERRORS = "ascii_substitutes"  # name of our handler of encoding errors
ASCII_SUBSTITUTES = {"±": "+-", "×": "x", "→": "->", "…": "...", "−": "-", "–": "-", "“": '"', "”": '"', "’": "'"}


class Output(io.TextIOWrapper):
    """Standard stream that stores a write error in ``error`` instead of raising it.

    A character that its encoding lacks is written as an ASCII substitute, or as an escape sequence.
    """

    error: OSError | None = None

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self.error = error
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self.error = error


def replace_standard_streams() -> None:
    """Replace the standard streams of this process by ``Output``, unless something else has replaced them."""
    _reopen_closed_streams()
    codecs.register_error(ENCODING_ERRORS, _substitute)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and not isinstance(stream, Output):
            output = _open_output(number, stream)
            setattr(sys, name, output)
            setattr(sys, f"__{name}__", output)


def check_output_written() -> None:
    """Raise UserError if standard output could not be written; a closed pipe, as after ``| head``, is not an error."""
    sys.stdout.flush()
    error = sys.stdout.error if isinstance(sys.stdout, Output) else None
    if error is not None and not isinstance(error, BrokenPipeError):
        raise UserError(f"standard output: cannot be written ({error.strerror}): everything else is done")


def _reopen_closed_streams() -> None:
    """Redirect a closed standard stream to the other one, or to the null device.

    Otherwise a file of the run would get its file descriptor, and output would be written into that file.
    """
    for number, other in ((0, 0), (1, 2), (2, 1)):
        if _is_open(number):
            continue
        if _is_open(other):
            os.dup2(other, number)
        else:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_output(number: int, stream: io.TextIOWrapper | None) -> Output:
    """Return an output to a file descriptor, with the encoding and buffering of ``stream``; None if it was closed."""
    if stream is None:
        return Output(open(number, "wb", closefd=False), "utf-8", ENCODING_ERRORS, line_buffering=True)
    stream.flush()
    buffering = 0 if stream.write_through else -1
    return Output(
        open(number, "wb", buffering, closefd=False),
        stream.encoding,
        ENCODING_ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """Handler of encoding errors, see ``codecs.register_error``."""
    assert isinstance(error, UnicodeEncodeError)
    substitutes = [
        ASCII_SUBSTITUTES.get(character) or character.encode("ascii", "backslashreplace").decode()
        for character in error.object[error.start : error.end]
    ]
    return "".join(substitutes), error.end

"""Standard output and error that take any text, and that no command fails by in the middle of its work."""

import codecs
import io
import os
import sys

from gan_lightning.errors import UserError

PLAIN = {"±": "+-", "×": "x", "→": "->", "…": "...", "−": "-", "–": "-", "“": '"', "”": '"', "’": "'"}


class Output(io.TextIOWrapper):
    """A standard stream that keeps why it cannot be written to, where others raise it.

    A character that its encoding does not have is shown by others that mean the same, or by its number.
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
    """Replace the standard streams of this process, unless something else has."""
    _open_closed()
    codecs.register_error("plain", _plain)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and not isinstance(stream, Output):
            output = _output(number, stream)
            setattr(sys, name, output)
            setattr(sys, f"__{name}__", output)


def check_output_written() -> None:
    """Raise UserError if something could not be said; a reader that has gone away, as ``head`` does, is no error."""
    sys.stdout.flush()
    error = sys.stdout.error if isinstance(sys.stdout, Output) else None
    if error is not None and not isinstance(error, BrokenPipeError):
        raise UserError(f"standard output: cannot be written ({error.strerror}): all else is done")


def _open_closed() -> None:
    """Have streams that are closed go where the other one goes: their numbers would be given to files of the run."""
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


def _output(number: int, stream: io.TextIOWrapper | None) -> Output:
    """Return a stream to the same place as another one, which was closed where it is None."""
    if stream is None:
        return Output(open(number, "wb", closefd=False), "utf-8", "plain", line_buffering=True)
    stream.flush()
    buffering = 0 if stream.write_through else -1
    return Output(
        open(number, "wb", buffering, closefd=False),
        stream.encoding,
        "plain",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in text), error.end

"""Begins and ends every command in the same way, whatever starts it."""

import functools
from collections.abc import Callable

from gan_lightning.system import interrupts


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Decorate the function of a command, whose module imports nothing that takes long.

    Errors of use, and what the system refuses, are one line and exit code 2; Ctrl-C and SIGTERM are one line and 130
    and 143. Any terminal, pipe or closed stream will do.
    """

    @functools.wraps(main)
    def whole() -> None:
        interrupts.exit_on_signals()  # first of all
        import logging

        from gan_lightning.errors import UserError, exit_with_error, user_error_from
        from gan_lightning.system import terminal

        terminal.replace_standard_streams()
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # tells of its own cache, which nobody needs
        try:
            main()
        except SystemExit:
            if interrupts.was_interrupted():  # which Lightning ends with another code
                interrupts.exit_interrupted()
            _end_with_output()
            raise
        except (UserError, OSError) as error:
            exit_with_error(error if isinstance(error, UserError) else user_error_from(error), debug=False)
        except BaseException as error:
            if interrupts.was_interrupted() or isinstance(error, KeyboardInterrupt):
                interrupts.exit_interrupted()
            raise
        _end_with_output()

    return whole


def _end_with_output() -> None:
    """End with exit code 2 if the last things that were said did not arrive."""
    from gan_lightning.errors import UserError, exit_with_error
    from gan_lightning.system import terminal

    try:
        terminal.check_output_written()
    except UserError as error:
        exit_with_error(error, debug=False)

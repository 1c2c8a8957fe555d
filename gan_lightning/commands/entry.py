"""Handles signals, errors and closed streams in the same way for every command."""

import functools
import os
from collections.abc import Callable

from gan_lightning.system import interrupts


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Decorate the main function of a command.

    UserError and OSError become one line and exit code 2; Ctrl-C and SIGTERM become one line and 130 and 143. The
    standard streams may be terminals, pipes or closed. The module of ``main`` must be quick to import, because signals
    are handled only once it runs.
    """

    @functools.wraps(main)
    def guarded_main() -> None:
        interrupts.exit_on_signals()  # before the slow imports
        # Threads that wait for each other sleep. If they spun, one busy core would slow a small network ten times.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
        import logging

        from gan_lightning.errors import UserError, exit_with_error, user_error_from
        from gan_lightning.system import terminal

        terminal.replace_standard_streams()
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # hides messages about its font cache
        try:
            main()
        except SystemExit:
            if interrupts.was_interrupted():  # Lightning exits with another code
                interrupts.exit_interrupted()
            _check_output()
            raise
        except (UserError, OSError) as error:
            exit_with_error(error if isinstance(error, UserError) else user_error_from(error), debug=False)
        except BaseException as error:
            if interrupts.was_interrupted() or isinstance(error, KeyboardInterrupt):
                interrupts.exit_interrupted()
            raise
        _check_output()

    return guarded_main


def _check_output() -> None:
    """Exit with code 2 if the last output could not be written."""
    from gan_lightning.errors import UserError, exit_with_error
    from gan_lightning.system import terminal

    try:
        terminal.check_output_written()
    except UserError as error:
        exit_with_error(error, debug=False)

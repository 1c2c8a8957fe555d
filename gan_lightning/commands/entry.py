"""Prepares the process of every command: signals, errors, closed streams, and how threads wait."""

import functools
import os
from collections.abc import Callable

from gan_lightning.system import interrupts

# How often a thread of GNU's OpenMP, which PyTorch has on Linux, looks whether the others are ready before it sleeps.
# By default it looks 300,000 times: where another program keeps a core busy, a small network then trains several times
# slower. On idle cores, 1,000 times are nearly as fast.
SPINS = "1000"


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Decorate the main function of a command.

    UserError and OSError become one line and exit code 2; Ctrl-C and SIGTERM become one line and 130 and 143. The
    standard streams may be terminals, pipes or closed. The module of ``main`` must be quick to import, because signals
    are handled only once it runs.
    """

    @functools.wraps(main)
    def guarded_main() -> None:
        interrupts.exit_on_signals()  # before the slow imports
        if "OMP_WAIT_POLICY" not in os.environ:
            os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # read when torch is imported
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

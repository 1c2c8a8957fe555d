"""The commands, one module each, and the modules that they share; a user's error is one line and exit code 2."""

import sys

if sys.argv[:1] == ["-m"]:  # python -m imports this package before the command's module, which may be slow to import
    from gan_lightning.system import interrupts

    interrupts.exit_on_signals()

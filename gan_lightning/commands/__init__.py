"""One file a command; errors of use are one line and exit code 2."""

import sys

if sys.argv[:1] == ["-m"]:  # python -m imports this before the command's module, which may take long
    from gan_lightning.system import interrupts

    interrupts.exit_on_signals()

"""The commands about origin: errors of use are one line and exit code 2."""

"""One file a command; errors of use are one line and exit code 2."""

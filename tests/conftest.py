"""Lets the tests in the folders below import `helpers`, and hear Ctrl-C."""

import signal

# A shell that runs the tests in the background has them, and what they start, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

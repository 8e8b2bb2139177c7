"""Lets the tests in the folders below import `helpers`, and hear Ctrl-C."""

import signal

from hypothesis import HealthCheck, settings

# A shell that runs the tests in the background has them, and what they start, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast examples are drawn depends on what else the machine does.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

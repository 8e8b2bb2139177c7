"""`python -m benchmarks.speed`; with ``--setup`` any Python will do, whatever it has installed."""

import sys
from pathlib import Path

from . import environment

if __name__ == "__main__":
    if "--setup" in sys.argv:
        arguments = [word for word in sys.argv[1:] if word != "--setup"]
        environment.enter(Path(__file__).parents[1] / "results" / "environment", arguments)
    from .command import main

    main()

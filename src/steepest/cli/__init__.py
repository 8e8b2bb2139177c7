"""The command line: one file a command.

Wrong usage and bad input end with status 2 and one line on the standard error; Ctrl-C with 130,
SIGTERM with 143.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from ..errors import SteepestError
from .check import check
from .explain import explain
from .export import export
from .predict import predict
from .show import show
from .train import train
from .warmup import warmup

__all__ = ["app", "run"]

app = typer.Typer(
    name="steepest",
    help="Train neural networks on tables by stochastic gradient descent, and use them.",
    epilog="Begin with: steepest train TABLE --target COLUMN -o MODEL",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train)
app.command()(predict)
app.command()(show)
app.command()(explain)
app.command()(export)
app.command()(check)
app.command()(warmup)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"steepest {version('steepest')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line, and turn what the user can mend into one line."""
    stopped: list[int] = []
    for stream in (sys.stdout, sys.stderr):  # what is redirected on Windows knows no η
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        app()
    except SteepestError as error:
        _fail(str(error))
    except BrokenPipeError:
        # Who read our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    except (KeyboardInterrupt, SystemExit):
        if not stopped:
            raise
        name = "interrupted" if stopped[0] == signal.SIGINT else signal.Signals(stopped[0]).name
        print(f"steepest: {name}", file=sys.stderr)
        sys.exit(128 + stopped[0])


def _fail(cause: str) -> None:
    print(f"steepest: {' '.join(cause.split())}", file=sys.stderr)
    sys.exit(2)

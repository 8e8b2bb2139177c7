"""The command line: one file a command.

A module of this folder whose name does not begin with _ is a command: it has a function of its own
name, whose parameters are the command's arguments and options and whose docstring is its help. A
function ``options``, if it has one, returns further parameters; it is called when the command is,
so that ``steepest --help`` need not wait for what it imports.

Wrong usage and bad input end with status 2 and one line on the standard error; Ctrl-C with 130,
SIGTERM with 143.
"""

from __future__ import annotations

import functools
import inspect
import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..collect import modules
from ..errors import SteepestError
from ._printing import say

__all__ = ["app", "run"]


def _modules() -> dict[str, ModuleType]:
    """Return the modules of this folder that are commands, by name."""
    return {each.__name__.rpartition(".")[2]: each for each in modules(__name__)}


def _command(name: str, module: ModuleType) -> Any:
    """Return a command with all of its options."""
    function: Callable[..., None] = getattr(module, name)
    signature = inspect.signature(function, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    further = module.options() if hasattr(module, "options") else []
    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *further)]
    # Arguments, then options in the order in which help is to show them.
    parameters.sort(key=lambda p: 0 if p.default is p.empty else 1 if p in further else 2)

    @functools.wraps(function)
    def command(**arguments: Any) -> None:
        function(**arguments)

    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, help=_help(function))(command)
    return typer.main.get_command(alone)


def _help(function: Callable[..., None]) -> str:
    """Return the docstring with each paragraph on one line, for a terminal of any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


class _Commands(TyperGroup):
    """The commands of this folder. A list of them shows their help; the one called gets options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._modules = _modules()
        for name, module in self._modules.items():
            self.add_command(TyperCommand(name, help=_help(getattr(module, name))))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that ``args`` begin with, its name, and the other arguments."""
        name, command, others = super().resolve_command(ctx, args)
        return name, _command(name, self._modules[name]) if name else command, others


app = typer.Typer(
    cls=_Commands,
    name="steepest",
    help="Train neural networks on tables, and predict with them.",
    epilog="Begin with: steepest train TABLE --target COLUMN -o MODEL",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from ..system.versions import versions

        typer.echo(f"steepest {versions()['steepest']}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
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
    except MemoryError as error:
        _fail(f"there is no memory for this ({str(error) or 'none is left'})")
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
    say(f"steepest: {' '.join(cause.split())}", error=True)
    sys.exit(2)

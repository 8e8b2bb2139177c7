"""``steepest train``."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ._options import PluginOption

if TYPE_CHECKING:
    from ..pipeline.fit import Fit
    from ..trainer import Trainer
    from ..training.checkpoint import Checkpoint
    from ..training.progress import Progress

__all__ = ["train"]

_NET, _OPT, _ROWS, _KEEP = "The network", "The training", "The rows", "Checkpoints"
_OPTIONS = ("task", "ignore", "test", "validation", "time_limit", "target", "checkpoint", "every",
            "on_fault", "memory")  # fmt: skip


def train(
    context: typer.Context,
    table: Annotated[
        Path, typer.Argument(help="CSV or TSV (also .gz), Parquet, or Arrow.", metavar="TABLE")
    ],
    target: Annotated[
        str | None, typer.Option(help="The column to predict.", metavar="COLUMN")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write the model folder here.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file with any of these options: lr = 0.01, layers = [64, 32] …"),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression, instead of what the target suggests.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="A column that is no input; may be repeated.", rich_help_panel=_ROWS),
    ] = None,
    test: Annotated[
        float | None,
        typer.Option(help="Share of the rows to test on. [default: 0.2]", rich_help_panel=_ROWS),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(
            help="Share of the others to choose the best epoch by. [default: 0.1]",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    test_table: Annotated[
        Path | None, typer.Option(help="Test on this table instead.", rich_help_panel=_ROWS)
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            help="Train on a table of any size within so much memory, like 500MB or 2GB.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Units of the hidden layers, like 256,128; empty for a linear model.",
            rich_help_panel=_NET,
        ),
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="relu, gelu, silu, tanh, …", rich_help_panel=_NET)
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="Share of the units dropped.", rich_help_panel=_NET)
    ] = None,
    frequency: Annotated[
        float | None,
        typer.Option(help="Of the waves that numbers become; 0 for none.", rich_help_panel=_NET),
    ] = None,
    embedding: Annotated[
        int | None,
        typer.Option(help="Numbers for each value of a category of many.", rich_help_panel=_NET),
    ] = None,
    quantiles: Annotated[
        str | None,
        typer.Option(
            help="Predict these quantiles of a number, like 0.05,0.5,0.95.", rich_help_panel=_NET
        ),
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(help="Average so many networks.", rich_help_panel=_NET),
    ] = None,
    layer_norm: Annotated[
        bool | None,
        typer.Option(
            "--layer-norm/--no-layer-norm", help="Normalise each layer.", rich_help_panel=_NET
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help="squared, absolute, huber; logistic, softmax, hinge.", rich_help_panel=_OPT
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(
            help="Part of each target that is spread over the classes.", rich_help_panel=_OPT
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(help="sgd, adagrad, rmsprop, adam, adamw.", rich_help_panel=_OPT),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="η.", rich_help_panel=_OPT)] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="constant, cosine, coslog4, flatcosine, onecycle, inverse.", rich_help_panel=_OPT
        ),
    ] = None,
    momentum: Annotated[
        float | None, typer.Option(help="Of the rule sgd.", rich_help_panel=_OPT)
    ] = None,
    l2: Annotated[float | None, typer.Option(help="Penalty.", rich_help_panel=_OPT)] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Decoupled weight decay.", rich_help_panel=_OPT)
    ] = None,
    clip_norm: Annotated[
        float | None, typer.Option(help="Longest gradient.", rich_help_panel=_OPT)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Examples a step.", rich_help_panel=_OPT)
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="At most.", rich_help_panel=_OPT)] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs that are no better.", rich_help_panel=_OPT),
    ] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds.", rich_help_panel=_OPT)] = None,
    seed: Annotated[int | None, typer.Option(rich_help_panel=_OPT)] = None,
    threads: Annotated[
        int | None, typer.Option(help="By default as many as pay.", rich_help_panel=_OPT)
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32 or float64.", rich_help_panel=_OPT)
    ] = None,
    matmul_dtype: Annotated[
        str | None,
        typer.Option(
            help="bfloat16: factors of matrix products are rounded to it; quicker where the "
            "processor has AVX512-BF16.",
            rich_help_panel=_OPT,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Say after each epoch what the gradients of each layer are."),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Keep the state of the training in this folder.",
            metavar="FOLDER",
            rich_help_panel=_KEEP,
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            help="How often: '2 epochs', '500 steps', '30 seconds'. [default: 30 seconds]",
            rich_help_panel=_KEEP,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on from the last checkpoint, if any.", rich_help_panel=_KEEP
        ),
    ] = False,
    on_fault: Annotated[
        str | None,
        typer.Option(
            help="continue or stop, when a checkpoint can't be written. [default: continue]",
            rich_help_panel=_KEEP,
        ),
    ] = None,
    plugin: PluginOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the test scores.")] = False,
) -> None:
    """Train a network on a table, test it on rows held out, and write the model.

    The task is inferred from the target. Categories, missing values, booleans and dates are taken
    care of. Rows are split at random; a column called split with the values train, test and
    validation decides instead, if there is one.

    Example: steepest train data/census_income.parquet --target income -o model
    """
    from .. import plugins
    from ..pipeline.fit import fit_table
    from ..pipeline.model import check_place
    from ..pipeline.recipe import Recipe
    from ..pipeline.stream import fit_stream
    from ..tables.files import read_table

    plugins.use(*(plugin or ()))
    flags = {k: v for k, v in context.params.items() if v is not None}
    known = (*Recipe.names(), *_OPTIONS)
    options = (_read_config(config, known) if config else {}) | {
        k: v for k, v in flags.items() if k in known and v != []
    }
    if isinstance(options.get("layers"), str | list):
        options["layers"] = _units(options["layers"])
    if isinstance(options.get("quantiles"), str | list):
        options["quantiles"] = _levels(options["quantiles"])
    settings = {k: v for k, v in options.items() if k in Recipe.names()}
    Recipe(**settings)  # says what is wrong before the table is read
    if "target" not in options:
        raise InputError("which column is to be predicted? Give --target COLUMN")
    if out is not None:
        check_place(out)
    kept = _checkpoint(options, resume)
    room = _bytes(options["memory"]) if "memory" in options else None
    if room is not None and test_table is not None:
        raise InputError("--memory can't be had with --test-table; give a column called split")
    say: Callable[[str], None] = (lambda _: None) if quiet else (lambda text: print(text))
    if kept is not None and resume:
        say(f"going on from step {kept.steps[-1]:,}" if kept.steps else
            f"no checkpoint in {kept.folder} yet: from the beginning")  # fmt: skip
    with _bar(quiet) as callbacks:
        if watch:
            callbacks = _watching(callbacks)
        common: dict[str, Any] = {
            "settings": settings,
            "kind": options.get("task"),
            "ignore": options.get("ignore", ()),
            "test": options.get("test", 0.2),
            "validation": options.get("validation", 0.1),
            "time_limit": options.get("time_limit"),
            "callbacks": callbacks,
            "checkpoint": kept,
            "resume": resume,
            "say": say,
        }
        if room is not None:
            fit = fit_stream(table, options["target"], memory=room, **common)
        else:
            held = None if test_table is None else read_table(test_table)
            fit = fit_table(read_table(table), options["target"], test_table=held, **common)
    if fit.ended is None:
        _report(fit)
    if out is not None:
        fit.model.about["command"] = " ".join(["steepest", *sys.argv[1:]])
        fit.model.save(out)
        say(f"model written to {out}")
    if fit.ended is not None:
        print(_how_to_go_on(out, kept is not None), file=sys.stderr)
        raise fit.ended


def _checkpoint(options: dict[str, Any], resume: bool) -> Checkpoint | None:
    from ..training.checkpoint import Checkpoint

    folder = options.get("checkpoint")
    settings = {name: options[name] for name in ("every", "on_fault") if name in options}
    if folder is None:
        needs = ["--resume"] * resume + [f"--{name.replace('_', '-')}" for name in settings]
        if needs:
            raise InputError(f"{needs[0]} needs the folder of the checkpoints: --checkpoint FOLDER")
        return None
    return Checkpoint(
        folder, report=lambda text: print(f"steepest: {text}", file=sys.stderr), **settings
    )


def _how_to_go_on(out: Path | None, kept: bool) -> str:
    where = "was not kept, for want of -o" if out is None else f"is in {out}"
    words = [word for word in sys.argv[1:] if word != "--resume"]
    command = shlex.join(["steepest", *words, "--resume"])
    how = f"go on with: {command}" if kept else "with --checkpoint FOLDER it could go on from here"
    return f"steepest: the best network so far {where}; {how}"


def _read_config(path: Path, known: tuple[str, ...]) -> dict[str, Any]:
    try:
        options = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}") from error
    options = {name.replace("-", "_"): value for name, value in options.items()}
    odd = sorted(set(options) - set(known))
    if odd:
        raise InputError(
            f"{path}: no option {', '.join(odd)}; there are {', '.join(sorted(known))}"
        )
    return options


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT])B", str(text).strip())
    if not found or not float(found[1]):
        raise InputError(f"memory must be a size like 500MB or 2GB, got {text!r}")
    return int(float(found[1]) * 1000 ** (1 + "kMGT".index(found[2])))


def _units(text: str | list[Any]) -> tuple[Any, ...]:
    words = [word for word in text.split(",") if word.strip()] if isinstance(text, str) else text
    try:
        return tuple(word if isinstance(word, dict) else int(word) for word in words)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"layers must be whole numbers like 256,128, got {text!r}; in a TOML file also layers "
            'like {type = "my_layers:LowRank", units = 64}'
        ) from error


def _levels(text: str | list[Any]) -> tuple[float, ...]:
    words = text.split(",") if isinstance(text, str) else text
    try:
        return tuple(map(float, words))
    except (TypeError, ValueError) as error:
        raise InputError(f"quantiles must be numbers like 0.05,0.95, got {text!r}") from error


Callbacks = Callable[["Trainer"], Iterable[Callable[["Progress"], object]]]


def _watching(others: Callbacks | None) -> Callbacks:
    from ..inspection.watch import Watch

    return lambda trainer: (*(others(trainer) if others else ()), Watch(say=print))


@contextmanager
def _bar(quiet: bool) -> Iterator[Callbacks | None]:
    """Show a progress bar, if somebody is looking."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}{task.fields[validation]}"),
        TextColumn("{task.fields[rate]:,.0f} examples/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        number = bar.add_task(
            "", total=None, epoch=0, epochs="?", loss=float("nan"), validation="", rate=0.0
        )

        def show(progress: Progress) -> None:
            fields: dict[str, Any] = {}
            if "validation_loss" in progress.row:
                fields["validation"] = f", validation {progress.row['validation_loss']:.4f}"
            bar.update(
                number,
                completed=progress.step,
                total=progress.steps,
                epoch=progress.epoch,
                epochs=progress.epochs,
                loss=progress.loss,
                rate=progress.examples_per_second,
                **fields,
            )

        yield lambda trainer: (show,)


def _report(fit: Fit) -> None:
    if not fit.scores:
        print("no test rows, so no scores")
        return
    width = max(len(name) for name in fit.scores)
    print(f"{'test':<{width}}  {'model':>10}  trivial ({fit.trivial})")
    for name, (score, trivial) in fit.scores.items():
        print(f"{name:<{width}}  {score:>10.5g}  {trivial:.5g}")

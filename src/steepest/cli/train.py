"""``steepest train``."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ..errors import CheckpointError, InputError, ModelError
from ..validate import FORMER_NAMES, renamed_keys
from ._options import FLAG, PluginOption, options_of, settings_of, table_help
from ._printing import say
from ._ranks import (
    EveryOption,
    RanksOption,
    only_first_speaks,
    ranks_of_this_job,
    start_ranks,
)
from ._watching import Watching

if TYPE_CHECKING:
    from ..pipeline.fit import Fit
    from ..pipeline.model import Model
    from ..pipeline.request import Request
    from ..pipeline.train import Callbacks, RunOptions
    from ..ranks.together import Ranks
    from ..training.checkpoint import Checkpoint

__all__ = ["options", "train"]

_ROWS, _KEEP = "The rows", "Checkpoints"
_IMAGES = ("classes", "pictures", "arrays")


_Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="Write the model to this folder.",
        metavar="MODEL",
        show_default="write no model",
    ),
]
_Config = Annotated[
    Path | None,
    typer.Option(
        help="A TOML file with options, such as lr = 0.01 or layers = [64, 32]. Options on the "
        "command line take precedence.",
        metavar="FILE",
        show_default="none",
    ),
]
_TestTable = Annotated[
    Path | None,
    typer.Option(
        help="Test on the rows of this table, not on a share of the rows of TABLE.",
        metavar="TABLE",
        rich_help_panel=_ROWS,
        show_default="none",
    ),
]
_Memory = Annotated[
    str | None,
    typer.Option(
        help="How much memory the rows may take, like 500MB or 2GB. The table itself may be of "
        "any size: it is read in blocks.",
        metavar="SIZE",
        rich_help_panel=_ROWS,
        show_default="read the whole table",
    ),
]
_Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="After each epoch, print how large the gradients of each layer are.",
        **FLAG,
    ),
]
_Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a report on the model to this file, one page of HTML: scores, curves, groups "
        "of rows on which it is worse, which columns matter, and the gradients of the training.",
        metavar="FILE.html",
        show_default="write none",
    ),
]
_LiveFlag = Annotated[
    bool,
    typer.Option(
        "--live",
        help="Show losses, gradients and the time left on a page while it trains, with a button to "
        "stop. The address is printed; it works on this machine alone.",
        **FLAG,
    ),
]
_Folder = Annotated[
    Path | None,
    typer.Option(
        help="Save the state of the training to this folder from time to time, so that it can "
        "go on after an interruption.",
        metavar="FOLDER",
        rich_help_panel=_KEEP,
        show_default="save no state",
    ),
]
_Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on from the last state in the --checkpoint folder, if there is one.",
        rich_help_panel=_KEEP,
        **FLAG,
    ),
]
_Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the scores of the test.", **FLAG)
]


def train(
    context: typer.Context,
    table: Annotated[
        Path, typer.Argument(help=table_help("The table to learn from"), metavar="TABLE")
    ],
    out: _Out = None,
    config: _Config = None,
    test_table: _TestTable = None,
    memory: _Memory = None,
    watch: _Watch = False,
    report: _Report = None,
    live: _LiveFlag = False,
    checkpoint: _Folder = None,
    resume: _Resume = False,
    plugin: PluginOption = None,
    ranks: RanksOption = None,
    average_every: EveryOption = None,
    quiet: _Quiet = False,
    **_: Any,
) -> None:
    """Train a network on a table, test it, and write the model.

    The network learns to predict one column, the target, from all others. The values of the target
    say whether it is a class or a number. Texts, dates and missing values need no preparation.
    Some rows are kept for the test. They are drawn at random, unless there is a column called split
    with the words train, test and validation.

    TABLE may also be images: a folder with a folder of pictures for each class, or a file .npz with
    the arrays X and y, or x_train, y_train, x_test and y_test. They need no --target.

    Example: steepest train data/census_income.parquet --target income -o model

    Example: steepest train photographs --size 64x64 -o model

    Example: steepest train big.parquet --target income --ranks 4 -o model
    """
    from .. import plugins
    from ..pipeline.model import check_place

    together = ranks_of_this_job(average_every)
    if ranks is not None and together.size == 1:
        raise typer.Exit(start_ranks(ranks))
    first = together.speaks
    with only_first_speaks(together), together.together("the command with --resume"):
        with together.alike():
            plugins.use(*(plugin or ()))
            given = _given(context, config)
            kept = _checkpoint(given, resume)
            if out is not None and first:
                check_place(out)
            watching = Watching(watch and first, report if first else None, live and first)
        tell: Callable[[str], None] = say if first and not quiet else lambda _: None
        with _bar(quiet or not first) as bar, watching.callbacks(table, bar) as callbacks:
            options = _run_options(given, callbacks, watching, kept, resume, together)
            if kept is not None and resume:
                tell(_where_it_goes_on(kept))
            fit = _fit(table, given, test_table, tell, options, watching)
        if not first:
            return
        fit.model.about["command"] = _command(context.params)
        if out is not None:
            _save(fit.model, out, given.get("private", False))
        _finish(fit, out, tell, kept is not None)
        watching.write_report(fit)
        if report is not None:
            tell(f"report written to {report}")


def _where_it_goes_on(kept: Checkpoint) -> str:
    if kept.steps:
        return f"going on from step {kept.steps[-1]:,}"
    return f"no checkpoint in {kept.folder} yet: from the beginning"


def _finish(fit: Fit, out: Path | None, tell: Callable[[str], None], kept: bool) -> None:
    """Print the scores of a model that was written; raise what ended the training early."""
    if fit.ended is None:
        _report(fit)
    if out is not None:
        tell(f"model written to {out}")
    if fit.ended is not None:
        if isinstance(fit.ended, KeyboardInterrupt | CheckpointError):
            say(_how_to_go_on(out, kept), error=True)
        raise fit.ended


def options() -> list[inspect.Parameter]:
    """Return an option for each setting of what a training is made of, former names hidden."""
    every = [option for cls in _classes() for option in options_of(cls)]
    found = list({option.name: option for option in reversed(every)}.values())[::-1]
    for old, new in FORMER_NAMES.items():
        (now,) = (option for option in found if option.name == new)
        kind: Any = get_args(now.annotation)[0]
        hidden: Any = Annotated[kind, typer.Option(hidden=True)]
        found.append(now.replace(name=old, annotation=hidden))
    return found


def _classes() -> tuple[type, ...]:
    """Return the classes whose settings are options."""
    from ..pipeline.fit_images import ImageFiles
    from ..pipeline.image_recipe import ImageRecipe
    from ..pipeline.recipe import Recipe
    from ..pipeline.request import Request
    from ..pipeline.train import RunOptions
    from ..tables.options import TableOptions
    from ..training.checkpoint import Checkpoint

    return Request, Recipe, RunOptions, TableOptions, ImageFiles, ImageRecipe, Checkpoint


def _given(context: typer.Context, config: Path | None) -> dict[str, Any]:
    """Return the options that the file or the command line gives, under the names of today."""
    names = [*(option.name for option in options()), "checkpoint", "memory"]
    sources = {name: context.get_parameter_source(name) for name in names}
    flags = {
        name: context.params[name]
        for name, source in sources.items()
        if source is not None and source.name != "DEFAULT"
    }
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DeprecationWarning)
        read = renamed_keys(str(config), _read_config(config, names)) if config else {}
        flags = renamed_keys("train", flags)
    for warning in said:
        say(f"steepest: {warning.message}", error=True)
    return read | flags


def _request(
    given: dict[str, Any],
    test_table: Path | None,
    tell: Callable[[str], None],
    options: RunOptions,
) -> Request:
    """Return what is asked for; say what is wrong before the table is read."""
    from ..pipeline.recipe import Recipe
    from ..pipeline.request import Request
    from ..tables.files import read_table
    from ..tables.options import TableOptions

    _refuse_others(given, _classes()[4:6], _classes()[:4], "images, and this is a table")
    settings = settings_of(Recipe, given)
    Recipe(**settings)
    if "target" not in given:
        raise InputError("which column is to be predicted? Give --target COLUMN")
    if "memory" in given and test_table is not None:
        raise InputError(
            "--memory can't be combined with --test-table; mark the rows of the test in a column "
            "called split"
        )
    written = TableOptions(**settings_of(TableOptions, given))
    return Request(
        **settings_of(Request, given),
        settings=settings,
        written=written,
        test_table=None if test_table is None else read_table(test_table, written),
        options=options,
        say=tell,
    )


def _run_options(
    given: dict[str, Any],
    callbacks: Callbacks | None,
    watching: Watching,
    kept: Checkpoint | None,
    resume: bool,
    ranks: Ranks,
) -> RunOptions:
    from ..pipeline.train import RunOptions

    return RunOptions(
        **settings_of(RunOptions, given),
        callbacks=callbacks,
        watched=watching.follows_one,
        checkpoint=kept,
        resume=resume,
        ranks=ranks,
    )


def _refuse_others(
    given: Mapping[str, Any], other: tuple[type, ...], own: tuple[type, ...], what: str
) -> None:
    """Raise `InputError` for an option that is for other data."""
    known = {one.name for cls in own for one in options_of(cls)}
    for name in (one.name for cls in other for one in options_of(cls)):
        if name in given and name not in known:
            raise InputError(f"--{name.replace('_', '-')} is for {what}")


def _fit_images(
    path: Path,
    given: dict[str, Any],
    test_table: Path | None,
    tell: Callable[[str], None],
    options: RunOptions,
) -> Fit:
    """Train on a folder of classes or the arrays of a file."""
    from ..pipeline.fit_images import ImageFiles, fit_images, read_images
    from ..pipeline.image_recipe import ImageRecipe
    from ..pipeline.request import Request

    request_class, recipe, _, table_options, *_ = _classes()
    shared = {"test", "validation", "private", "class_weight"}
    own = {name: value for name, value in given.items() if name not in shared}
    if test_table is not None:
        own["test_table"] = test_table
    others = recipe, request_class, table_options
    _refuse_others(own, others, (ImageRecipe,), "tables, and these are images")
    for name in ("memory", "test_table"):
        if name in own:
            raise InputError(f"--{name.replace('_', '-')} is for tables, and these are images")
    request = Request(
        target="class",
        settings=settings_of(ImageRecipe, given),
        options=options,
        say=tell,
        **{name: given[name] for name in sorted(shared & set(given))},
    )
    source = read_images(path, ImageFiles(**settings_of(ImageFiles, given)), request)
    return fit_images(source, request)


def _fit(
    table: Path,
    given: dict[str, Any],
    test_table: Path | None,
    tell: Callable[[str], None],
    options: RunOptions,
    watching: Watching,
) -> Fit:
    """Train on what the place holds."""
    from ..pipeline.holdings import holds

    with options.ranks.alike():
        kind = holds(table)
        if kind == "model":
            raise InputError(f"{table} is a model; give a table or images to learn from")
        watching.check(kind in _IMAGES, (table, test_table))
        if kind in _IMAGES and options.ranks.size > 1:
            raise InputError(f"several processes train on tables, and {table} has images")
        request = None
        if kind not in _IMAGES:
            request = _request(given, test_table, tell, options)
    if request is None:
        return _fit_images(table, given, test_table, tell, options)
    return _fit_table(table, request, given.get("memory"))


def _fit_table(table: Path, request: Request, memory: str | None) -> Fit:
    from ..pipeline.cross_validation import cross_validate, spread
    from ..pipeline.fit import fit_table
    from ..pipeline.stream import fit_stream
    from ..tables.files import read_table

    ranks = request.options.ranks
    if memory is None and ranks.size == 1:
        rows = read_table(table, request.written)
        fit = fit_table(rows, request)
        if request.cv is not None and fit.ended is None:
            fit.model.about["cv"] = scores = cross_validate(rows, request)
            request.say(spread(scores))
        return fit
    if str(table) == "-":
        why = "--memory reads the table twice" if memory else "each process reads its share"
        raise InputError(f"{why}; save the standard input in a file first")
    size = ranks.memory // 4 if memory is None else _bytes(memory)
    return fit_stream(table, request, size)


def _checkpoint(given: dict[str, Any], resume: bool) -> Checkpoint | None:
    from ..training.checkpoint import Checkpoint

    folder, settings = given.get("checkpoint"), settings_of(Checkpoint, given)
    if folder is None:
        needs = ["--resume"] * resume + [f"--{name.replace('_', '-')}" for name in settings]
        if needs:
            raise InputError(f"{needs[0]} needs the folder of the checkpoints: --checkpoint FOLDER")
        return None
    return Checkpoint(folder, report=lambda text: say(f"steepest: {text}", error=True), **settings)


def _save(model: Model, out: Path, private: bool) -> None:
    """Write a model; where that fails, among the temporary files, so that it is not lost."""
    try:
        model.save(out, private=private)
    except ModelError as error:
        aside = Path(tempfile.mkdtemp(prefix="steepest-"), "model")
        try:
            model.save(aside, private=private)
        except ModelError:
            aside.parent.rmdir()
            raise error from None
        raise ModelError(f"{error}; the model is in {aside}") from error


def _command(parameters: Mapping[str, Any]) -> str:
    """Return the command as it was given, but without what lies above the folder we are in."""
    paths = {value for value in parameters.values() if isinstance(value, Path)}
    paths |= set(map(Path, parameters["plugin"] or []))

    def told(word: str) -> str:
        for prefix in ("", "-o", f"{word.partition('=')[0]}="):  # --out=MODEL, too
            path = word.removeprefix(prefix)
            if word.startswith(prefix) and path and Path(path) in paths:
                return prefix + _from_here(path)
        return word

    return shlex.join(["steepest", *map(told, sys.argv[1:])])


def _from_here(path: str) -> str:
    """Return a path within the present folder; of one that leads out of it, the name alone."""
    found = Path(os.path.relpath(path))
    return Path(path).name if found.is_absolute() or ".." in found.parts else str(found)


def _how_to_go_on(out: Path | None, kept: bool) -> str:
    where = "was not kept, for want of -o" if out is None else f"is in {out}"
    words = [word for word in sys.argv[1:] if word != "--resume"]
    command = shlex.join(["steepest", *words, "--resume"])
    how = f"go on with: {command}" if kept else "with --checkpoint FOLDER it could go on from here"
    return f"steepest: the best network so far {where}; {how}"


def _read_config(path: Path, known: list[str]) -> dict[str, Any]:
    try:
        options = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}") from error
    options = {name.replace("-", "_"): value for name, value in options.items()}
    odd = sorted(set(options) - set(known))
    if odd:
        present = sorted(set(known) - set(FORMER_NAMES))
        raise InputError(f"{path}: no option {', '.join(odd)}; there are {', '.join(present)}")
    return options


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT])B", str(text).strip())
    if not found or not float(found[1]):
        raise InputError(f"memory must be a size like 500MB or 2GB, got {text!r}")
    return int(float(found[1]) * 1000 ** (1 + "kMGT".index(found[2])))


@contextmanager
def _bar(quiet: bool) -> Iterator[Callbacks | None]:
    """Show how the training goes, unless it is to be quiet."""
    if quiet:
        yield None
        return
    from ..training.bar import Bar

    with Bar(leaves=False) as bar:
        yield lambda trainer: (bar,)


def _report(fit: Fit) -> None:
    if not fit.scores:
        print("no test rows, so no scores")
        return
    width = max(len(name) for name in fit.scores)
    say(f"{'test':<{width}}  {'model':>10}  trivial ({fit.trivial})")
    for name, (score, trivial) in fit.scores.items():
        print(f"{name:<{width}}  {score:>10.5g}  {trivial:.5g}")

"""``steepest show``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..printing import counted, harmless
from ._options import FLAG, MODEL_HELP, PluginOption
from ._printing import folded, width

if TYPE_CHECKING:
    from ..network import Network
    from ..pipeline.model import Model

__all__ = ["show"]

_EPOCHS = 7  # lines of the history
_UNSHOWN = ("step", "lr", "seconds")  # columns of it
_ELSEWHERE = 100  # columns, where there is no terminal
_NUMBERS = 36  # characters of a line of the network beside what the layer is called


def show(
    model: Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL")],
    program: Annotated[
        bool,
        typer.Option(
            "--program", help="Show every step of the computation of a prediction instead.", **FLAG
        ),
    ] = False,
    batch: Annotated[
        int,
        typer.Option(
            help="With --program: the steps for this many rows at once.", min=1, metavar="<int>"
        ),
    ] = 1,
    plugin: PluginOption = None,
) -> None:
    """Show what a model predicts, how well, and what it is made of.

    That is: the task, the scores in the test, how the training went, what became of each column,
    and the layers of the network. For a network that was saved from Python, it shows the layers
    alone.

    Example: steepest show model
    """
    from ..network import Network
    from ..pipeline.folders import load

    loaded = load(model, plugins=plugin or ())
    network = loaded if isinstance(loaded, Network) else loaded.network
    if program:
        print(harmless(str(network.program(batch)), lines=True))
        return
    if isinstance(loaded, Network):
        sections: list[Iterator[str]] = [_alone(network), _layers(network, "")]
    else:
        parts = _task, _scores, _training, _decisions, _columns
        sections = [part(loaded) for part in parts]
        sections.append(_layers(network, f", loss {loaded.loss!r}"))
    text = "\n\n".join(filter(None, ("\n".join(section) for section in sections)))
    print(harmless(text, lines=True))


def _alone(network: Network) -> Iterator[str]:
    text = f"a network without an encoder: it takes arrays of {network.inputs} numbers, no tables"
    yield folded(f"{text}; from Python, steepest.load returns it", 2)


def _task(model: Model) -> Iterator[str]:
    yield folded(model.task.describe(), 2)


def _scores(model: Model) -> Iterator[str]:
    from ..printing import aligned_table

    about = model.about
    scores, trivial = about.get("metrics", {}), about.get("trivial", {})
    if not scores:
        yield "not tested"
        return
    rows = about.get("rows", {}).get("test")
    yield f"scores on {rows:,} test rows" if rows is not None else "scores on the test rows"
    says = f" ({harmless(about['trivial_says'])})" if "trivial_says" in about else ""
    lines = [("", "model", f"trivial{says}")] if trivial else [("", "model", "")]
    width = len(lines[0][2])
    for name, score in scores.items():
        beside = f"{trivial[name]:.5g}" if name in trivial else ""
        lines.append((f"  {harmless(name)}", f"{score:.5g}", beside.ljust(width)))
    yield aligned_table(lines, left=1)


def _training(model: Model) -> Iterator[str]:
    from ..pipeline.train import first_of
    from ..printing import aligned_table, shortened

    about = model.about
    rows, columns = about.get("rows", {}), about.get("history", {})
    learned = f"trained on {counted(rows['train'], 'row')}" if "train" in rows else "trained"
    chosen = rows.get("validation")
    more = f", {chosen:,} more to choose the epoch by" if chosen else ""
    parts = first_of(model.network)[1]
    yield learned + more + (f"; the first of {parts} networks:" if parts > 1 else "")
    names = [name for name in columns if name not in _UNSHOWN]
    epochs = [
        [f"  {cell}" if k == 0 else cell for k, cell in enumerate(map(_number, line))]
        for line in zip(*(columns[name] for name in names), strict=False)
    ]
    if epochs:
        head = [harmless(name) for name in names]
        head[0] = f"  {head[0]}"
        yield aligned_table([head, *shortened(epochs, _EPOCHS)])


def _decisions(model: Model) -> Iterator[str]:
    lines = model.calibration.describe(model.classes) if model.has_probabilities else []
    if lines:
        yield "probabilities"
    for line in lines:
        yield folded(f"  {line}", 4)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _columns(model: Model) -> Iterator[str]:
    encoder = model.encoder
    yield "columns" if encoder.argument == "TABLE" else "inputs"
    for name, text in encoder.describe().items():
        yield folded(f"  {name}: {text}", 4)
    for name, why in encoder.dropped.items():
        yield folded(f"  {name}: not used: {why}", 4)


def _layers(network: Network, trained: str) -> Iterator[str]:
    from ..pipeline.train import first_of

    room = max(12, (width() or _ELSEWHERE) - _NUMBERS)
    kept = sum(view.size for view in network.state.values())
    state = f", {kept:,} numbers of state" if kept else ""
    sizes = f"{network.theta.size:,} parameters{state}{trained}"
    first, parts = first_of(network)
    if parts > 1:
        yield folded(f"the average of {parts} networks, {sizes}; the first:", 2)
    else:
        yield folded(f"network: {sizes}", 2)
    yield first.summary(nested=False, width=room)
    yield "with --program: every step of the computation"

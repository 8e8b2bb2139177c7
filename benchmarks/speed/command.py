"""Steepest beside its peers, and beside what the machine can do at most.

For each cell, all contestants first compute the same work from the same parameters, and what they
found is compared; then they are timed in turns. Prints a table of medians; a cell that is lost is
called lost. Writes the table, JSON and a plot into a folder.

    python -m benchmarks.speed [--setup] [--mnist FILE.npz] [--only WORDS … [--add]] [--quick]

``--setup`` puts the peers into an environment of its own first, and runs there.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

from . import reporting
from .cells import cells
from .machine import Limits, has_bf16, limits
from .measuring import measure

RESULTS = Path(__file__).parents[1] / "results"
PACKAGES = (
    "steepest", "numpy", "torch", "jax", "scikit-learn", "keras", "onnxruntime", "river",
    "vowpalwabbit",
)  # fmt: skip


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--setup", action="store_true", help="install the peers, and run there")
    parser.add_argument("--mnist", type=Path, metavar="FILE.npz", help="real images: X_train, …")
    parser.add_argument("--only", nargs="+", metavar="WORDS", help="cells whose name has one")
    parser.add_argument(
        "--add", action="store_true", help="to what the folder has: its limits and other cells"
    )
    parser.add_argument("--peers", nargs="+", metavar="NAME", help="these and no others")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.15, help="of each timing, about")
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the sweeps over memory")
    parser.add_argument("--quick", action="store_true", help="one short round of small networks")
    parser.add_argument("--list", action="store_true", help="print the cells' names")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, metavar="FOLDER")
    return parser.parse_args(arguments)


def known(asked: argparse.Namespace) -> list:
    return cells(asked.mnist, 10_000 if asked.quick else asked.rows)


def chosen(asked: argparse.Namespace) -> list:
    found = known(asked)
    if asked.quick:
        found = [
            cell for cell in found
            if max(getattr(cell.work, "sizes", [0])) < 500
            or "CSR" in cell.name or "MNIST" in cell.name
        ]  # fmt: skip
    if asked.only:
        found = [cell for cell in found if any(words in cell.name for words in asked.only)]
    return found


def versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    asked = options(sys.argv[1:])
    if asked.list:
        print("\n".join(cell.name for cell in chosen(asked)))
        return
    rounds, seconds = (1, 0.01) if asked.quick else (asked.rounds, asked.seconds)
    kept = {}
    if asked.add:
        before, machine = reporting.read_json(asked.output / "speed.json", known(asked))
        kept = {cell.name: (cell, found) for cell, found in before}
    else:
        machine = limits(quick=asked.quick)
    print(machine, end="\n\n")
    results = list(kept.values())
    for cell in chosen(asked):
        if cell.needs_bf16 and not has_bf16():
            print(f"{cell.name}: this processor has no bf16 products")
            continue
        print(cell.name, flush=True)
        found = measure(cell.work, rounds, seconds, asked.peers)
        for note in found.notes:
            print(f"  {note}")
        kept[cell.name] = cell, found
        results = [kept[cell.name] for cell in known(asked) if cell.name in kept]
        write(asked.output, results, machine)
    print(f"\n{reporting.table(results, machine)}")


def write(folder: Path, results: list, machine: Limits) -> None:
    """Write what there is so far, so that a run that is ended early leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.md").write_text(f"{machine}\n\n{reporting.table(results, machine)}\n")
    reporting.write_json(folder / "speed.json", results, machine, versions())
    beside = any(found.fastest is not None for _, found in results)
    if beside and importlib.util.find_spec("matplotlib") is not None:
        reporting.plot(folder / "speed.png", results, machine)

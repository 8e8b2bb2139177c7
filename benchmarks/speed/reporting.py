"""The table, the JSON and the plot."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from .cells import PEER, PRODUCT, Cell
from .machine import Limits
from .measuring import Found


def judge(cell: Cell, found: Found, limits: Limits) -> dict[str, tuple[float, float]]:
    """Return what was reached and what is the target, for each target that can be judged."""
    ours, seconds = found.seconds["steepest"], found.seconds
    reached = {name: taken / ours for name, taken in seconds.items()}
    if found.fastest is not None:
        reached[PEER] = seconds[found.fastest] / ours
    if cell.work.flops:
        reached[PRODUCT] = cell.work.flops / ours / limits.gemm_all
    return {name: (reached[name], least) for name, least in cell.targets.items() if name in reached}


def verdict(reached: float, least: float) -> str:
    return "held" if reached >= least else "lost"


def duration(seconds: float) -> str:
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(results: list[tuple[Cell, Found]], limits: Limits) -> str:
    """Return a row for each cell; a time is that of a step, an example, a call, or a pass."""
    names = list(dict.fromkeys(name for _, found in results for name in found.seconds))
    head = ["", *names, "peer ÷ ours", "GFLOP/s", "GB/s", "of limit", "targets"]
    rows = []
    for cell, found in results:
        ours, work = found.seconds["steepest"], cell.work
        times = [duration(found.seconds[n]) if n in found.seconds else "" for n in names]
        ratio = ""
        if found.fastest is not None:
            value = found.seconds[found.fastest] / ours
            ratio = f"{value:.2f} {found.fastest}" + (", lost" if value < 1 else "")
        judged = judge(cell, found, limits)
        said = [
            f"{name} {reached:.2f} ≥ {least:g} {verdict(reached, least)}"
            for name, (reached, least) in judged.items()
        ]
        rate = f"{work.flops / ours / 1e9:.3g}" if work.flops else ""
        rows.append([
            f"{cell.name} ({work.unit_of})", *times, ratio, rate,
            f"{work.nbytes / ours / 1e9:.3g}" if work.nbytes else "",
            f"{limits.fraction(work, ours):.2f}" if work.nbytes else "",
            "; ".join(said),
        ])  # fmt: skip
    return aligned([head, *rows])


def aligned(rows: list[list[str]]) -> str:
    """Return the rows as a Markdown table that can be read as it is."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write_json(path: Path, results: list[tuple[Cell, Found]], limits: Limits, versions) -> None:
    """Write all that was measured."""
    record = {
        "machine": limits.asdict(),
        "versions": versions,
        "cells": [
            {
                "name": cell.name,
                "work": asdict(cell.work),
                "unit": cell.work.unit_of,
                "flops": cell.work.flops,
                "bytes": cell.work.nbytes,
                "fraction of limit": limits.fraction(cell.work, found.seconds["steepest"]),
                "targets": {
                    name: {"reached": reached, "target": least, "verdict": verdict(reached, least)}
                    for name, (reached, least) in judge(cell, found, limits).items()
                },
                **asdict(found),
            }
            for cell, found in results
        ],
    }
    path.write_text(json.dumps(record, indent=1, default=str, ensure_ascii=False) + "\n")


def read_json(path: Path, known: list[Cell]) -> tuple[list[tuple[Cell, Found]], Limits]:
    """Return what `write_json` wrote of the ``known`` cells, and the limits of the machine."""
    record = json.loads(path.read_text())
    machine = record["machine"]
    machine["update"] = {int(size): rate for size, rate in machine["update"].items()}
    by_name = {cell["name"]: cell for cell in record["cells"]}
    results = [
        (cell, Found(**{f.name: by_name[cell.name][f.name] for f in fields(Found)}))
        for cell in known
        if cell.name in by_name
    ]
    return results, Limits(**machine)


def plot(path: Path, results: list[tuple[Cell, Found]], limits: Limits) -> None:
    """Draw how many times as long each peer takes as we do."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [(cell, found) for cell, found in results if found.fastest is not None]
    names = list(dict.fromkeys(n for _, f in shown for n in f.seconds if n not in f.ours))
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.45 * len(shown)), layout="constrained")
    for name in names:
        points = [
            (found.seconds[name] / found.seconds["steepest"], k)
            for k, (_, found) in enumerate(shown)
            if name in found.seconds
        ]
        axes.scatter(*zip(*points, strict=True), label=name, s=28)
    axes.axvline(1, color="black", linewidth=1)
    for k, (cell, _) in enumerate(shown):
        if PEER in cell.targets:
            axes.plot([cell.targets[PEER]] * 2, [k - 0.35, k + 0.35], color="grey", linewidth=2)
    axes.set(
        xscale="log", yticks=range(len(shown)), yticklabels=[cell.name for cell, _ in shown],
        xlabel="time of the peer ÷ ours (grey: the target for the fastest)",
        title=f"{limits.cpu}, {limits.cores} cores",
    )  # fmt: skip
    axes.invert_yaxis()
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)

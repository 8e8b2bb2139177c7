"""What is measured, and how much faster than whom it should be.

A target's name is a contestant, `PEER` for the fastest peer, or `PRODUCT` for the machine's rate of
float32 products; its number is their time over ours, or the part of the rate that we reach.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .race import Race
from .work import Prediction, Stream, Sweep, Training

PEER, PRODUCT = "fastest peer", "product rate"


@dataclass(frozen=True)
class Cell:
    name: str
    work: Any
    targets: dict[str, float] = field(default_factory=dict)
    needs_bf16: bool = False


def cells(images: Path | None, rows: int) -> list[Cell]:
    """Return all of them; MNIST from ``images`` if given, and sweeps over so many rows."""
    small, narrow = (20, 64, 64, 2), (784, 128, 10)
    middle, large = (784, 512, 512, 10), (784, 1024, 1024, 10)
    return [
        Cell("20-64-64-2, batch 1, SGD", Training(small, 1), {PEER: 2.5}),
        Cell("20-64-64-2, batch 32, SGD", Training(small, 32), {PEER: 2, "1 thread": 1.4}),
        Cell("20-64-64-2, batch 32, Adam", Training(small, 32, "Adam"), {PEER: 2}),
        Cell("784-128-10, batch 1, SGD", Training(narrow, 1), {PEER: 1.6}),
        Cell(
            "784-128-10, batch 1, SGD, " + ("MNIST in CSR" if images else "19 % non-zero in CSR"),
            Training(narrow, 1, density=0.19, images=images),
            {PEER: 4},
        ),
        Cell("784-128-10, batch 32, SGD", Training(narrow, 32), {PEER: 1.5, "1 thread": 1.4}),
        Cell("784-128-10, batch 32, Adam", Training(narrow, 32, "Adam"), {PEER: 1.5}),
        Cell(
            "784-512-512-10, batch 128, SGD",
            Training(middle, 128),
            {PEER: 1.25, PRODUCT: 0.85, "1 thread": 1.75},
        ),
        Cell(
            "784-1024-1024-10, batch 512, SGD",
            Training(large, 512),
            {PEER: 1.05, PRODUCT: 0.92, "1 thread": 1.9},
        ),
        Cell(
            "784-512-512-10, batch 128, bf16",
            Training(middle, 128, bf16=True),
            {"PyTorch bf16": 1.1},
            needs_bf16=True,
        ),
        Cell(
            "784-1024-1024-10, batch 512, bf16",
            Training(large, 512, bf16=True),
            {"PyTorch bf16": 1.1},
            needs_bf16=True,
        ),
        Cell("linear, batch 1, text of 10⁵ columns", Stream(), {"Vowpal Wabbit": 1, "river": 50}),
        Cell("predict 1 row, 20-64-64-2", Prediction(small, 1), {"onnxruntime": 5}),
        Cell("predict 100,000 rows, 20-64-64-2", Prediction(small, 100_000), {"onnxruntime": 1.5}),
        Cell(f"gather {rows:,} shuffled rows of 16", Sweep("gather", rows)),
        Cell(f"evaluate {rows:,} rows of 16", Sweep("evaluate", rows)),
        *([Cell("784-128-10 to 98 % on MNIST", Race(images), {PEER: 3})] if images else []),
    ]

"""``steepest demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]

# 10,000 rows of data/census_income.parquet, drawn without repetition by NumPy's generator of seed 0
# and kept in their order: the "Adult" table of the UCI repository (Becker & Kohavi 1996, CC BY
# 4.0).
TABLE = Path(__file__).parents[1] / "samples" / "census_income.parquet"


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Write the model to this folder.",
            metavar="MODEL",
            show_default="write no model",
        ),
    ] = None,
) -> None:
    """Train on a small table that comes with Steepest, and see how good the model is.

    The table holds 10,000 adults from the census of the United States of 1994. The model learns to
    tell who earned more than 50,000 dollars a year. It takes about ten seconds; the first time some
    more, because code is compiled.

    Example: steepest demo -o model
    """
    from . import app

    words = ["train", str(TABLE), "--target", "income"]
    words += [] if out is None else ["--out", str(out)]
    print(f"steepest {' '.join(words)}\n", flush=True)
    app(words, standalone_mode=False)
    if out is not None:
        print(
            f"\nNext:\n  steepest show {out}\n  steepest predict {out} {TABLE} -o predictions.csv\n"
            f"  steepest report {out} {TABLE} -o report.html"
        )

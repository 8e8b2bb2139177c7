"""Kill trainings with SIGKILL at random moments, resume them, and compare the bits at the end.

    python tests/kills.py [--kills 50] [--seed 0] [--only state]

Each training is a process of its own, forked from this one so that it starts at once. It writes
checkpoints nearly all the time, so that many kills hit the writing of one. Prints what it did;
ends with status 1 if any bit differs from the training that was never stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from states import Centre, ScaledCentre
from steepest import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Checkpoint,
    Cosine,
    CosLog4,
    Dense,
    Dropout,
    Embedding,
    Exponential,
    FlatCosine,
    InverseScaling,
    Muon,
    Network,
    OneCycle,
    ReduceOnPlateau,
    ReLU,
    RMSprop,
    ScheduleFreeAdamW,
    SoftmaxCrossEntropy,
    Step,
    Trainer,
)
from steepest.training import changes, touched

changes.LEAST = touched._LOGGED = 1 << 10  # small tables have logs, and checkpoints of changes

RNG = np.random.default_rng(0)
X = RNG.standard_normal((150, 6)).astype(np.float32)
Y = (X @ RNG.standard_normal((6, 3)) + RNG.standard_normal((150, 3))).argmax(axis=1)

CODES = RNG.integers(0, 60, (150, 6)).astype(np.float32)
TABLE = Embedding(4000, 2, lazy=True), Dropout(0.2), Dense(3)

STATEFUL = Centre(), Dense(8), ReLU(), ScaledCentre(), Dropout(0.2), Dense(3)

CASES: dict[str, dict[str, Any]] = {
    "sgd, uniform, inverse": {
        "rule": SGD(lr=InverseScaling(0.1)), "sampling": "uniform", "batch": 1,
        "every": "20 steps", "epochs": 4,
    },
    "sgd, shuffled, constant": {
        "rule": SGD(lr=0.05), "every": "0.001 seconds", "epochs": 30, "dropout": 0.0,
    },
    "momentum, sequential, step": {
        "rule": SGD(lr=Step(0.05, 100), momentum=0.9), "sampling": "sequential",
        "every": "7 steps",
    },
    "nesterov, shuffled, plateau": {
        "rule": SGD(lr=ReduceOnPlateau(0.1, patience=1), momentum=0.9, nesterov=True),
        "every": "3 steps", "validation": 0.3,
    },
    "adagrad, shuffled, exponential": {
        "rule": Adagrad(lr=Exponential(0.1, 0.99)), "every": "1 epoch",
    },
    "rmsprop, uniform, onecycle, two threads": {
        "rule": RMSprop(lr=OneCycle(0.01)), "sampling": "uniform", "every": "5 steps",
        "threads": 2,
    },
    "adamw, shuffled, flatcosine, dropout that falls": {
        "rule": AdamW(lr=FlatCosine(0.02)), "every": "6 steps", "dropout": FlatCosine(0.4),
    },
    "adam, full, coslog4": {
        "rule": Adam(lr=CosLog4(0.01)), "sampling": "full", "every": "2 steps", "epochs": 60,
    },
    "adam, shuffled, constant, average of θ, early stopping": {
        "rule": Adam(0.01, ema=0.9), "every": "3 steps", "validation": 0.3, "patience": 15,
    },
    "schedule-free, uniform, decay": {
        "rule": ScheduleFreeAdamW(0.02, weight_decay=0.1), "sampling": "uniform",
        "every": "0.001 seconds",
    },
    "muon, shuffled, average of θ, two threads": {
        "rule": Muon(0.01, ema=0.95), "every": "5 steps", "threads": 2,
    },
    "adamw, shuffled, cosine, early stopping": {
        "rule": AdamW(lr=Cosine(0.03), clip_norm=1.0, l2=0.01, factors={"*.b": 0.5}),
        "every": "4 steps", "validation": 0.3, "patience": 15, "epochs": 60,
    },
    "adam, shuffled, constant, state, early stopping": {
        "rule": Adam(lr=0.02), "every": "2 steps", "validation": 0.3, "patience": 15, "epochs": 40,
        "layers": STATEFUL,
    },
    "adam with an average of θ, shuffled, constant, state, early stopping": {
        "rule": Adam(lr=0.02, ema=0.9), "every": "3 steps", "validation": 0.3, "patience": 15,
        "epochs": 40, "layers": STATEFUL,
    },
    "schedule-free adamw, shuffled, state, early stopping, two threads": {
        "rule": ScheduleFreeAdamW(lr=0.02), "every": "2 steps", "validation": 0.3, "patience": 15,
        "epochs": 40, "layers": STATEFUL, "threads": 2,
    },
    "adam, shuffled, rows of a table, early stopping": {
        "rule": Adam(lr=0.02), "every": "2 steps", "validation": 0.3, "patience": 15, "epochs": 40,
        "layers": TABLE, "data": CODES,
    },
}  # fmt: skip


def train(case: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """Run a case, from its last checkpoint if it has one; return all there is to compare."""
    plain = Dense(8), ReLU(), Dropout(case.get("dropout", 0.2)), Dense(3)
    network = Network(*case.get("layers", plain), inputs=6)
    rows = case.get("data", X)
    trainer = Trainer(
        network, SoftmaxCrossEntropy(), case["rule"], batch=case.get("batch", 16), seed=3,
        sampling=case.get("sampling", "shuffled"), threads=case.get("threads", 1),
    )  # fmt: skip
    history = trainer.fit(
        rows, Y, epochs=case.get("epochs", 15), validation=case.get("validation"),
        patience=case.get("patience"), metrics=["accuracy"] if "validation" in case else (),
        checkpoint=None if folder is None else Checkpoint(folder, case["every"]),
        resume=folder is not None,
    )  # fmt: skip
    found = {
        **{name: vector.tobytes().hex() for name, vector in network.built.vectors.items()},
        "step": trainer.step,
        "history": [{k: v for k, v in row.items() if k != "seconds"} for row in history],
        "slots": {name: slot.tobytes().hex() for name, slot in trainer.slots.items()},
    }
    # A further fit shows that what is drawn at random goes on as it would have.
    trainer.fit(rows, Y, epochs=1)
    after = {f"{name} after": vector.tobytes().hex()
             for name, vector in network.built.vectors.items()}  # fmt: skip
    return {**found, **after}


def in_a_process(work: Callable[[], None]) -> int:
    """Fork a process that does some work; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def kill_and_resume(
    case: dict[str, Any], kills: int, moments: random.Random
) -> tuple[int, int, bool]:
    """Kill a case so often; return how many kills hit, how many hit writing, and if all is well."""
    expected, hit, writing = train(case, None), 0, 0
    folder = Path(tempfile.mkdtemp(prefix="steepest-kills-"))
    place, result = folder / "run", folder / "result.json"
    began = time.perf_counter()
    train(case, folder / "timed")
    length = time.perf_counter() - began

    def work() -> None:
        result.write_text(json.dumps(train(case, place)))

    try:
        while True:
            child = in_a_process(work)
            if hit < kills:
                time.sleep(moments.random() * length)
                os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            if os.WIFSIGNALED(status):
                hit += 1
                writing += bool(list(place.glob(".*.part")))
                continue
            if status or json.loads(result.read_text()) != json.loads(json.dumps(expected)):
                return hit, writing, False
            shutil.rmtree(place)
            if hit >= kills:
                return hit, writing, True
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="cases with this in their name")
    options = parser.parse_args()
    cases = {name: case for name, case in CASES.items() if options.only in name}
    moments, good = random.Random(options.seed), True
    total = hits = 0
    for number, (name, case) in enumerate(cases.items()):
        share = (options.kills * (number + 1)) // len(cases) - total
        hit, writing, same = kill_and_resume(case, share, moments)
        total, hits, good = total + hit, hits + writing, good and same
        print(f"{name}: {hit} kills, {writing} while writing, "
              f"{'the same bits' if same else 'DIFFERENT BITS'}", flush=True)  # fmt: skip
    print(f"{total} kills survived, {hits} of them while a checkpoint was written")
    sys.exit(not good)


if __name__ == "__main__":
    main()

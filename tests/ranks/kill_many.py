"""Kill a rank at random, again and again, and look whether all end and the training goes on.

    python tests/ranks/kill_many.py --kills 50 --ranks 3

Each time a training with checkpoints begins, a rank is drawn, and killed (SIGKILL) at some time of
the training; a checkpoint is written every other step. Every second time the kill waits for a
checkpoint that is being written. Then the training goes on. Ends with
status 0 if every kill ended all ranks with a message that names the rank, and every result has the
bits of a training that nobody disturbed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from steepest.ranks.launch import started_as, surroundings

PROGRAM = Path(__file__).parent / "programs" / "kept.py"
EPOCHS = 20


def begin(folder: Path, ranks: int, resume: str) -> subprocess.Popen[str]:
    words = [sys.executable, str(PROGRAM), str(folder), "shuffled", str(EPOCHS), resume, "pids"]
    return subprocess.Popen(
        started_as(ranks, words),
        env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def pids_of(process: subprocess.Popen[str], ranks: int) -> dict[int, int]:
    """Return the numbers of the processes, by their ranks; training begins."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(ranks)]
    return {int(rank): int(pid) for rank, pid in (line.split() for line in lines)}


def whole(folder: Path, ranks: int, resume: str) -> tuple[bytes, float]:
    """Return θ at the end of a training, and the seconds that it took."""
    process = begin(folder, ranks, resume)
    pids_of(process, ranks)
    began = time.perf_counter()
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return np.load(f"{folder}.npy").tobytes(), time.perf_counter() - began


def wait_for_writing(folder: Path, process: subprocess.Popen[str]) -> None:
    """Return while a checkpoint is written, or when the training is over."""
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            if any(not entry.name.startswith("step-") for entry in os.scandir(folder)):
                return


def kill_one(
    folder: Path, ranks: int, after: float, writing: bool, rng: random.Random
) -> tuple[float, str]:
    """Return for how long the others lived on, and what was said."""
    process = begin(folder, ranks, "begin")
    pids, rank = pids_of(process, ranks), rng.randrange(ranks)
    time.sleep(after)
    if writing:
        wait_for_writing(folder, process)
    try:
        os.kill(pids[rank], signal.SIGKILL)
    except ProcessLookupError:
        process.communicate(timeout=600)
        return 0.0, "over"
    began = time.perf_counter()
    _, errors = process.communicate(timeout=600)
    if process.returncode == 0:  # it had come to its end, and was not gone yet
        return 0.0, "over"
    said = " ".join(errors.split())
    named = re.search(rf"rank {rank}\b", said) and "signal 9" in said
    return time.perf_counter() - began, "named" if named else errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--ranks", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng, seconds, steps, same, cut = random.Random(asked.seed), [], [], 0, 0
    with tempfile.TemporaryDirectory() as place:
        expected, lasts = whole(Path(place, "whole"), asked.ranks, "begin")
        while len(seconds) < asked.kills:
            folder = Path(place, f"{len(seconds)}-{rng.random()}")
            writing = len(seconds) % 2 == 1
            took, said = kill_one(folder, asked.ranks, rng.uniform(0.0, lasts), writing, rng)
            if said == "over":
                continue
            assert said == "named", said
            files = sorted(folder.glob("step-*.safetensors"))
            steps.append(int(files[-1].stem.removeprefix("step-")) if files else -1)
            parts = sum(f not in files for f in folder.glob("*"))
            cut += parts > 0
            same += whole(folder, asked.ranks, "resume")[0] == expected
            seconds.append(took)
            said = f"{took:.2f} s, checkpoint of step {steps[-1]}, {parts} parts"
            print(f"{len(seconds)}: {said}", flush=True)
    print(
        f"{len(seconds)} kills: all ended within {max(seconds):.2f} s (median "
        f"{np.median(seconds):.2f}), the rank was named each time; {same} results with the same "
        f"bits; {cut} checkpoints were cut off while they were written; those left were "
        f"of steps {min(steps)} to {max(steps)}"
    )
    sys.exit(same != len(seconds))


if __name__ == "__main__":
    main()

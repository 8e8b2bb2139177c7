"""All ranks: train with checkpoints, in trouble or not.

    kept.py FOLDER SAMPLING EPOCHS resume|begin TROUBLE

The trouble is one of none, raise, kill, stop, sleep, busy, frozen and interrupt, and that of rank 1
(frozen: of all), after some 25 steps; leave, at once; stop_later, when the training is over; or
pids, from outside.
Rank 0 writes θ to FOLDER.npy at the end.
"""

import os
import signal
import subprocess
import sys
import time

import numpy as np

from steepest import Adam, Checkpoint, Dense, Dropout, Network, ReLU, SoftmaxCrossEntropy, Trainer
from steepest.ranks import together
from steepest.ranks.together import Ranks
from steepest.training.synced_run import SyncedRun


def train(ranks, folder, sampling, epochs, resume, every="10 steps"):
    """Train on this rank's rows; return the trainer."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(103, 6)), rng.integers(0, 3, 103)
    mine = slice(103 * ranks.rank // ranks.size, 103 * (ranks.rank + 1) // ranks.size)
    network = Network(Dense(16), ReLU(), Dropout(0.3), Dense(3), dtype="float64", seed=1)
    settings = {"batch": 16, "sampling": sampling, "ranks": ranks}
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(lr=0.01), **settings)
    kept = Checkpoint(folder, every=every)
    try:
        trainer.fit(X[mine], y[mine], epochs=epochs, checkpoint=kept, resume=resume)
    except KeyboardInterrupt:
        assert len(set(ranks.gather(trainer.step))) == 1
        print(f"rank {ranks.rank} interrupted\n", end="", flush=True)
    return trainer


def troubled(steps, trouble):
    """Return what takes steps, until rank 1 gets into trouble."""

    def run(self, first, most):
        done = steps(self, first, most)
        if self.ranks.rank == 1 and self.step >= 25:
            if trouble == "raise":
                raise ValueError("out of luck")
            if trouble == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if trouble == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            if trouble == "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            if trouble == "sleep":
                time.sleep(10_000)
            if trouble == "busy" and not hasattr(self, "rested"):
                self.rested = time.sleep(4)
            if trouble == "frozen" and not hasattr(self, "rested"):
                self.rested = freeze(PIDS)
        return done

    return run


def freeze(pids):
    """Stop all ranks for longer than their patience; this one works a while before and after."""
    words = " ".join(map(str, pids))
    subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -STOP {words}; sleep 6; kill -CONT {words}"])
    for _ in range(10):
        time.sleep(0.1)


PIDS = []


def main(folder, sampling, epochs, resume, trouble):
    from mpi4py import MPI

    patience = {"sleep": 1.5, "frozen": 5}.get(trouble, 100)
    silence = 2.5 if trouble in ("busy", "stop", "stop_later", "frozen") else 100
    ranks = Ranks(MPI.COMM_WORLD, every=1, patience=patience, silence=silence)
    if trouble == "leave" and ranks.rank == 1:
        return
    if trouble == "frozen":
        PIDS[:] = ranks.gather(os.getpid())
        together._ANSWERS = 0.3
    every = "10 steps"
    if trouble == "pids":  # somebody else makes trouble
        print(f"{ranks.rank} {os.getpid()}\n", end="", flush=True)
        every = "2 steps"
    elif trouble != "none":
        SyncedRun._steps = troubled(SyncedRun._steps, trouble)
    trainer = train(ranks, folder, sampling, int(epochs), resume == "resume", every)
    if trouble == "stop_later" and ranks.rank == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    if ranks.rank == 0:
        np.save(f"{folder}.npy", trainer.network.theta)


if __name__ == "__main__":
    main(*sys.argv[1:])

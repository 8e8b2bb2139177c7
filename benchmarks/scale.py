"""Training by several ranks: measured on this machine, simulated for many.

    python benchmarks/scale.py                 # one process, and two ranks; PyTorch's DDP beside
    python benchmarks/scale.py simulate        # 1 to 1,000 ranks, from what was measured here

Efficiency is the time of a step of one process on one thread, over that of a step in which each of
the ranks, on one thread each, has as many examples. Needs mpi4py and mpiexec; PyTorch if there is.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from steepest import SGD, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer
from steepest.ranks.launch import started_as, surroundings
from steepest.ranks.together import Ranks
from steepest.training.ranked_run import steps_between

SHAPES = {
    "784-512-512-10, 128 a rank": ((784, 512, 512, 10), 128),
    "784-128-10, 32 a rank": ((784, 128, 10), 32),
    "20-64-64-2, 32 a rank": ((20, 64, 64, 2), 32),
}
EVERY = (1, 2, 4, 8, 16)
SIZES = (1, 256, 5_000, 26_000, 102_000, 668_000, 4_000_000)
NETWORKS = {  # latency of a message in seconds, bytes a second
    "10 Gb/s": (30e-6, 1.1e9),
    "100 Gb/s": (3e-6, 11e9),
}
SECONDS, TRIES = 0.4, 5


def parameters(widths: tuple[int, ...]) -> int:
    return sum((p + 1) * q for p, q in itertools.pairwise(widths))


def data_for(widths: tuple[int, ...], rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, widths[0])).astype(np.float32)
    return X, rng.integers(0, widths[-1], rows)


def step_time(widths: tuple[int, ...], batch: int, ranks: Ranks | None, threads: int) -> float:
    """Return seconds a step: the median of several fits, of the slowest rank."""
    size = 1 if ranks is None else ranks.size
    X, y = data_for(widths, 64 * batch)
    layers = [layer for width in widths[1:-1] for layer in (Dense(width), ReLU())]
    network = Network(*layers, Dense(widths[-1]), inputs=widths[0])
    settings = {"batch": batch * size, "threads": threads, "sampling": "sequential"}
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(lr=1e-4), ranks=ranks, **settings)
    trainer.fit(X, y, epochs=1)
    found: list[float] = []
    epochs = 1
    while len(found) < TRIES:
        began = time.perf_counter()
        trainer.fit(X, y, epochs=epochs)
        took = time.perf_counter() - began
        took = took if ranks is None else max(ranks.gather(took))
        if took < SECONDS:
            epochs = math.ceil(epochs * min(8, 1.2 * SECONDS / took))
        else:
            found.append(took / (64 * epochs))
    return float(np.median(found))


def median_time(work: Callable[[], Any], ranks: Ranks) -> float:
    work()
    found = []
    for _ in range(TRIES):
        began, count = time.perf_counter(), 20
        for _ in range(count):
            work()
        found.append(max(ranks.gather((time.perf_counter() - began) / count)))
    return float(np.median(found))


class SlowRanks(Ranks):
    """Ranks whose sums take as long as on a network, at least."""

    latency, bandwidth = NETWORKS["10 Gb/s"]

    def sum(self, vector: Any, room: Any = None) -> None:
        if vector.dtype == np.float64:  # losses, once a chunk
            return super().sum(vector, room)
        until = time.perf_counter() + collective(
            self.size, vector.nbytes, self.latency, self.bandwidth
        )
        super().sum(vector, room)
        while time.perf_counter() < until:
            pass
        return None


def collective(ranks: int, nbytes: float, latency: float, bandwidth: float) -> float:
    """Return the seconds of a sum: two exchanges, each by ring or by tree, whichever is quicker."""
    if ranks == 1:
        return 0.0
    ring = 2 * (ranks - 1) * (latency + nbytes / ranks / bandwidth)
    rounds = math.ceil(math.log2(ranks))
    tree = 2 * rounds * (latency + nbytes / 2 / bandwidth)
    return min(ring, tree)


def on_ranks() -> None:
    """Measure as one of several ranks; the first one prints."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    found: dict[str, Any] = {"ranks": comm.size}
    base = Ranks(comm)
    for size in SIZES:
        vector = np.ones(base.padded(size), np.float32)
        room = np.empty_like(vector)

        def ours(vector: Any = vector, room: Any = room) -> None:
            base.sum(vector, room)
            vector *= 1 / base.size

        def plain(vector: Any = vector) -> None:
            comm.Allreduce(MPI.IN_PLACE, vector)
            np.multiply(vector, 1 / base.size, out=vector)

        found[f"sum {size}"] = [median_time(ours, base), median_time(plain, base)]
    for name, (widths, batch) in SHAPES.items():
        for every in EVERY:
            found[f"{name} every {every}"] = step_time(widths, batch, Ranks(comm, every), 1)
    name = next(iter(SHAPES))
    for every in (4, 16):
        slow = step_time(*SHAPES[name], SlowRanks(comm, every), 1)
        found[f"{name} 10 Gb/s every {every}"] = slow
    if comm.rank == 0:
        print(json.dumps(found))


def torch_ddp(rank: int, ranks: int) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    found = {}
    for name, (widths, batch) in SHAPES.items():
        layers: list[Any] = []
        for p, q in itertools.pairwise(widths):
            layers += [torch.nn.Linear(p, q), torch.nn.ReLU()]
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(*layers[:-1]))
        rule, loss = torch.optim.SGD(model.parameters(), lr=1e-4), torch.nn.CrossEntropyLoss()
        X, y = (torch.from_numpy(part) for part in data_for(widths, batch))

        times = []
        for _ in range(TRIES):
            began = time.perf_counter()
            for _ in range(100):
                rule.zero_grad()
                loss(model(X), y).backward()
                rule.step()
            times.append((time.perf_counter() - began) / 100)
        found[name] = float(np.median(times))
    if rank == 0:
        print(json.dumps(found))
    dist.destroy_process_group()


def run_torch(ranks: int) -> dict[str, float]:
    own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29531", "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, __file__, "torch", str(rank), str(ranks)],
            env={**os.environ, **own}, stdout=subprocess.PIPE, text=True,
        )
        for rank in range(ranks)
    ]  # fmt: skip
    out = [process.communicate()[0] for process in started]
    return json.loads(out[0].splitlines()[-1]) if out[0].strip() else {}


def measure(place: Path) -> None:
    alone = {n: step_time(*shape, None, 1) for n, shape in SHAPES.items()}
    threads = {n: step_time(w, 2 * b, None, 2) for n, (w, b) in SHAPES.items()}
    command = started_as(2, [sys.executable, __file__, "rank"])
    done = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=True)
    ranks = json.loads(done.stdout.splitlines()[-1])
    try:
        ddp = run_torch(2)
    except (ImportError, json.JSONDecodeError):
        ddp = {}
    print(f"{'floats':>10} {'ours, µs':>10} {'Allreduce':>10}")
    for size in SIZES:
        ours, plain = ranks[f"sum {size}"]
        print(f"{size:>10,} {1e6 * ours:>10.1f} {1e6 * plain:>10.1f}")
    for name in SHAPES:
        print(f"\n{name}: one process, one thread {1e6 * alone[name]:.1f} µs a step")
        print(f"  one process, two threads, twice the batch {1e6 * threads[name]:.1f} µs")
        for every in EVERY:
            took = ranks[f"{name} every {every}"]
            print(f"  two ranks, every {every:>2}: {1e6 * took:.1f} µs, {alone[name] / took:.2f}")
        if name in ddp:
            print(f"  PyTorch DDP, gloo, two processes: {1e6 * ddp[name]:.1f} µs")
    name, (widths, _) = next(iter(SHAPES.items()))
    nbytes = 4 * parameters(widths)
    for every in (4, 16):
        slow = ranks[f"{name} 10 Gb/s every {every}"]
        comm = collective(2, nbytes, *NETWORKS["10 Gb/s"])
        model = alone[name] + comm / every
        print(f"{name}, 10 Gb/s, every {every}: {1e3 * slow:.2f} ms, model {1e3 * model:.2f} ms")
    place.write_text(json.dumps({"alone": alone, "ranks": ranks}))


def simulate(place: Path) -> None:
    alone = json.loads(place.read_text())["alone"]
    for name, (widths, _) in SHAPES.items():
        nbytes = 4 * parameters(widths)
        for network, (latency, bandwidth) in NETWORKS.items():
            cells = []
            for ranks in (1, 2, 4, 8, 16, 64, 256, 1000):
                comm = collective(ranks, nbytes, latency, bandwidth)
                every = steps_between(alone[name], comm, 10_000)
                share = every * alone[name] / (every * alone[name] + comm)
                cells.append(f"{ranks}: {share:.2f} (k {every})")
            print(f"{name}, {network}: {', '.join(cells)}")


if __name__ == "__main__":
    kept = Path(os.environ.get("TMPDIR", "/tmp"), "steepest-scale.json")
    mode, *words = sys.argv[1:] or ["measure"]
    if mode == "rank":
        on_ranks()
    elif mode == "torch":
        torch_ddp(*map(int, words))
    elif mode == "simulate":
        simulate(kept)
    else:
        measure(kept)

"""Training by several ranks: measured on this machine, simulated for many.

    python benchmarks/scale.py scale.json      # one process, two ranks; PyTorch's DDP beside
    python benchmarks/scale.py simulate scale.json      # 1 to 1,000 ranks, from what was measured

A time is what a tenth of the chunks of a training stays below, of 50 ms each.
Efficiency is the time of a step of one process on one thread, over that of a step in which each of
the ranks, on one thread each, has as many examples. Needs mpi4py and mpiexec; PyTorch if there is.

The simulation adds what a sum takes on a network (`collective`) to the time of a step without sums,
which is measured: two ranks that take all steps of a mode but don't send (`MuteRanks`). It is
checked by ranks whose sums take as long as on a network (`SlowRanks`), on this machine. There ranks
share cores, if they are more than these, and a step takes so much longer.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from steepest import SGD, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer
from steepest.ranks.launch import started_as, surroundings
from steepest.ranks.together import Ranks
from steepest.training.local_run import LocalRun
from steepest.training.ranked_run import steps_between
from steepest.training.run import TrainingRun

SHAPES = {
    "784-512-512-10, 128 a rank": ((784, 512, 512, 10), 128),
    "784-128-10, 32 a rank": ((784, 128, 10), 32),
    "20-64-64-2, 32 a rank": ((20, 64, 64, 2), 32),
}
EVERY = (1, 2, 4, 8, 16)
SIZES = (1, 256, 5_000, 26_000, 102_000, 668_000, 4_000_000)
NETWORKS = {  # latency of a message in seconds, bytes a second
    "1 Gb/s": (50e-6, 0.11e9),
    "10 Gb/s": (30e-6, 1.1e9),
    "100 Gb/s": (3e-6, 11e9),
}
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
CHECKED = ((2, "10 Gb/s"), (2, "1 Gb/s"), (3, "1 Gb/s"), (4, "1 Gb/s"))
SECONDS, TRIES = 1.5, 40


def parameters(widths: tuple[int, ...]) -> int:
    return sum((p + 1) * q for p, q in itertools.pairwise(widths))


def data_for(widths: tuple[int, ...], rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, widths[0])).astype(np.float32)
    return X, rng.integers(0, widths[-1], rows)


def step_time(widths: tuple[int, ...], batch: int, ranks: Ranks | None, threads: int) -> float:
    """Return seconds a step, of the slowest rank: what the quickest tenth of chunks stay below."""
    size = 1 if ranks is None else ranks.size
    X, y = data_for(widths, 64 * batch)
    layers = [layer for width in widths[1:-1] for layer in (Dense(width), ReLU())]
    network = Network(*layers, Dense(widths[-1]), inputs=widths[0])
    settings = {"batch": batch * size, "threads": threads, "sampling": "sequential"}
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(lr=1e-4), ranks=ranks, **settings)
    trainer.fit(X, y, epochs=1)
    with chunk_times() as times:
        trainer.fit(X, y, epochs=10**6, time_limit=SECONDS)
    own = quick(times[2:])
    return own if ranks is None else max(ranks.gather(own))


@contextmanager
def chunk_times() -> Iterator[list[float]]:
    """Collect how long the steps of each chunk of a training take."""
    times: list[float] = []
    kinds = {kind: kind.run for kind in (TrainingRun, LocalRun)}

    def timed(run: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, rates: Any) -> Any:
            began = time.perf_counter()
            losses = run(self, rates)
            times.append((time.perf_counter() - began) / max(1, len(losses)))
            return losses

        return wrapped

    for kind, run in kinds.items():
        kind.run = timed(run)  # type: ignore[method-assign]
    try:
        yield times
    finally:
        for kind, run in kinds.items():
            kind.run = run  # type: ignore[method-assign]


def quick(times: list[float]) -> float:
    """Return what a tenth of some times stays below: others use this machine, too."""
    return float(np.quantile(times, 0.1))


def call_time(work: Callable[[], Any], ranks: Ranks) -> float:
    work()
    found = []
    for _ in range(TRIES):
        began, count = time.perf_counter(), 10
        for _ in range(count):
            work()
        found.append(max(ranks.gather((time.perf_counter() - began) / count)))
    return quick(found)


class MuteRanks(Ranks):
    """Ranks that take all steps, but send no sums."""

    def sum(self, vector: Any, room: Any = None) -> None:
        """Take the others' vectors for the same, but for losses."""
        if vector.dtype == np.float64:
            super().sum(vector, room)
        else:
            vector *= self.size


class SlowRanks(Ranks):
    """Ranks whose sums take as long as on a network."""

    network = "10 Gb/s"

    def sum(self, vector: Any, room: Any = None) -> None:
        """Sum up, and wait; losses, once a chunk, need no wait."""
        if vector.dtype == np.float64:
            super().sum(vector, room)
            return
        seconds = collective(self.size, vector.nbytes, *NETWORKS[self.network])
        super().sum(vector, room)  # all have come; this one takes the time of the sum, too
        until = time.perf_counter() + seconds
        if seconds > 0.002:
            time.sleep(seconds - 0.001)  # leaves the core to others
        while time.perf_counter() < until:
            pass


def collective(ranks: int, nbytes: float, latency: float, bandwidth: float) -> float:
    """Return the seconds of a sum: two exchanges, each by ring or by tree, whichever is quicker."""
    if ranks == 1:
        return 0.0
    ring = 2 * (ranks - 1) * (latency + nbytes / ranks / bandwidth)
    rounds = math.ceil(math.log2(ranks))
    tree = 2 * rounds * (latency + nbytes / 2 / bandwidth)
    return min(ring, tree)


def on_ranks() -> None:
    """Measure as one of two ranks; the first one prints."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    found: dict[str, Any] = {"sums": {}, "steps": {}, "mute": {}}
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

        found["sums"][size] = [call_time(ours, base), call_time(plain, base)]
    for name, shape in SHAPES.items():
        steps, mute = {}, {}
        for every in EVERY:
            steps[every] = step_time(*shape, Ranks(comm, every), 1)
            mute[every] = step_time(*shape, MuteRanks(comm, every), 1)
        found["steps"][name], found["mute"][name] = steps, mute
    if comm.rank == 0:
        print(json.dumps(found))


def on_slow_ranks(network: str) -> None:
    """Measure the first shape as one of some ranks on a network; the first one prints."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    SlowRanks.network = network
    shape, found = next(iter(SHAPES.values())), {}
    for every in (1, 4, 16):
        found[every] = step_time(*shape, SlowRanks(comm, every), 1)
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
            for _ in range(10):
                rule.zero_grad()
                loss(model(X), y).backward()
                rule.step()
            times.append((time.perf_counter() - began) / 10)
        found[name] = quick(times)
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


def run_ranks(count: int, *words: str) -> dict[str, Any]:
    command = started_as(count, [sys.executable, __file__, *words])
    done = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=True)
    out = done.stdout  # mpiexec may add to it
    found: dict[str, Any] = json.loads(out[out.index("{") : out.rindex("}") + 1])
    return found


def measure(place: Path) -> None:
    """Measure all there is, write it to a file, and print it."""
    found: dict[str, Any] = {
        "cores": os.cpu_count(),
        "alone": {n: step_time(*shape, None, 1) for n, shape in SHAPES.items()},
        "threads": {n: step_time(w, 2 * b, None, 2) for n, (w, b) in SHAPES.items()},
        **run_ranks(2, "rank"),
    }
    found["slow"] = [[n, net, run_ranks(n, "slow", net)] for n, net in CHECKED]
    try:
        found["torch"] = run_torch(2)
    except (ImportError, json.JSONDecodeError):
        found["torch"] = {}
    place.write_text(json.dumps(found, indent=1) + "\n")
    show(json.loads(place.read_text()))


def show(found: dict[str, Any]) -> None:
    """Print what was measured."""
    print(f"{'floats':>10} {'ours, µs':>10} {'Allreduce':>10}")
    for size, (ours, plain) in found["sums"].items():
        print(f"{int(size):>10,} {1e6 * ours:>10.1f} {1e6 * plain:>10.1f}")
    for name, alone in found["alone"].items():
        print(f"\n{name}: one process, one thread {1e6 * alone:.1f} µs a step")
        twice = found["threads"][name]
        print(f"  one process, two threads: {1e6 * twice:.1f} µs, {alone / twice:.2f}")
        for every, took in found["steps"][name].items():
            mute = found["mute"][name][every]
            print(
                f"  two ranks, every {every:>2}: {1e6 * took:.1f} µs, {alone / took:.2f}"
                f" (without sums {1e6 * mute:.1f} µs)"
            )
        if name in found["torch"]:
            print(f"  PyTorch DDP, gloo, two processes: {1e6 * found['torch'][name]:.1f} µs")
    name, (widths, _) = next(iter(SHAPES.items()))
    print(f"\n{name}, with the latency and bandwidth of a network: measured, simulated")
    for ranks, network, times in found["slow"]:
        comm = collective(ranks, 4 * parameters(widths), *NETWORKS[network])
        shared = max(1.0, ranks / found["cores"])
        for every, took in times.items():
            model = shared * without_sums(found, name, int(every)) + comm / int(every)
            print(
                f"  {ranks} ranks, {network}, every {every:>2}: {1e3 * took:.2f} ms, "
                f"{1e3 * model:.2f} ms"
            )


def without_sums(found: dict[str, Any], name: str, every: int) -> float:
    """Return the time of a step of a mode without its sums, for any k: a + c/k from 2 on."""
    mute = {int(k): took for k, took in found["mute"][name].items()}
    if every == 1:
        return mute[1]
    c = max(0.0, (mute[2] - mute[16]) / (1 / 2 - 1 / 16))
    return mute[16] - c / 16 + c / every


def simulated(found: dict[str, Any], name: str, network: str, ranks: int) -> tuple[float, int]:
    """Return the efficiency, and after how many steps ranks average, as they would choose it."""
    alone, nbytes = found["alone"][name], 4 * parameters(SHAPES[name][0])
    if ranks == 1:
        return 1.0, 1
    comm = collective(ranks, nbytes, *NETWORKS[network])
    together, far = without_sums(found, name, 1) + comm, without_sums(found, name, 1 << 20)
    if far >= 0.9 * together:
        return alone / together, 1
    average = without_sums(found, name, 2) * 2 - 2 * far + comm
    every = steps_between(far, average, 10_000)
    return alone / (far + average / every), every


def simulate(found: dict[str, Any]) -> None:
    """Print what many ranks would come to."""
    for name in SHAPES:
        for network in ("10 Gb/s", "100 Gb/s"):
            cells = (
                f"{n}: {e:.2f} (k {k})"
                for n in RANKS
                for e, k in [simulated(found, name, network, n)]
            )
            print(f"{name}, {network}: {', '.join(cells)}")


if __name__ == "__main__":
    mode, *words = sys.argv[1:] or ["scale.json"]
    if mode == "rank":
        on_ranks()
    elif mode == "slow":
        on_slow_ranks(*words)
    elif mode == "torch":
        torch_ddp(*map(int, words))
    elif mode in ("simulate", "show"):
        {"simulate": simulate, "show": show}[mode](json.loads(Path(words[0]).read_text()))
    else:
        measure(Path(mode))

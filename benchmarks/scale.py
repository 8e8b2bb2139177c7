"""Training by several ranks: measured on this machine, simulated for many.

    python benchmarks/scale.py scale.json      # measure; PyTorch's DDP beside, if there is PyTorch
    python benchmarks/scale.py network scale.json      # with sums that take as long as on a network
    python benchmarks/scale.py show scale.json
    python benchmarks/scale.py simulate scale.json      # 1 to 1,000 ranks, from what was measured

All is measured in turn, several rounds of it, and medians are shown. Who measures again adds rounds
to those in the file. A time is the median of the
chunks of a training, of 50 ms each. Efficiency is the time of a step of one process on one thread,
over that of a step in which each of the ranks, on one thread each, has as many examples. What two
processes lose that train side by side and know nothing of each other, the machine takes, not the
ranks. Needs mpi4py and mpiexec.

The simulation adds what a sum takes on a network (`collective`) to the time of a step without sums,
which is measured: two ranks that take all steps of a mode but don't send (`MuteRanks`). It is
checked by ranks whose sums take as long as on a network (`SlowRanks`), on this machine.
"""

from __future__ import annotations

import itertools
import json
import math
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
from steepest.ranks.vectors import SentVector, Vector
from steepest.training.local_run import LocalRun
from steepest.training.ranked_run import steps_between
from steepest.training.run import TrainingRun

SHAPES = {
    "784-512-512-10, 128 a rank": ((784, 512, 512, 10), 128),
    "784-128-10, 32 a rank": ((784, 128, 10), 32),
    "20-64-64-2, 32 a rank": ((20, 64, 64, 2), 32),
}
EVERY = (1, 2, 4, 16)
SIZES = (1, 256, 5_000, 26_000, 102_000, 668_000, 4_000_000)
NETWORKS = {  # latency of a message in seconds, bytes a second
    "1 Gb/s": (50e-6, 0.11e9),
    "10 Gb/s": (30e-6, 1.1e9),
    "100 Gb/s": (3e-6, 11e9),
}
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
CHECKED = ((2, "10 Gb/s"), (2, "1 Gb/s"), (3, "1 Gb/s"), (4, "10 Gb/s"))
ONE, TWO, APART, CHOSEN, TORCH = "one thread", "two threads", "side by side", "chosen", "PyTorch"
SECONDS, ROUNDS, TRIES = 0.35, 3, 15


def parameters(widths: tuple[int, ...]) -> int:
    return sum((p + 1) * q for p, q in itertools.pairwise(widths))


def data_for(widths: tuple[int, ...], rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, widths[0])).astype(np.float32)
    return X, rng.integers(0, widths[-1], rows)


def trainer_of(
    widths: tuple[int, ...], batch: int, ranks: Ranks | None = None, threads: int = 1
) -> Callable[[], float]:
    """Return what trains for a while, and returns the seconds of a step."""
    size = 1 if ranks is None else ranks.size
    X, y = data_for(widths, 64 * batch)
    layers = [layer for width in widths[1:-1] for layer in (Dense(width), ReLU())]
    network = Network(*layers, Dense(widths[-1]), inputs=widths[0])
    settings = {"batch": batch * size, "threads": threads, "sampling": "sequential"}
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(lr=1e-4), ranks=ranks, **settings)

    def train() -> float:
        with chunk_times() as times:
            trainer.fit(X, y, epochs=10**6, time_limit=SECONDS)
        return float(np.median(times[2:] or times))

    return train


def alone(base: Ranks, train: Callable[[], float]) -> Callable[[], float]:
    """Return what trains on the first rank; the others wait."""
    return lambda: base.first(train() if base.speaks else 0.0)


def slowest(base: Ranks, train: Callable[[], float]) -> Callable[[], float]:
    """Return what trains on all ranks at the same time; the time is that of the slowest."""

    def all_train() -> float:
        base.gather(None)
        return max(base.gather(train()))

    return all_train


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


def call_time(work: Callable[[], Any], ranks: Ranks) -> float:
    work()
    found = []
    for _ in range(TRIES):
        began, count = time.perf_counter(), 10
        for _ in range(count):
            work()
        found.append(max(ranks.gather((time.perf_counter() - began) / count)))
    return float(np.median(found))


class Mute:
    """A vector that is not sent: the others' are taken for the same."""

    def __init__(self, vector: Vector, size: int) -> None:
        self.array, self._size = vector.array, size

    def sum(self) -> None:
        """Take the others' for the same."""
        np.multiply(self.array, self._size, out=self.array)


class Slow:
    """A vector whose sum takes as long as on a network."""

    def __init__(self, vector: Vector, ranks: Ranks, seconds: float) -> None:
        self.array, self._vector, self._ranks, self._seconds = vector.array, vector, ranks, seconds

    def sum(self) -> None:
        """Add up, and wait; the time begins when all have come."""
        self._ranks.meet()
        until = time.perf_counter() + self._seconds
        self._vector.sum()
        left = until - time.perf_counter()
        if left > 0.002:
            time.sleep(left - 0.001)  # leaves the core to others
        while time.perf_counter() < until:
            pass


class MuteRanks(Ranks):
    """Ranks that take all steps, but send no vectors."""

    def vector(self, size: int, dtype: Any) -> Vector:
        """Return one that is not sent."""
        return Mute(super().vector(size, dtype), self.size)


class SlowRanks(Ranks):
    """Ranks whose sums take as long as on a network."""

    network = "10 Gb/s"

    def vector(self, size: int, dtype: Any) -> Vector:
        """Return one that takes long to sum up."""
        vector = super().vector(size, dtype)
        return Slow(vector, self, collective(self.size, vector.array.nbytes, self.network))


def collective(ranks: int, nbytes: float, network: str) -> float:
    """Return the seconds of a sum: two exchanges, each by ring or by tree, whichever is quicker."""
    if ranks == 1:
        return 0.0
    latency, bandwidth = NETWORKS[network]
    ring = 2 * (ranks - 1) * (latency + nbytes / ranks / bandwidth)
    rounds = math.ceil(math.log2(ranks))
    tree = 2 * rounds * (latency + nbytes / 2 / bandwidth)
    return min(ring, tree)


def in_turn(tasks: dict[str, dict[str, Callable[[], float]]]) -> dict[str, dict[str, list[float]]]:
    """Run all tasks, several rounds."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in tasks}
    for _ in range(ROUNDS):
        for name, own in tasks.items():
            for task, work in own.items():
                found[name].setdefault(task, []).append(work())
    return found


def sums(base: Ranks) -> dict[str, dict[str, Callable[[], float]]]:
    """Return sums of some sizes to measure: in shared memory, sent, and by plain mpi4py."""
    from mpi4py import MPI

    tasks = {}
    for size in SIZES:
        plain = np.zeros(size, np.float32)
        works = {
            "shared": base.vector(size, np.float32).sum,
            "sent": SentVector(base, size, np.float32).sum,
            "Allreduce": lambda plain=plain: MPI.COMM_WORLD.Allreduce(MPI.IN_PLACE, plain),
        }
        tasks[str(size)] = {k: lambda work=work: call_time(work, base) for k, work in works.items()}
    return tasks


def on_ranks() -> None:
    """Measure as one of two ranks; the first one prints."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    base = Ranks(comm)
    torch = torch_trainers(base)
    tasks: dict[str, dict[str, Callable[[], float]]] = {}
    for name, (widths, batch) in SHAPES.items():
        own = tasks[name] = {
            ONE: alone(base, trainer_of(widths, batch)),
            TWO: alone(base, trainer_of(widths, 2 * batch, threads=2)),
            APART: slowest(base, trainer_of(widths, batch)),
            CHOSEN: slowest(base, trainer_of(widths, batch, Ranks(comm))),
        }
        for k in EVERY:
            for kind, ranks in (("every", Ranks(comm, k)), ("mute", MuteRanks(comm, k))):
                own[f"{kind} {k}"] = slowest(base, trainer_of(widths, batch, ranks))
        own |= torch(widths, batch)
    found = {"sums": in_turn(sums(base)), "steps": in_turn(tasks)}
    if base.speaks:
        print(json.dumps(found))


def on_slow_ranks(network: str) -> None:
    """Measure the first shape as one of some ranks on a network; the first one prints."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    SlowRanks.network, base = network, Ranks(comm)
    shape, own = next(iter(SHAPES.values())), {}
    for k in (1, 4, 16):
        for kind, ranks in (("every", SlowRanks(comm, k)), ("mute", MuteRanks(comm, k))):
            own[f"{kind} {k}"] = slowest(base, trainer_of(*shape, ranks))
    found = in_turn({f"{comm.size} ranks, {network}": own})
    if base.speaks:
        print(json.dumps(found))


def torch_trainers(base: Ranks) -> Callable[..., dict[str, Callable[[], float]]]:
    """Return what makes the tasks of PyTorch for a shape; none without PyTorch."""
    try:
        import torch
        import torch.distributed as dist
    except ImportError:
        return lambda *_: {}
    torch.set_num_threads(1)
    place = "tcp://127.0.0.1:29531"
    dist.init_process_group("gloo", init_method=place, rank=base.rank, world_size=base.size)

    def trainer(widths: tuple[int, ...], batch: int, together: bool) -> Callable[[], float]:
        layers: list[Any] = []
        for p, q in itertools.pairwise(widths):
            layers += [torch.nn.Linear(p, q), torch.nn.ReLU()]
        model: Any = torch.nn.Sequential(*layers[:-1])
        if together:
            model = torch.nn.parallel.DistributedDataParallel(model)
        rule, loss = torch.optim.SGD(model.parameters(), lr=1e-4), torch.nn.CrossEntropyLoss()
        X, y = (torch.from_numpy(part) for part in data_for(widths, batch))

        def train() -> float:
            times = []
            for _ in range(TRIES):
                began = time.perf_counter()
                for _ in range(10):
                    rule.zero_grad()
                    loss(model(X), y).backward()
                    rule.step()
                times.append((time.perf_counter() - began) / 10)
            return float(np.median(times))

        return train

    def tasks(widths: tuple[int, ...], batch: int) -> dict[str, Callable[[], float]]:
        return {
            f"{TORCH}, {ONE}": alone(base, trainer(widths, batch, together=False)),
            f"{TORCH} DDP": slowest(base, trainer(widths, batch, together=True)),
        }

    return tasks


def run_ranks(count: int, *words: str) -> dict[str, Any]:
    command = started_as(count, [sys.executable, __file__, *words])
    done = subprocess.run(
        command, env=surroundings(), stdout=subprocess.PIPE, text=True, check=True
    )
    out = done.stdout  # mpiexec may add to it
    found: dict[str, Any] = json.loads(out[out.index("{") : out.rindex("}") + 1])
    return found


def measure(place: Path) -> None:
    """Measure two ranks."""
    add(place, run_ranks(2, "rank"))


def measure_networks(place: Path) -> None:
    """Measure sums that last as long as on a network."""
    for count, network in CHECKED:
        add(place, {"slow": run_ranks(count, "slow", network)})


def add(place: Path, found: dict[str, Any]) -> None:
    """Add what was measured to what a file has, and print all."""
    known = json.loads(place.read_text()) if place.exists() else {}
    place.write_text(json.dumps(joined(known, found), indent=1) + "\n")
    show(json.loads(place.read_text()))


def joined(known: Any, found: Any) -> Any:
    """Return times of both, by their names."""
    if isinstance(found, list):
        return known + found
    return known | {name: joined(known.get(name, type(own)()), own) for name, own in found.items()}


def median(found: dict[str, Any], name: str, task: str) -> float:
    """Return the seconds of a step."""
    return float(np.median(found["steps"][name][task]))


def over(found: dict[str, Any], name: str, times: list[float]) -> float:
    """Return the efficiency of steps that were measured apart."""
    return median(found, name, ONE) / float(np.median(times))


def efficiency(found: dict[str, Any], name: str, task: str, base: str = ONE) -> float:
    """Return the time of a task over that of another, round by round."""
    steps = found["steps"][name]
    return float(np.median(np.divide(steps[base], steps[task])))


def show(found: dict[str, Any]) -> None:
    """Print what was measured."""
    print(f"{'floats':>10} {'shared, µs':>10} {'sent':>10} {'Allreduce':>10}")
    for size, kinds in found.get("sums", {}).items():
        print(f"{int(size):>10,}", *(f"{1e6 * np.median(t):>10.1f}" for t in kinds.values()))
    for name, tasks in found.get("steps", {}).items():
        print(f"\n{name}: a step in µs; efficiency, and beside two that train apart")
        for task, times in tasks.items():
            base = f"{TORCH}, {ONE}" if task.startswith(TORCH) else ONE
            parts = efficiency(found, name, task, base), efficiency(found, name, task, APART)
            print(f"  {task:<20} {1e6 * np.median(times):>9.1f}", *(f"{p:>6.2f}" for p in parts))
    name, (widths, _) = next(iter(SHAPES.items()))
    for case, tasks in found.get("slow", {}).items():
        ranks, network = case.split(" ranks, ")
        comm = collective(int(ranks), 4 * parameters(widths), network)
        print(f"\n{name}, {case}: measured, simulated")
        for task in (t for t in tasks if t.startswith("every")):
            k = int(task.split()[1])
            took, mute = np.median(tasks[task]), np.median(tasks[f"mute {k}"])
            model = mute + comm / k
            print(
                f"  {task:<10} {1e3 * took:.2f} ms, {1e3 * model:.2f} ms, {model / took - 1:+.0%}"
            )


def without_sums(found: dict[str, Any], name: str, every: int) -> float:
    """Return the time of a step of a mode without its sums, for any k: a + c/k from 2 on."""
    mute = {k: median(found, name, f"mute {k}") for k in EVERY}
    if every == 1:
        return mute[1]
    c = max(0.0, (mute[2] - mute[16]) / (1 / 2 - 1 / 16))
    return mute[16] - c / 16 + c / every


def simulated(
    found: dict[str, Any], name: str, network: str, ranks: int, every: int | None = None
) -> tuple[float, int]:
    """Return the efficiency, and how often ranks average: as they choose, or are told."""
    one, nbytes = median(found, name, ONE), 4 * parameters(SHAPES[name][0])
    if ranks == 1:
        return 1.0, 1
    comm = collective(ranks, nbytes, network)
    together, far = without_sums(found, name, 1) + comm, without_sums(found, name, 1 << 20)
    if every == 1 or (every is None and far >= 0.9 * together):
        return one / together, 1
    average = without_sums(found, name, 2) * 2 - 2 * far + comm
    every = every or steps_between(far, average, 10_000)
    return one / (far + average / every), every


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
    elif mode == "network":
        measure_networks(Path(words[0]))
    elif mode in ("simulate", "show"):
        {"simulate": simulate, "show": show}[mode](json.loads(Path(words[0]).read_text()))
    else:
        measure(Path(mode))

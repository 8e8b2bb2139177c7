"""A step of training of convolutional networks, beside PyTorch and JAX.

For each network all contestants begin with the same parameters, take the same steps of plain
gradient descent, and must come to the same loss. Then they are timed, and the medians and their
ratios are printed, with the part of the machine's product rate that a step reaches. Each has two
turns, in processes of their own: threads that wait by spinning, as PyTorch's do, would take a core
from whoever comes next. With ``--least`` it is the shortest times, of shorter and more rounds: for
a machine that others use too. With ``--passes``, those of a single convolution are timed instead,
each by itself, on the same arrays again and again: y, dx, and dA with db.

    python benchmarks/images.py [--rounds 5] [--threads 2] [--least] [--passes]
        [--only lenet-32 …] [--peers pytorch …]

JAX takes all processors that the process may use: for one thread, begin with ``taskset -c 0``.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from steepest import (
    SGD,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Network,
    ReLU,
    Residual,
    Scale,
    SoftmaxCrossEntropy,
)
from steepest.engine.driver import Control, Engine
from steepest.engine.program import Program
from steepest.layers import Sequential
from steepest.sampling import InOrder
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

SECONDS = 0.4  # of one timing
SHORT = 0.02  # of one of those of which the shortest counts
CHECKED = 3  # steps
TURNS = 2
LR = 0.01
BATCHES = 4  # that the data hold
PASSES = "y", "dx", "dA"
AT_ONCE = 20  # repetitions of a pass in a program


@dataclass
class Cell:
    """A network, the shape of an example, and how many examples a step sees."""

    name: str
    layers: list[Layer]
    shape: tuple[int, ...]
    batch: int

    def problem(self):
        rng = np.random.default_rng(0)
        n = BATCHES * self.batch
        X = rng.standard_normal((n, *self.shape)).astype(np.float32)
        return X, rng.integers(0, 10, n)

    def network(self) -> Network:
        return Network(*self.layers, inputs=self.shape)


def lenet() -> list[Layer]:
    features = Conv2D(6, 5), ReLU(), MaxPool(2), Conv2D(16, 5), ReLU(), MaxPool(2), Flatten()
    return [*features, Dense(120), ReLU(), Dense(84), ReLU(), Dense(10)]


def block(filters: int) -> list[Layer]:
    return [Conv2D(filters, 3, padding="same", bias=False), BatchNorm(), ReLU()]


def residual() -> list[Layer]:
    """Eight convolutions: 3 → 32 · 32 · 32 at 32 × 32, 64 · 64 · 64 at 16, 128 · 128 at 8."""
    return [
        *block(32), Residual(*block(32), *block(32)), MaxPool(2),
        *block(64), Residual(*block(64), *block(64)), MaxPool(2),
        *block(128), *block(128),
        GlobalAveragePool(), Dense(10),
    ]  # fmt: skip


def single(layer: Layer) -> list[Layer]:
    """A layer behind one that learns, so that both halves of Φ are wanted."""
    return [Scale(), layer, GlobalAveragePool(), Dense(10)]


CELLS = [
    Cell("lenet-32", lenet(), (28, 28, 1), 32),
    Cell("lenet-128", lenet(), (28, 28, 1), 128),
    Cell("residual-128", residual(), (32, 32, 3), 128),
    Cell("conv-3x3", single(Conv2D(64, 3, padding="same")), (16, 16, 32), 64),
    Cell("depthwise-3x3", single(Conv2D(64, 3, padding="same", groups=64)), (16, 16, 64), 64),
]


class Steepest:
    name, matmul_dtype = "steepest", None

    def __init__(self, cell: Cell, threads: int) -> None:
        self.network, (X, y) = cell.network(), cell.problem()
        descent = Descent(
            SoftmaxCrossEntropy(), SGD(LR), InOrder(), cell.batch, 0, self.matmul_dtype
        )
        targets = descent.loss.targets(y, 10, "float32")
        data = np.ascontiguousarray(X), targets, None
        self.trained = TrainingRun(self.network, descent, data, slots={}, step=0, threads=threads)

    def run(self, steps: int) -> float:
        return float(self.trained.run(np.full(steps, LR))[-1])

    def passes(self) -> dict[str, Callable[[int], None]]:
        """Return what repeats each pass of the second layer."""
        self.run(2)
        *before, dA = (i for i in self.trained.whole.instructions if i.layer.startswith("1 "))
        forward = 1 + next(k for k, i in enumerate(before) if i.formula.startswith("y"))
        threads, control = self.trained.threads, Control()

        def repeated(*instructions) -> Callable[[int], None]:
            program = Program("a pass", 0, "float32", threads, [*instructions] * AT_ONCE)
            program.assemble()

            def run(times: int) -> None:
                with Engine(program, None, threads, control) as engine:
                    engine.run(0, -(-times // AT_ONCE))

            return run

        calls = repeated(*before[:forward]), repeated(*before[forward:]), repeated(dA)
        return dict(zip(PASSES, calls, strict=True))


class InPairs(Steepest):
    name, matmul_dtype = "steepest bfloat16", "bfloat16"


def torch_module(network: Network):
    """Return the same layers in PyTorch, with the same parameters."""
    import torch
    from torch import nn

    class Plus(nn.Module):
        def __init__(self, *inner):
            super().__init__()
            self.inner = nn.Sequential(*inner)

        def forward(self, x):
            return x + self.inner(x)

    class PerChannel(nn.Module):
        def __init__(self, s):
            super().__init__()
            self.s = nn.Parameter(torch.tensor(s)[None, :, None, None])

        def forward(self, x):
            return self.s * x

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    class Rows(nn.Module):
        """Flatten with the channels last, as in the network beside."""

        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    def numbers(path: str):
        parameters = network.parameters
        own = {k.rpartition(".")[2]: v for k, v in parameters.items() if k.startswith(f"{path}.")}
        return {name: np.array(array) for name, array in own.items()}

    def module(layer: Layer, path: str, p: int):
        P = numbers(path)
        if isinstance(layer, Residual | Sequential):
            found, inner = [], p
            for k, child in enumerate(layer.layers):
                each, inner = module(child, f"{path}.{k}", inner)
                found.append(each)
            return Plus(*found), inner
        if isinstance(layer, Conv2D):
            settings = {"groups": layer.groups, "bias": layer.bias, "padding": layer.padding}
            made = nn.Conv2d(p, layer.filters, layer.kernel_size, **settings)
            made.weight.data = torch.tensor(P["A"].transpose(3, 2, 0, 1))
            if layer.bias:
                made.bias.data = torch.tensor(P["b"])
            return made, layer.filters
        if isinstance(layer, Dense):
            made = nn.Linear(P["A"].shape[1], layer.units)
            made.weight.data, made.bias.data = torch.tensor(P["A"]), torch.tensor(P["b"])
            return made, layer.units
        plain = {
            ReLU: nn.ReLU,
            MaxPool: lambda: nn.MaxPool2d(2),
            BatchNorm: lambda: nn.BatchNorm2d(p),
            GlobalAveragePool: Mean,
            Flatten: Rows,
            Scale: lambda: PerChannel(P["s"]),
        }
        return plain[type(layer)](), p

    modules, p = [], network.input_shape[-1]
    for k, layer in enumerate(network.layers):
        each, p = module(layer, str(k), p)
        modules.append(each)
    return nn.Sequential(*modules).to(memory_format=torch.channels_last)


class PyTorch:
    name, compiled = "pytorch", False

    def __init__(self, cell: Cell, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        X, y = cell.problem()
        self.module = torch_module(cell.network())
        self.rule = torch.optim.SGD(self.module.parameters(), LR)
        self.X = torch.tensor(X).permute(0, 3, 1, 2)  # channels last in memory
        self.y, self.batch, self.next = torch.tensor(y), cell.batch, 0
        self.loss = torch.nn.CrossEntropyLoss()
        self.step = torch.compile(self._step) if self.compiled else self._step

    def _step(self, x, y):
        loss = self.loss(self.module(x), y)
        loss.backward()
        return loss

    def run(self, steps: int) -> float:
        for _ in range(steps):
            begin = self.next % BATCHES * self.batch
            self.next += 1
            rows = slice(begin, begin + self.batch)
            self.rule.zero_grad(set_to_none=True)
            loss = self.step(self.X[rows], self.y[rows])
            self.rule.step()
        return float(loss.detach())

    def passes(self) -> dict[str, Callable[[int], None]]:
        """Return what repeats each pass of the second layer."""
        import torch

        layer = self.module[1]
        A, b, groups, last = layer.weight, layer.bias, layer.groups, torch.channels_last
        q, p = A.shape[0], A.shape[1] * groups
        size = len(self.X) // BATCHES, *self.X.shape[2:]
        x, dy = (torch.randn(size[0], c, *size[1:]).to(memory_format=last) for c in (p, q))
        rest = [1, 1], [1, 1], [1, 1], False, [0, 0], groups
        torch.set_grad_enabled(False)

        def dx():
            return torch.ops.aten.convolution_backward(dy, x, A, [q], *rest, [True, False, False])

        def dtheta():
            return torch.ops.aten.convolution_backward(dy, x, A, [q], *rest, [False, True, True])

        calls = lambda: torch.ops.aten.convolution(x, A, b, *rest), dx, dtheta
        calls = [torch.compile(call) if self.compiled else call for call in calls]

        def repeated(call) -> Callable[[int], None]:
            def run(times: int) -> None:
                for _ in range(times):
                    call()

            return run

        return {name: repeated(call) for name, call in zip(PASSES, calls, strict=True)}


class CompiledPyTorch(PyTorch):
    name, compiled = "pytorch compiled", True


def jax_forward(layers, path: str, theta, x):
    """Return what layers make of x, (n, h, w, p), with parameters by their names."""
    import jax.numpy as jnp
    from jax import lax, nn

    for k, layer in enumerate(layers):
        own, at = f"{path}{k}.", functools.partial(_number, theta, f"{path}{k}.")
        if isinstance(layer, Residual):
            x = x + jax_forward(layer.layers, own, theta, x)
        elif isinstance(layer, Conv2D):
            axes = ("NHWC", "HWIO", "NHWC")
            around = "SAME" if layer.padding == "same" else "VALID"
            x = lax.conv_general_dilated(
                x, at("A"), (1, 1), around, dimension_numbers=axes,
                feature_group_count=layer.groups,
            )  # fmt: skip
            x = x + at("b") if layer.bias else x
        elif isinstance(layer, BatchNorm):
            mean = x.mean((0, 1, 2))
            variance = ((x - mean) ** 2).mean((0, 1, 2))
            x = at("gamma") * (x - mean) / jnp.sqrt(variance + layer.eps) + at("beta")
        elif isinstance(layer, MaxPool):
            window = (1, 2, 2, 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        elif isinstance(layer, Dense):
            x = x @ at("A").T + at("b")
        else:
            plain = {
                ReLU: nn.relu,
                Scale: lambda x, at=at: at("s") * x,
                GlobalAveragePool: lambda x: x.mean((1, 2)),
                Flatten: lambda x: x.reshape(len(x), -1),
            }
            x = plain[type(layer)](x)
    return x


def _number(theta, path: str, name: str):
    return theta[path + name]


class Jax:
    """Steps in a scan, compiled once for each number of them."""

    name = "jax"

    def __init__(self, cell: Cell, threads: int) -> None:
        import jax
        import jax.numpy as jnp
        from jax import lax, nn

        network, (X, y) = cell.network(), cell.problem()
        self.theta = {name: jnp.array(array) for name, array in network.parameters.items()}
        X, y = (
            jnp.array(X.reshape(BATCHES, cell.batch, *cell.shape)),
            jnp.array(y.reshape(BATCHES, cell.batch)),
        )
        self.next = 0

        def loss(theta, x, y):
            z = nn.log_softmax(jax_forward(network.layers, "", theta, x))
            return -jnp.take_along_axis(z, y[:, None], 1).mean()

        def step(theta, k):
            value, g = jax.value_and_grad(loss)(theta, X[k], y[k])
            return {name: t - LR * g[name] for name, t in theta.items()}, value

        self.scan = jax.jit(lambda theta, numbers: lax.scan(step, theta, numbers))

    def run(self, steps: int) -> float:
        numbers = np.arange(self.next, self.next + steps) % BATCHES
        self.next += steps
        self.theta, losses = self.scan(self.theta, numbers)
        return float(losses[-1])


def product_rate(threads: int) -> float:
    """Return the FLOP a second of our own product of matrices on so many threads."""
    network = Network(Dense(1024, bias=False), Dense(1024, bias=False), inputs=1024)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((512, 1024)).astype(np.float32)
    descent = Descent(SoftmaxCrossEntropy(), SGD(1e-9), InOrder(), 512, 0)
    targets = descent.loss.targets(rng.integers(0, 1024, 512), 1024, "float32")
    run = TrainingRun(network, descent, (X, targets, None), slots={}, step=0, threads=threads)
    run.run(np.full(3, 1e-9))
    best = min(_timed(lambda: run.run(np.full(10, 1e-9))) for _ in range(5)) / 10
    return 5 * 2 * 512 * 1024 * 1024 / best  # the first layer needs no dx


def flops(network: Network) -> int:
    """Return the floating-point operations of a step for one example: the first needs no dx."""
    children = network.layer.children_at(network.input_shape)
    each = [layer.flops_at(shape) for _, layer, shape in children]
    return 3 * sum(each) - each[0]


def _timed(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(
    work: Callable, cell: Cell, names: list[str], threads: int, rounds: int, seconds: float
) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds of each contestant by what took them, of all turns and rounds."""
    found: dict[str, dict[str, list[float]]] = {}
    known = None
    for turn in range(TURNS):
        for name in names:
            if turn and name not in found:
                continue
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                done = process.submit(work, name, cell.name, threads, rounds, seconds)
            try:
                loss, times = done.result()
            except ImportError:
                print(f"  {name} is not installed")
                continue
            except Exception as error:  # a compiler that is not there
                print(f"  {name} can't run: {type(error).__name__}")
                continue
            known = loss if known is None else known
            apart = 1e-2 if name == InPairs.name else 1e-3
            assert abs(loss - known) < apart * abs(known), (name, loss, known)
            for what, each in times.items():
                found.setdefault(name, {}).setdefault(what, []).extend(each)
    return found


def steps(
    name: str, cell_name: str, threads: int, rounds: int, seconds: float
) -> tuple[float, dict[str, list[float]]]:
    """Return a contestant's loss after some steps, and its milliseconds a step, round by round."""
    cell = next(cell for cell in CELLS if cell.name == cell_name)
    contestant = CONTESTANTS[name](cell, threads)
    loss = contestant.run(CHECKED)
    return loss, {"a step": timed(contestant.run, CHECKED, rounds, seconds)}


def passes(
    name: str, cell_name: str, threads: int, rounds: int, seconds: float
) -> tuple[float, dict[str, list[float]]]:
    """Return the same of each pass of its second layer."""
    cell = next(cell for cell in CELLS if cell.name == cell_name)
    contestant = CONTESTANTS[name](cell, threads)
    loss = contestant.run(CHECKED)
    return loss, {
        what: timed(call, AT_ONCE, rounds, seconds / 4)
        for what, call in contestant.passes().items()
    }


def timed(call: Callable[[int], object], least: int, rounds: int, seconds: float) -> list[float]:
    """Return the milliseconds of a repetition, round by round; ``least`` of them at once."""
    call(least)
    took = _timed(lambda: call(least))
    count = least * max(1, round(seconds / took))
    call(count)  # compiles, where that depends on the number
    return [1e3 * _timed(lambda: call(count)) / count for _ in range(rounds)]


CONTESTANTS = {kind.name: kind for kind in (Steepest, InPairs, PyTorch, CompiledPyTorch, Jax)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--least", action="store_true")
    parser.add_argument("--passes", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[cell.name for cell in CELLS])
    parser.add_argument("--peers", nargs="*", default=list(CONTESTANTS)[1:], metavar="NAME")
    asked = parser.parse_args()
    typical, seconds, rounds = statistics.median, SECONDS, asked.rounds
    if asked.least:
        typical, seconds, rounds = min, SHORT, round(asked.rounds * SECONDS / SHORT)
    rate = product_rate(asked.threads)
    print(f"product of matrices on {asked.threads} threads: {rate / 1e9:.0f} GFLOP/s")
    work = passes if asked.passes else steps
    for cell in CELLS:
        if cell.name not in asked.only or (asked.passes and not isinstance(cell.layers[0], Scale)):
            continue
        names = [Steepest.name, *(n for n in asked.peers if n != Jax.name or not asked.passes)]
        found = measure(work, cell, names, asked.threads, rounds, seconds)
        for what, times in found["steepest"].items():
            ours = typical(times)
            reached = flops(cell.network()) * cell.batch / (1e-3 * ours) / rate
            part = "" if asked.passes else f", {reached:.0%} of the product"
            print(f"{cell.name}, {what}: {ours:.3f} ms{part}")
            for name, each in found.items():
                if name != "steepest":
                    took = typical(each[what])
                    print(f"  {name}: {took:.3f} ms, {took / ours:.2f} ×")


if __name__ == "__main__":
    main()

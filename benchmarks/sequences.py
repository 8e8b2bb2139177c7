"""A step of training of language models, and writing with them, beside PyTorch and JAX.

All contestants begin with the same parameters and take the same steps of AdamW; their losses must
agree. PyTorch has its fused attention and its fused AdamW, eager and compiled; JAX runs all steps
in one jitted scan. Each has some turns, in processes of their own (`contest.py`), and the median of
its rounds is printed, with the least; ratios are of medians, to ours. Then the model writes, with a
cache of keys and values; PyTorch's compiled step has one of a fixed size, and a mask.

    python benchmarks/sequences.py [--rounds 5] [--threads 2] [--only model block-16 …]
        [--peers pytorch …] [--seconds 0.3]

How fast the products of a step run is printed too: beside our own product of large matrices.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

import numpy as np

from contest import in_turns, seconds_of
from steepest import (
    GELU,
    AdamW,
    Attention,
    Decoder,
    Dense,
    LearnedPositions,
    Network,
    Residual,
    RMSNorm,
    SoftmaxCrossEntropy,
    TokenEmbedding,
)
from steepest.sampling import InOrder
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

CHECKED = 3  # steps
LR, DECAY, HEADS = 1e-3, 0.1, 4
WRITTEN = 64


@dataclass(frozen=True)
class Cell:
    """A model, the length of a sequence, and how many a step sees."""

    name: str
    codes: int
    width: int
    blocks: int
    steps: int
    batch: int

    def problem(self):
        rng = np.random.default_rng(0)
        tokens = rng.integers(self.codes, size=(4 * self.batch, self.steps + 1))
        return tokens[:, :-1].copy(), tokens[:, 1:].copy()

    def network(self) -> Network:
        d, layers = self.width, []
        for _ in range(self.blocks):
            layers.append(Residual(RMSNorm(), Attention(HEADS, causal=True, bias=False)))
            feed = Dense(4 * d, bias=False), GELU("tanh"), Dense(d, bias=False)
            layers.append(Residual(RMSNorm(), *feed))
        first = TokenEmbedding(self.codes, d, std=0.1), LearnedPositions(self.steps)
        last = RMSNorm(), Dense(self.codes, bias=False)
        return Network(*first, *layers, *last, inputs=self.steps)


CELLS = [
    Cell("model", 65, 128, 4, 64, 12),
    Cell("block-64", 27, 64, 1, 16, 16),
    Cell("block-32", 27, 32, 1, 16, 16),
    Cell("block-16", 27, 16, 1, 16, 16),
]


class Steepest:
    name, matmul_dtype = "steepest", None

    def __init__(self, cell: Cell, threads: int) -> None:
        self.network, (X, y) = cell.network(), cell.problem()
        rule = AdamW(LR, weight_decay=DECAY)
        settings = SoftmaxCrossEntropy(), rule, InOrder(), cell.batch, 0, self.matmul_dtype
        data = X.astype(np.float32), y, None
        self.trained = TrainingRun(
            self.network, Descent(*settings), data, slots={}, step=0, threads=threads
        )
        self.trained.engine.__enter__()  # its threads wait for the next run

    def run(self, steps: int) -> float:
        """Take so many steps; return the loss of the last one."""
        return float(self.trained.run(np.full(steps, LR))[-1])

    def writer(self):
        decoder = Decoder(self.network)

        def write():
            decoder.reset()
            decoder.generate([0], WRITTEN)

        return write


class InPairs(Steepest):
    name, matmul_dtype = "steepest bfloat16", "bfloat16"


class Torch:
    name, compiled = "pytorch", False

    def __init__(self, cell: Cell, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch, self.cell, self.at = torch, cell, 0
        own = cell.network().parameters
        self.P = {k: torch.tensor(np.array(v), requires_grad=True) for k, v in own.items()}
        self.X, self.y = map(torch.tensor, cell.problem())
        kinds = [[v for k, v in self.P.items() if k.endswith(".A") == d] for d in (True, False)]
        groups = [
            {"params": params, "weight_decay": decay}
            for params, decay in zip(kinds, (DECAY, 0), strict=True)
        ]
        self.rule = torch.optim.AdamW(groups, lr=LR, fused=True)
        self.forward = torch.compile(self._loss) if self.compiled else self._loss

    def _norm(self, x, name):
        return self.torch.nn.functional.rms_norm(x, x.shape[-1:], self.P[name], 1e-5)

    def _attend(self, k, q, keys, values):
        """Return what all steps make of all before them."""
        attend = self.torch.nn.functional.scaled_dot_product_attention
        return attend(q, keys, values, is_causal=True)

    def logits(self, x, positions, attend):
        """Return z of tokens x (n, T), each block's heads by attend(block, q, keys, values)."""
        F, P, cell = self.torch.nn.functional, self.P, self.cell
        n, steps = x.shape
        h = F.embedding(x, P["0.E"]) + positions
        for k in range(2, 2 + 2 * cell.blocks, 2):
            inner = F.linear(self._norm(h, f"{k}.0.gamma"), P[f"{k}.1.in_proj.A"])
            parts = (part.view(n, steps, HEADS, -1).transpose(1, 2) for part in inner.chunk(3, -1))
            y = attend(k, *parts).transpose(1, 2).flatten(2)
            h = h + F.linear(y, P[f"{k}.1.out_proj.A"])
            inner = F.linear(self._norm(h, f"{k + 1}.0.gamma"), P[f"{k + 1}.1.A"])
            h = h + F.linear(F.gelu(inner, approximate="tanh"), P[f"{k + 1}.3.A"])
        end = 2 + 2 * cell.blocks
        return F.linear(self._norm(h, f"{end}.gamma"), P[f"{end + 1}.A"])

    def _loss(self, x, y):
        z = self.logits(x, self.P["1.P"], self._attend)
        return self.torch.nn.functional.cross_entropy(z.flatten(0, 1), y.flatten())

    def run(self, steps: int) -> float:
        for _ in range(steps):
            rows = slice(self.at, self.at + self.cell.batch)
            self.at = (self.at + self.cell.batch) % len(self.X)
            self.rule.zero_grad(set_to_none=True)
            loss = self.forward(self.X[rows], self.y[rows])
            loss.backward()
            self.rule.step()
        return float(loss.detach())

    def _cache(self):
        shape, numbers = (1, HEADS, self.cell.steps, self.cell.width // HEADS), range(2, 40, 2)
        return {k: (self.torch.zeros(shape), self.torch.zeros(shape)) for k in numbers}

    def _token(self, token, cache, at):
        """Return z of the step ``at``, and put its keys and values into the cache."""
        attends = self.torch.nn.functional.scaled_dot_product_attention

        def attend(k, q, keys, values):
            cache[k][0][:, :, at : at + 1], cache[k][1][:, :, at : at + 1] = keys, values
            return attends(q, *(each[:, :, : at + 1] for each in cache[k]))

        return self.logits(token, self.P["1.P"][at : at + 1], attend)

    def writer(self):
        torch = self.torch
        cache, places = self._cache(), self._places()

        @torch.inference_mode()
        def write():
            token = torch.zeros(1, 1, dtype=torch.long)
            for at in places:
                z = self._token(token, cache, at)[:, -1]
                token = torch.multinomial(torch.softmax(z, -1), 1)

        return write

    def _places(self):
        return range(WRITTEN)


class CompiledTorch(Torch):
    """The same, compiled; to be compiled once, it writes with one shape and a mask."""

    name, compiled = "pytorch compiled", True

    def __init__(self, cell: Cell, threads: int) -> None:
        super().__init__(cell, threads)
        self._token = self.torch.compile(self._token)

    def _token(self, token, cache, at):
        attends = self.torch.nn.functional.scaled_dot_product_attention
        seen = self.torch.arange(self.cell.steps) <= at

        def attend(k, q, keys, values):
            for kept, new in zip(cache[k], (keys, values), strict=True):
                kept.index_copy_(2, at, new)
            return attends(q, *cache[k], attn_mask=seen[None, None, None])

        return self.logits(token, self.P["1.P"][at], attend)

    def _places(self):
        return [self.torch.tensor([t]) for t in range(WRITTEN)]


class Jax:
    name = "jax"

    def __init__(self, cell: Cell, threads: int) -> None:
        import jax
        from jax import numpy as jnp

        self.jax, self.jnp, self.cell, self.at = jax, jnp, cell, 0
        own = cell.network().parameters
        P = {k: jnp.array(np.array(v)) for k, v in own.items()}
        zeros = {k: jnp.zeros_like(v) for k, v in P.items()}
        self.state = P, zeros, zeros, jnp.zeros(())
        X, y = cell.problem()
        shape = -1, cell.batch, cell.steps
        self.batches = jnp.array(X.reshape(shape)), jnp.array(y.reshape(shape))
        self._run = jax.jit(lambda s, at: jax.lax.scan(self._step, s, at))

    def _norm(self, x, gamma):
        return gamma * x * self.jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)

    def _loss(self, P, x, y):
        jnp, nn, cell = self.jnp, self.jax.nn, self.cell
        n, steps = x.shape
        h = P["0.E"][x] + P["1.P"]
        for k in range(2, 2 + 2 * cell.blocks, 2):
            inner = self._norm(h, P[f"{k}.0.gamma"]) @ P[f"{k}.1.in_proj.A"].T
            parts = [part.reshape(n, steps, HEADS, -1) for part in jnp.split(inner, 3, -1)]
            attended = nn.dot_product_attention(*parts, is_causal=True)
            h = h + attended.reshape(h.shape) @ P[f"{k}.1.out_proj.A"].T
            inner = self._norm(h, P[f"{k + 1}.0.gamma"]) @ P[f"{k + 1}.1.A"].T
            h = h + nn.gelu(inner, approximate=True) @ P[f"{k + 1}.3.A"].T
        end = 2 + 2 * cell.blocks
        z = self._norm(h, P[f"{end}.gamma"]) @ P[f"{end + 1}.A"].T
        log = nn.log_softmax(z)
        return -jnp.take_along_axis(log, y[..., None], -1).mean()

    def _step(self, state, at):
        jnp, tree = self.jnp, self.jax.tree
        P, m, v, t = state
        loss, g = self.jax.value_and_grad(self._loss)(P, *(each[at] for each in self.batches))
        t = t + 1
        m = tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, mend = LR / (1 - 0.9**t), 1 - 0.999**t
        P = {
            k: p * (1 - LR * DECAY * k.endswith(".A"))
            - rate * m[k] / (jnp.sqrt(v[k] / mend) + 1e-8)
            for k, p in P.items()
        }
        return (P, m, v, t), loss

    def run(self, steps: int) -> float:
        at = (self.at + np.arange(steps)) % len(self.batches[0])
        self.at = (self.at + steps) % len(self.batches[0])
        self.state, losses = self._run(self.state, at)
        return float(losses[-1])


def train(
    name: str, cell_name: str, threads: int, rounds: int, seconds: float
) -> tuple[list[float], list[float]]:
    """Return a contestant's first losses, and its seconds a step, round by round."""
    cell = next(cell for cell in CELLS if cell.name == cell_name)
    contestant = CONTESTANTS[name](cell, threads)
    losses = [contestant.run(1) for _ in range(CHECKED)]
    contestant.run(20)
    count = max(20, round(20 * seconds / seconds_of(lambda: contestant.run(20))))
    contestant.run(count)  # (JAX compiles for a number of steps)
    return losses, [seconds_of(lambda: contestant.run(count)) / count for _ in range(rounds)]


def write(name: str, cell_name: str, threads: int, rounds: int, seconds: float) -> list[float]:
    """Return a contestant's seconds a token, round by round."""
    cell = next(cell for cell in CELLS if cell.name == cell_name)
    writes = CONTESTANTS[name](cell, threads).writer()
    writes()
    count = max(1, round(seconds / seconds_of(writes)))

    def several():
        for _ in range(count):
            writes()

    return [seconds_of(several) / count / WRITTEN for _ in range(rounds)]


def report(what: str, times: dict[str, list[float]], tokens: int) -> None:
    typical = {name: statistics.median(each) for name, each in times.items()}
    for name, seconds in typical.items():
        least = 1e6 * min(times[name])
        print(
            f"{what:10} {name:20} {seconds * 1e6:10,.1f} µs, least {least:10,.1f} "
            f"{tokens / seconds:12,.0f} tokens/s  × {seconds / typical['steepest']:.2f}",
            flush=True,
        )


def measure(cell: Cell, asked: argparse.Namespace) -> None:
    """Print the row of a cell, and that of writing with the model."""
    names = [Steepest.name]
    names += [InPairs.name] if cell.name == "model" else []
    settings = cell.name, asked.threads, asked.rounds, asked.seconds
    found = in_turns(train, [*names, *asked.peers], *settings, turns=asked.turns)
    own = found["steepest"][0][0]
    for name, turns in found.items():
        for losses, _ in turns:
            apart = max(abs(a - b) for a, b in zip(own, losses, strict=True))
            assert apart < (0.02 if name == InPairs.name else 1e-3), (name, losses, own)
    times = {name: [t for _, each in turns for t in each] for name, turns in found.items()}
    report(cell.name, times, cell.batch * cell.steps)
    if cell.name == "model":
        writers = [name for name in [*names, *asked.peers] if hasattr(CONTESTANTS[name], "writer")]
        found = in_turns(write, writers, *settings, turns=asked.turns)
        report("writing", {k: [t for each in v for t in each] for k, v in found.items()}, 1)


CONTESTANTS = {kind.name: kind for kind in (Steepest, InPairs, Torch, CompiledTorch, Jax)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one timing")
    parser.add_argument("--only", nargs="*", default=[cell.name for cell in CELLS])
    parser.add_argument("--peers", nargs="*", default=list(CONTESTANTS)[2:], metavar="NAME")
    asked = parser.parse_args()
    for cell in CELLS:
        if cell.name in asked.only:
            measure(cell, asked)


if __name__ == "__main__":
    main()

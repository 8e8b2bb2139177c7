"""A step of training of language models, and writing with them, beside PyTorch and JAX.

All contestants begin with the same parameters and take the same steps of AdamW; their losses must
agree. PyTorch has its fused attention and its fused AdamW, eager and, with --compiled, compiled;
JAX runs all steps in one jitted scan. They are timed in turns. The least time of each is printed,
which a busy machine disturbs least, and its ratio to ours.

    python benchmarks/sequences.py [--rounds 7] [--threads 2] [--compiled] [--only model block-16 …]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

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

SECONDS = 0.3  # of one timing
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
    name = "steepest"

    def __init__(self, cell: Cell, threads: int, matmul_dtype: str | None = None) -> None:
        self.network, (X, y) = cell.network(), cell.problem()
        rule = AdamW(LR, weight_decay=DECAY)
        settings = SoftmaxCrossEntropy(), rule, InOrder(), cell.batch, 0, matmul_dtype
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


class Torch:
    name = "torch"

    def __init__(self, cell: Cell, threads: int, *, compiled: bool = False) -> None:
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
        self.forward = torch.compile(self._loss) if compiled else self._loss
        if compiled:
            self.name = "torch compiled"

    def _norm(self, x, name):
        return self.torch.nn.functional.rms_norm(x, x.shape[-1:], self.P[name], 1e-5)

    def logits(self, x, cache=None, at=0):
        """Return z of tokens x (n, T); with a cache, of one step that follows those in it."""
        F, P, cell = self.torch.nn.functional, self.P, self.cell
        n, steps = x.shape
        h = F.embedding(x, P["0.E"]) + P["1.P"][at : at + steps]
        for k in range(2, 2 + 2 * cell.blocks, 2):
            inner = F.linear(self._norm(h, f"{k}.0.gamma"), P[f"{k}.1.in_proj.A"])
            parts = (part.view(n, steps, HEADS, -1).transpose(1, 2) for part in inner.chunk(3, -1))
            q, keys, values = parts
            if cache is not None:
                cache[k][0][:, :, at : at + 1], cache[k][1][:, :, at : at + 1] = keys, values
                keys, values = (each[:, :, : at + 1] for each in cache[k])
            attend = F.scaled_dot_product_attention
            y = attend(q, keys, values, is_causal=cache is None).transpose(1, 2).flatten(2)
            h = h + F.linear(y, P[f"{k}.1.out_proj.A"])
            inner = F.linear(self._norm(h, f"{k + 1}.0.gamma"), P[f"{k + 1}.1.A"])
            h = h + F.linear(F.gelu(inner, approximate="tanh"), P[f"{k + 1}.3.A"])
        end = 2 + 2 * cell.blocks
        return F.linear(self._norm(h, f"{end}.gamma"), P[f"{end + 1}.A"])

    def _loss(self, x, y):
        z = self.logits(x)
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

    def writer(self):
        torch, cell = self.torch, self.cell
        shape = 1, HEADS, cell.steps, cell.width // HEADS

        @torch.inference_mode()
        def write():
            cache = {k: (torch.empty(shape), torch.empty(shape)) for k in range(2, 40, 2)}
            token = torch.zeros(1, 1, dtype=torch.long)
            for t in range(WRITTEN):
                z = self.logits(token, cache, t)[:, -1]
                token = torch.multinomial(torch.softmax(z, -1), 1)

        return write


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


def least(runs, rounds):
    """Return the least seconds of each of some functions, called in turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def race(cell: Cell, contestants, rounds: int) -> None:
    losses = {each.name: [each.run(1) for _ in range(CHECKED)] for each in contestants}
    own = losses["steepest"]
    for name, found in losses.items():
        apart = max(abs(a - b) for a, b in zip(own, found, strict=True))
        assert apart < (0.02 if "bfloat16" in name else 1e-3), f"{name}: losses {found}, ours {own}"
    counts = {}
    for each in contestants:
        each.run(20)
        began = time.perf_counter()
        each.run(20)
        counts[each.name] = max(20, int(20 * SECONDS / (time.perf_counter() - began)))
        each.run(counts[each.name])  # (JAX compiles for a number of steps)
    runs = {e.name: lambda e=e: e.run(counts[e.name]) for e in contestants}
    found = {name: s / counts[name] for name, s in least(runs, rounds).items()}
    tokens = cell.batch * cell.steps
    for name, seconds in found.items():
        ratio = seconds / found["steepest"]
        print(
            f"{cell.name:10} {name:20} {seconds * 1e6:10,.0f} µs a step  "
            f"{tokens / seconds:12,.0f} tokens/s  × {ratio:.2f}"
        )


def write(cell: Cell, contestants, rounds: int) -> None:
    runs = {e.name: e.writer() for e in contestants if hasattr(e, "writer")}
    for run in runs.values():
        run()
    found = {name: s / WRITTEN for name, s in least(runs, rounds).items()}
    for name, seconds in found.items():
        ratio = seconds / found["steepest"]
        print(f"{'writing':10} {name:20} {seconds * 1e6:10,.0f} µs a token × {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--peers", nargs="*", default=["torch", "jax"])
    options = parser.parse_args()
    for cell in CELLS:
        if options.only and cell.name not in options.only:
            continue
        contestants = [Steepest(cell, options.threads)]
        if cell.name == "model":
            rounded = Steepest(cell, options.threads, "bfloat16")
            rounded.name = "steepest bfloat16"
            contestants.append(rounded)
        if "torch" in options.peers:
            contestants.append(Torch(cell, options.threads))
            if options.compiled:
                contestants.append(Torch(cell, options.threads, compiled=True))
        if "jax" in options.peers:
            contestants.append(Jax(cell, options.threads))
        race(cell, contestants, options.rounds)
        if cell.name == "model":
            write(cell, [e for e in contestants if e.name in ("steepest", "torch")], options.rounds)


if __name__ == "__main__":
    main()

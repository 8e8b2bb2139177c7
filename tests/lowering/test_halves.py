"""Gradients of many rows in two halves: the same bits for all threads, and few barriers."""

import numpy as np
import pytest

from steepest import (
    GELU,
    SGD,
    AdamW,
    Attention,
    Dense,
    LayerNorm,
    LearnedPositions,
    Network,
    Residual,
    RMSNorm,
    SoftmaxCrossEntropy,
    TokenEmbedding,
    Trainer,
)
from steepest.engine.operands import HalfShare
from steepest.lowering import halves
from steepest.sampling import InOrder
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

STEPS, CODES = 16, 7


def block(width=16):
    inner = Dense(2 * width, bias=False), GELU("tanh"), Dense(width)
    return (
        TokenEmbedding(CODES, width), LearnedPositions(STEPS),
        Residual(RMSNorm(), Attention(2, causal=True, bias=False)), Residual(LayerNorm(), *inner),
        Dense(CODES, bias=False),
    )  # fmt: skip


def tokens(n):
    drawn = np.random.default_rng(0).integers(CODES, size=(n, STEPS + 1))
    return drawn[:, :-1].astype(np.float32), drawn[:, 1:].copy()


def trained(rule, n, batch, threads, dtype="float32"):
    network = Network(*block(), inputs=STEPS, dtype=dtype, seed=0)
    trainer = Trainer(network, SoftmaxCrossEntropy(), rule, batch=batch, threads=threads)
    trainer.fit(*tokens(n), epochs=2)
    return network.theta.copy()


@pytest.mark.parametrize("rule", [SGD(lr=0.1), AdamW(lr=1e-2)], ids=str)
@pytest.mark.parametrize(
    ("n", "batch"), [(32, 16), (44, 17)]
)  # 17: threads share no whole examples
def test_bits_are_the_same_for_any_number_of_threads(rule, n, batch):
    one = trained(rule, n, batch, 1)
    for threads in (2, 3, 4):
        np.testing.assert_array_equal(trained(rule, n, batch, threads), one)


@pytest.mark.parametrize("rule", [SGD(lr=0.1), AdamW(lr=1e-2)], ids=str)
def test_two_halves_are_the_whole(rule, monkeypatch):
    found = trained(rule, 32, 16, 2, "float64")
    monkeypatch.setattr(halves, "_ROWS", 10**9)
    np.testing.assert_allclose(trained(rule, 32, 16, 2, "float64"), found, rtol=1e-9, atol=1e-12)


def run_of(rule, threads):
    network = Network(*block(), inputs=STEPS, seed=0)
    data = *tokens(32), None
    descent = Descent(SoftmaxCrossEntropy(), rule, InOrder(), 16)
    return TrainingRun(network, descent, data, slots={}, step=0, threads=threads)


def test_threads_of_a_block_meet_a_few_times_a_step():
    instructions = run_of(AdamW(), 2).whole.instructions
    halved = [i for i in instructions if any(isinstance(o, HalfShare) for o in i.operands.values())]
    assert len(halved) == 2 * 7  # positions, two norms, four products; seven outputs are too few
    at = [k for k, i in enumerate(instructions) if i.layer == "barrier"]
    assert len(at) == 7
    first, last = (instructions.index(halved[k]) for k in (0, -1))
    assert not any(first < k < last for k in at)  # each thread stays with its examples


def test_theta_is_not_changed_while_others_read_it():
    instructions = run_of(SGD(), 2).whole.instructions
    names = [i.function.__name__ if i.layer != "barrier" else "barrier" for i in instructions]
    halved = [
        k for k, i in enumerate(instructions)
        if any(isinstance(o, HalfShare) for o in i.operands.values())
    ]  # fmt: skip
    back = max(k for k, name in enumerate(names) if name == "backward_x")
    assert "barrier" in names[back : halved[0]]


def test_what_an_unfinished_step_has_left_is_forgotten():
    run = run_of(AdamW(), 1)
    with run.engine:
        state = run.state()
        losses = run.run(np.full(3, 1e-2))
        second = next(
            i.operands["second"] for i in run.whole.instructions if i.function is halves.add_second
        )
        assert not second.array.any()
        second.array[:] = 1
        run.restore(state)
        np.testing.assert_array_equal(run.run(np.full(3, 1e-2)), losses)

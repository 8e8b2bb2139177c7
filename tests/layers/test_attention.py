"""Attention, tokens and positions: what the formulas of single layers don't show."""

import numpy as np
import pytest
from ort import run

from steepest import (
    Adam,
    Attention,
    Dense,
    Flatten,
    Gradients,
    InputError,
    LearnedPositions,
    Network,
    Permute,
    Residual,
    RMSNorm,
    Sequential,
    SinusoidalPositions,
    SoftmaxCrossEntropy,
    Squared,
    SwiGLU,
    TiedEmbedding,
    TokenEmbedding,
    Trainer,
    check,
    export_onnx,
    to_state_dict,
)
from steepest.checking.probe import Probe, Runner

RNG = np.random.default_rng(0)
LONG = 130  # steps: several panels of queries, several chunks of keys
CODES, PADDING, START = 6, 5, 4


def network_of(steps, *, causal=True, **special):
    layers = (
        TokenEmbedding(CODES, 8, **special),
        LearnedPositions(40, std=1.0),
        SinusoidalPositions(),
        Residual(RMSNorm(), Attention(2, causal=causal, rotary=10.0)),
    )
    return Network(*layers, inputs=steps, dtype="float64", seed=3)


def attention(x, theta, heads, causal):
    """Return what attention makes of x by the formula, one example after the other."""
    y = np.empty_like(x)
    for i, rows in enumerate(x):
        q, k, v = np.split(rows @ theta["0.in_proj.A"].T + theta["0.in_proj.b"], 3, axis=1)
        joined = []
        for part in np.split(np.arange(x.shape[2]), heads):
            scores = q[:, part] @ k[:, part].T / np.sqrt(len(part))
            scores[(np.tri(len(rows)) == 0) & causal] = -np.inf
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            joined.append(e / e.sum(axis=1, keepdims=True) @ v[:, part])
        y[i] = np.hstack(joined) @ theta["0.out_proj.A"].T + theta["0.out_proj.b"]
    return y


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("heads", "d"), [(1, 3), (2, 34), (3, 195)])
@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e-4), ("float64", 1e-12)])
def test_many_steps(heads, d, causal, dtype, apart):
    network = Network(Attention(heads, causal), inputs=(LONG, d), dtype=dtype)
    x = RNG.normal(size=(2, LONG, d)) * 3
    theta = {name: view.astype(float) for name, view in network.parameters.items()}
    np.testing.assert_allclose(network.predict(x), attention(x, theta, heads, causal), atol=apart)


@pytest.mark.parametrize("steps", [1, 5, 8, 16])
def test_few_steps(steps):
    network = Network(Attention(3, True), inputs=(steps, 51))
    x = RNG.normal(size=(2, steps, 51)) * 3
    theta = {name: view.astype(float) for name, view in network.parameters.items()}
    np.testing.assert_allclose(network.predict(x), attention(x, theta, 3, True), atol=1e-4)


def test_gradients_of_many_steps():
    layer = Attention(2, causal=True, rotary=50.0, key_value_heads=1)
    assert check(layer, RNG.normal(size=(1, 70, 4))).ok


def test_scores_that_exp_cannot_hold():
    network = Network(Attention(1), inputs=(60, 2))
    X = RNG.normal(size=(1, 60, 2)) * 1e4
    assert np.isfinite(network.predict(X)).all()


def bits(threads, training, steps):
    layer = Attention(3, causal=True, rotary=20.0)
    probe = Probe(layer, 2, (steps, 12), "float32", threads, training=training)
    rng = np.random.default_rng(1)
    probe.x[...], probe.dy[...] = (rng.normal(size=probe.x.shape) for _ in range(2))
    with probe:
        probe.run(probe.whole)
    return [a.copy() for a in (probe.y, probe.dx, *probe.targets.values())]


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("steps", [7, LONG])
def test_bits_do_not_depend_on_threads(threads, steps):
    for alone, shared in zip(bits(1, True, steps), bits(threads, True, steps), strict=True):
        np.testing.assert_array_equal(alone, shared)


def test_nothing_is_as_large_as_the_square_of_the_steps():
    steps, d = 2048, 16
    probe = Probe(Attention(2, causal=True), 1, (steps, d), "float32")
    sizes = [
        operand.size
        for instruction in probe.whole.instructions
        for operand in instruction.operands.values()
        if hasattr(operand, "size")
    ]
    assert max(sizes) <= 4 * steps * d
    assert isinstance(probe, Runner)


# ---------------------------------------------------------------------------- padding and packing


def gradients(network, X, dy):
    """Return y, and ∇θ for ∂ℓ/∂y = dy."""
    y = network.predict(X)
    found = Gradients(network, Squared(), batch=len(X)).mean(X, y - dy * len(X) * X.shape[1])
    return y, found.theta


@pytest.mark.parametrize("causal", [False, True])
def test_padding_is_seen_by_nobody(causal):
    lengths, steps = (1, 7, 33, 20), 33
    X = np.full((4, steps), float(PADDING))
    dy = np.zeros((4, steps, 8))
    for i, length in enumerate(lengths):
        X[i, :length] = RNG.integers(PADDING, size=length)
        dy[i, :length] = RNG.normal(size=(length, 8))
    network = network_of(steps, causal=causal, padding=PADDING)
    y, found = gradients(network, X, dy)
    total = {name: np.zeros_like(view) for name, view in found.items()}
    for i, length in enumerate(lengths):
        alone = network_of(length, causal=causal)
        alone.theta[:] = network.theta
        y_alone, known = gradients(alone, X[i : i + 1, :length], dy[i : i + 1, :length])
        np.testing.assert_allclose(y[i, :length], y_alone[0], atol=1e-13)
        for name, view in known.items():
            total[name] += view
    for name, view in found.items():
        np.testing.assert_allclose(view, total[name], atol=1e-11, err_msg=name)


@pytest.mark.parametrize("causal", [False, True])
def test_sequences_one_behind_the_other_are_as_if_alone(causal):
    lengths = (1, 12, 20, 4)
    sequences = [np.r_[START, RNG.integers(START, size=n - 1)].astype(float) for n in lengths]
    X = np.concatenate([*sequences, [PADDING] * 2])[None]
    dy = RNG.normal(size=(1, X.shape[1], 8))
    dy[:, -2:] = 0
    network = network_of(X.shape[1], causal=causal, start=START, padding=PADDING)
    y, found = gradients(network, X, dy)
    total, begin = {name: np.zeros_like(view) for name, view in found.items()}, 0
    for sequence, length in zip(sequences, lengths, strict=True):
        part = slice(begin, begin + length)
        alone = network_of(length, causal=causal)
        alone.theta[:] = network.theta
        y_alone, known = gradients(alone, sequence[None], dy[:, part])
        np.testing.assert_allclose(y[0, part], y_alone[0], atol=1e-13)
        for name, view in known.items():
            total[name] += view
        begin += length
    for name, view in found.items():
        np.testing.assert_allclose(view, total[name], atol=1e-11, err_msg=name)


@pytest.mark.parametrize("special", [{"padding": 4}, {"start": 2}, {"padding": 4, "start": 2}])
def test_layers_behind_padding_are_right(special):
    layer = Sequential(
        TokenEmbedding(5, 4, **special), LearnedPositions(9), Attention(2, causal=True)
    )
    X = np.array([[2, 1, 2, 0, 4, 3, 4, 4], [1, 4, 4, 4, 4, 4, 4, 4], [2, 2, 2, 1, 0, 3, 3, 2]])
    assert check(layer, X.astype(float)).ok


@pytest.mark.parametrize("special", [{"padding": 5}, {"start": 4}, {"padding": 5, "start": 4}])
@pytest.mark.parametrize("causal", [False, True])
def test_onnx_runtime_sees_what_we_see(special, causal, tmp_path):
    network = network_of(12, causal=causal, **special)
    X = RNG.integers(CODES, size=(5, 12)).astype(np.float32)
    X[:, 0], X[1, 3:], X[2, -1] = START, PADDING, PADDING
    export_onnx(network, tmp_path / "n.onnx")
    found = run(tmp_path / "n.onnx", x=X)["y"]
    np.testing.assert_allclose(found, network.predict(X), rtol=1e-4, atol=1e-5)


# ----------------------------------------------------------------------------------- a whole model


def test_a_language_model_learns_and_is_told_by_pytorchs_names():
    steps, d = 8, 16
    block = Residual(RMSNorm(), Attention(2, causal=True)), Residual(Dense(2 * d), SwiGLU())
    network = Network(
        TiedEmbedding(TokenEmbedding(CODES, d, std=0.2), LearnedPositions(steps), *block),
        inputs=steps,
    )
    text = np.tile([0, 1, 2, 3, 2, 4, 5, 1], 40)
    X = np.lib.stride_tricks.sliding_window_view(text, steps + 1)[::3]
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(lr=0.01), batch=16)
    trainer.fit(X[:, :-1], X[:, 1:], epochs=40)
    right = network.predict(X[:, :-1]).argmax(-1) == X[:, 1:]
    assert right[:, 2:].mean() > 0.95
    names = set(to_state_dict(network))
    assert {"0.weight", "0.0.weight", "0.1.1.in_proj_weight", "0.1.1.out_proj.bias"} <= names


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Network(Attention(3), inputs=(4, 8)), "multiple of its 3 heads, got 8"),
        (lambda: Network(Attention(3), inputs=8), r"shape \(T, d\), got \(8,\)"),
        (lambda: Attention(4, key_value_heads=3), "key_value_heads must divide heads"),
        (lambda: Network(Attention(4, rotary=10.0), inputs=(4, 4)), "rotary turns pairs"),
        (lambda: Network(LearnedPositions(3), inputs=(4, 2)), "4 steps, but there are 3 positions"),
        (lambda: Network(SinusoidalPositions(), inputs=4), r"shape \(T, d\), got \(4,\)"),
        (lambda: Network(TokenEmbedding(4, 2), inputs=(3, 2)), r"got the shape \(3, 2\)"),
        (lambda: TokenEmbedding(4, 2, padding=4), "padding must be a whole number"),
        (lambda: TokenEmbedding(4, 2, padding=1, start=1), "padding and start are both 1"),
        (lambda: Network(SwiGLU(), inputs=3), "3 inputs have no halves"),
        (lambda: TiedEmbedding(Dense(3)), "first layer must be a TokenEmbedding"),
        (
            lambda: Network(TiedEmbedding(TokenEmbedding(4, 2), Dense(3)), inputs=5),
            r"turn \(5, 2\) into \(5, 3\); end them with Dense\(2\)",
        ),
    ],
)
def test_what_cannot_be(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_tokens_that_there_are_not():
    network = network_of(3, padding=PADDING)
    for token, told in ((6, "got 6.0"), (-1, "got -1.0"), (0.5, "got 0.5")):
        with pytest.raises(InputError, match=f"example 1, step 2: .* 0, …, 5, {told}"):
            network.predict([[0.0, 1.0, 2.0], [0.0, 1.0, token]])
    with pytest.raises(InputError, match=r"example 1 holds nothing but padding \(5\)"):
        network.predict([[0.0, 5.0, 5.0], [5.0, 5.0, 5.0]])


def test_steps_that_padding_was_not_found_for():
    layers = TokenEmbedding(4, 4, padding=3), Permute((2, 1)), Attention(2), Flatten(), Dense(2)
    network = Network(*layers, inputs=6)
    with pytest.raises(InputError, match="padding was found among 6 steps, but these are 4"):
        network.predict(np.zeros((2, 6)))

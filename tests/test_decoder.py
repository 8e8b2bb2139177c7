"""Sequences step by step, against the same sequences at once."""

import numpy as np
import pytest

from steepest import (
    Attention,
    Decoder,
    Dense,
    Flatten,
    GlobalAveragePool,
    InputError,
    LearnedPositions,
    Network,
    Residual,
    RMSNorm,
    Sequential,
    SinusoidalPositions,
    SwiGLU,
    TiedEmbedding,
    TokenEmbedding,
)

CODES, T = 7, 9
RNG = np.random.default_rng(0)
BLOCK = Residual(RMSNorm(), Attention(2, causal=True, rotary=30.0, key_value_heads=1))
FEED = Residual(Dense(16), SwiGLU())
WIDE = Residual(Dense(96), SwiGLU())
MODELS = [
    (TokenEmbedding(CODES, 8), LearnedPositions(T), BLOCK, FEED, Dense(CODES)),
    (TiedEmbedding(TokenEmbedding(CODES, 8), SinusoidalPositions(), BLOCK, FEED, BLOCK),),
    (Attention(4, causal=True), Sequential(Dense(5)), Attention(1, causal=True)),
]


def model(layers, dtype="float64"):
    return Network(*layers, inputs=(T, 8) if isinstance(layers[0], Attention) else T, dtype=dtype)


def inputs(network, examples):
    shape = examples, *network.input_shape
    return RNG.integers(CODES, size=shape) if len(shape) == 2 else RNG.normal(size=shape)


@pytest.mark.parametrize("layers", MODELS, ids=repr)
@pytest.mark.parametrize("examples", [1, 3])
def test_steps_are_those_of_the_whole_sequence(layers, examples):
    network = model(layers)
    X = inputs(network, examples)
    decoder, whole = Decoder(network, examples), network.predict(X)
    for _ in range(2):
        for t in range(T):
            np.testing.assert_allclose(decoder.step(X[:, t]), whole[:, t], atol=1e-12)
        assert decoder.position == T
        decoder.reset()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_more_steps_and_wider_heads_than_fill_some_vectors(dtype):
    network = Network(Attention(2, causal=True), inputs=(300, 70), dtype=dtype)
    X = RNG.normal(size=(1, 300, 70)).astype(dtype)
    decoder, whole = Decoder(network), network.predict(X)
    found = np.stack([decoder.step(X[:, t]) for t in range(300)], 1)
    np.testing.assert_allclose(found, whole, atol=1e-12 if dtype == "float64" else 1e-5)


def test_attention_goes_on_with_the_last_steps():
    network = model((Attention(2, causal=True, rotary=5.0),))
    X = RNG.normal(size=(1, 5 * T, 8))
    decoder = Decoder(network, window=T)
    found = np.stack([decoder.step(X[:, t]) for t in range(5 * T)], 1)
    for last in (T - 1, T, 3 * T + 4, 5 * T - 1):
        seen = network.predict(X[:, last + 1 - T : last + 1])
        np.testing.assert_allclose(found[:, last], seen[:, -1], atol=1e-12)


def test_what_is_written():
    network = model(MODELS[1], "float32")
    decoder = Decoder(network, 2)
    written = decoder.generate([[1, 2], [3, 4]], 20, seed=5)
    assert written.shape == (2, 20)
    assert decoder.position == 21
    decoder.reset()
    np.testing.assert_array_equal(decoder.generate([[1, 2], [3, 4]], 20, seed=5), written)
    likeliest = Decoder(network).generate([1, 2], T - 2, temperature=0)
    tokens = [1, 2]
    for _ in range(T - 2):
        row = np.array([tokens + [0] * (T - len(tokens))])
        tokens.append(int(network.predict(row)[0, len(tokens) - 1].argmax()))
    np.testing.assert_array_equal(likeliest[0], tokens[2:])


def plainly_drawn(z, u, temperature, best):
    """Return the token of each row of outputs z that a number u in [0, 1) falls on."""
    if temperature == 0:
        return z.argmax(1)
    p = np.exp((z - z.max(1, keepdims=True)) / temperature)
    if best is not None:
        p[z < np.sort(z)[:, -best, None]] = 0
    return (p.cumsum(1) <= u[:, None] * p.sum(1, keepdims=True)).sum(1)


@pytest.mark.parametrize(("temperature", "best"), [(1.0, None), (0.5, 3), (2.0, 1), (0.0, None)])
@pytest.mark.parametrize("threads", [1, 2])
def test_tokens_are_drawn_by_the_outputs_before_them(temperature, best, threads):
    network = Network(TokenEmbedding(50, 48), BLOCK, WIDE, Dense(50), inputs=9, dtype="float64")
    start, steps = np.array([[1, 2], [3, 4], [5, 6]]), 140
    options = {"temperature": temperature, "best": best, "seed": 3}
    written = Decoder(network, 3, threads=threads).generate(start, steps, **options)
    decoder, u = Decoder(network, 3), np.random.default_rng(3).random((steps, 3))
    decoder.step(start[:, 0])
    for t, x in enumerate(np.c_[start[:, 1:], written].T[:-1]):
        expected = plainly_drawn(decoder.step(x), u[t], temperature, best)
        np.testing.assert_array_equal(written[:, t], expected)


@pytest.mark.parametrize("examples", [1, 2, 5])
def test_the_same_bits_by_two_threads(examples):
    layers = TokenEmbedding(50, 48), BLOCK, Residual(Attention(4, causal=True)), WIDE, Dense(50)
    network, start = Network(*layers, inputs=70), RNG.integers(50, size=(examples, 3))
    decoders = [Decoder(network, examples, threads=k) for k in (1, 2)]
    one, two = (decoder.generate(start, 100) for decoder in decoders)
    np.testing.assert_array_equal(two, one)
    one, two = (decoder.step(two[:, -1]) for decoder in decoders)
    np.testing.assert_array_equal(two, one)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((TokenEmbedding(4, 4), Attention(2)), r"layer 1, Attention\(2\), .* must be causal"),
        ((TokenEmbedding(4, 4), Flatten(), Dense(2)), r"layer 1, Flatten\(\), needs a whole"),
        ((TokenEmbedding(4, 4), Residual(Dense(4)), GlobalAveragePool()), "layer 2, GlobalAverage"),
    ],
)
def test_layers_that_need_the_whole(layers, said):
    with pytest.raises(InputError, match=said):
        Decoder(Network(*layers, inputs=5))


def test_bad_input():
    network = model(MODELS[0])
    with pytest.raises(InputError, match="not built"):
        Decoder(Network(Dense(3)))
    decoder = Decoder(network, 2)
    with pytest.raises(InputError, match=r"a step must be of shape \(2\)"):
        decoder.step([1])
    with pytest.raises(InputError, match=r"0, …, 6, got 7\.0"):
        decoder.step([1, 7])
    with pytest.raises(InputError, match="start is empty"):
        decoder.generate([], 3)
    with pytest.raises(InputError, match=r"layer 1, LearnedPositions.* has 9 positions, and 0 are"):
        decoder.generate([1], 10)
    assert decoder.position == 0
    decoder.generate([1, 2], 8)
    with pytest.raises(InputError, match=r"and 9 are taken, so that 1 more don't fit"):
        decoder.step([1, 2])

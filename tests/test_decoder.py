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
from steepest.decoder import drawn

CODES, T = 7, 9
RNG = np.random.default_rng(0)
BLOCK = Residual(RMSNorm(), Attention(2, causal=True, rotary=30.0, key_value_heads=1))
FEED = Residual(Dense(16), SwiGLU())
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


def test_what_is_drawn_follows_the_outputs():
    z = np.log([[0.1, 0.2, 0.3, 0.4]])
    places = np.array([drawn(z, np.array([u]), 1.0, None)[0] for u in np.arange(0.0005, 1, 1e-3)])
    np.testing.assert_array_equal(np.bincount(places), [100, 200, 300, 400])
    places = np.array([drawn(z, np.array([u]), 0.5, 2)[0] for u in np.arange(0.0005, 1, 1e-3)])
    np.testing.assert_array_equal(np.bincount(places), [0, 0, 360, 640])
    assert drawn(z, np.array([0.0]), 0.0, None)[0] == 3


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
    with pytest.raises(InputError, match=r"layer 1, LearnedPositions.* has 9 positions"):
        decoder.generate([1], 10)

"""The same bits for any number of threads: all of the catalogue, whatever shares its sums.

Each case is trained by 1, 2, 3 and 4 threads, and by numbers that change from step to step. Which
thread takes which rows and units depends on no dtype, so by default each case has one, and layers
have float32, of which a vector holds more; and batches of 32 leave one of 3 at their end. ORACLES=1
crosses every case with both dtypes and batches of 3.
"""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Adafactor,
    Adam,
    Dense,
    Dropout,
    Flatten,
    Gradients,
    LayerNorm,
    MLPRegressor,
    Muon,
    Network,
    Periodic,
    ReLU,
    Softplus,
    Squared,
    Tanh,
    Trainer,
)
from steepest.checking import catalogue, draw
from steepest.compiler import gemm
from steepest.engine.team_size import TeamSize
from steepest.lowering.predict import Predictor
from steepest.sampling import SAMPLERS
from steepest.training import run
from thorough import all_or

THREADS = (1, 2, 3, 4)
CHANGING = "changing"  # another number for every step


class Changing(TeamSize):
    """Begins with two threads, whoever asks for how many, and has another number every step."""

    most_steps = 1

    def __init__(self, *_, **more):
        super().__init__(2, 4)

    def took(self, steps, seconds, lacked=0.0):
        self.threads = self._present = self.threads % 4 + 1


RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 20))
FOUR = RNG.standard_normal((70, 4))
PLAIN, SECOND = SGD(lr=1e-3), Adam(lr=1e-3)  # with θ as the target, and with a gradient
dtypes = pytest.mark.parametrize("dtype", all_or(["float32"], ["float32", "float64"]))
ROWS = {32: 35, 3: 11, 1: 5}  # so many for batches of so many
EVERY = [(batch, dtype) for batch in ROWS for dtype in ("float32", "float64")]


@contextmanager
def as_many(threads):
    """Yield what to ask for, to have so many threads."""
    with pytest.MonkeyPatch.context() as patch:
        if threads == CHANGING:
            patch.setattr(run, "TeamSize", Changing)
            threads = 4
        yield threads


def trained(layers, loss, rule, X, y, threads, dtype, **options):
    """Return the bits of all that a training leaves, and of what its network is asked for."""
    with as_many(threads) as asked:
        return _trained(layers, loss, rule, X, y, asked, dtype, **options)


def _trained(layers, loss, rule, X, y, threads, dtype, **options):
    network = Network(*layers, dtype=dtype)
    trainer = Trainer(network, loss, rule, threads=threads, **options)
    history = trainer.fit(X, y, epochs=2, validation=(X, y))
    asked = Gradients(network, loss, batch=32, threads=threads).mean(X, y).vector
    arrays = (
        network.theta, *trainer.slots.values(), history["loss"], history["validation_loss"],
        network.predict(X, threads=threads), asked,
    )  # fmt: skip
    return [np.asarray(array).tobytes() for array in arrays]


def assert_same(layers, loss, rule, X, y, dtype, **options):
    several = (*THREADS[1:], CHANGING)
    one = trained(layers, loss, rule, X, y, 1, dtype, **options)
    for threads in several:
        found = trained(layers, loss, rule, X, y, threads, dtype, **options)
        assert found == one, f"{threads} threads differ"


@pytest.mark.parametrize(("batch", "dtype"), all_or([(32, "float32"), (1, "float32")], EVERY))
@pytest.mark.parametrize("layer", catalogue.LAYERS, ids=str)
def test_layers(layer, batch, dtype):
    shape, n, rng = draw.shape(layer), ROWS[batch], np.random.default_rng(1)
    inputs = draw.inputs(layer, n, shape, rng)
    first = () if draw.codes(layer, inputs).any() else (Dense(shape[-1]),)  # that wants dx
    q = layer.output_shape(shape)[-1]
    alike = layer.training_shape(shape) == layer.output_shape(shape)
    y = FOUR[:n] if alike else rng.random((n, q))  # it must be the last layer
    for rule in (PLAIN, SECOND):
        layers = (*first, layer, *((Flatten(), Dense(4)) if alike else ()))
        assert_same(layers, Squared(), rule, inputs, y, dtype, batch=batch)


@pytest.mark.parametrize(("batch", "dtype"), all_or([(32, "float32"), (1, "float64")], EVERY))
@pytest.mark.parametrize("loss", catalogue.LOSSES, ids=str)
def test_losses(loss, batch, dtype):
    n, last = ROWS[batch], (Softplus(),) if loss.positive else ()
    for _, y, q in draw.targets(loss, n, np.random.default_rng(2)):
        assert_same((Dense(q), *last), loss, PLAIN, X[:n], y, dtype, batch=batch)


@dtypes
@pytest.mark.parametrize("rule", catalogue.RULES, ids=str)
def test_rules(rule, dtype):
    assert_same((Dense(32), Tanh(), Dense(4)), Squared(), rule, X, FOUR, dtype)


@dtypes
@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 0.01}, {"clip_norm": 1e6}, {"clip_value": 0.01}, {"l1": 0.01}, {"l2": 0.1},
        {"weight_decay": 0.1}, {"l1": 0.01, "l2": 0.1, "factors": {"*.b": 0.1, "2.A": 0.5}},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("rule", [SGD, Adam])
def test_what_comes_before_a_rule(rule, options, dtype):
    """θ has several blocks, and the last one is shorter."""
    layers = Dense(90), Tanh(), Dense(40), ReLU(), Dense(4)
    assert_same(layers, Squared(), rule(lr=1e-3, **options), X, FOUR, dtype)


@dtypes
@pytest.mark.parametrize("rule", [Muon(), Adafactor(), Adam(ema=0.9)], ids=str)
def test_rules_of_matrices_of_several_blocks(rule, dtype):
    """Some are stored as their transposes, wide and tall; none is divided by shares of 16."""
    layers = Dense(90), Tanh(), Dense(57), ReLU(), Dense(4)
    rows = np.hstack([X] * 4)
    assert_same(layers, Squared(), rule, rows, FOUR, dtype)


@dtypes
@pytest.mark.parametrize("sampling", SAMPLERS)
def test_sampling(sampling, dtype):
    assert_same((Dense(32), Dense(4)), Squared(), PLAIN, X, FOUR, dtype, sampling=sampling)


@dtypes
@pytest.mark.parametrize("units", [40, 4])
def test_rows_in_csr_form(units, dtype):
    rows = sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0))
    for rule in (PLAIN, SECOND):
        layers = Dense(units), Dropout(0.3), Dense(4)
        assert_same(layers, Squared(), rule, rows, FOUR, dtype)


@dtypes
@pytest.mark.parametrize("width", [17, 40, 100])
def test_widths_that_no_share_divides(width, dtype):
    for between in (Tanh(), LayerNorm(), Periodic(5, 3), Dropout(0.2)):
        layers = Dense(width), between, Dense(33), ReLU(), Dense(5), Dense(4)
        assert_same(layers, Squared(), PLAIN, X, FOUR, dtype)


@pytest.mark.parametrize("matmul_dtype", [None, "bfloat16"])
@pytest.mark.parametrize("batch", [130, 250])
def test_products_that_are_shared_in_parts(batch, matmul_dtype, monkeypatch):
    monkeypatch.setattr(gemm, "OWN_ROWS", 1000)  # what BLAS does is not ours to say
    rng = np.random.default_rng(3)
    rows, y = rng.standard_normal((2 * batch - 20, 300)), rng.standard_normal((2 * batch - 20, 4))
    layers = Dense(520), ReLU(), Dense(300), ReLU(), Dense(4)
    options = {"batch": batch, "matmul_dtype": matmul_dtype}
    assert_same(layers, Squared(), PLAIN, rows, y, "float32", **options)


def test_blocks_of_a_prediction():
    """The average of a loss is added up over the same rows by any number of threads."""
    rng = np.random.default_rng(4)
    for width, p, n in ((300, 200, 190), (300, 200, 400), (300, 200, 700), (900, 600, 65)):
        network = Network(Dense(width), ReLU(), Dense(4), inputs=p)
        rows, w = rng.standard_normal((n, p)).astype(np.float32), np.ones(n, np.float32)
        y = rng.standard_normal((n, 4)).astype(np.float32)
        found = [Predictor(network.built, 256, t, Squared()).evaluate(rows, y, w) for t in THREADS]
        assert all(np.array_equal(found[0][0], z) and found[0][1] == loss for z, loss in found[1:])


@dtypes
def test_a_number_that_changes_between_fits(dtype):
    found = []
    for change in (False, True):
        network = Network(Dense(50), Tanh(), Dense(4), dtype=dtype)
        trainer = Trainer(network, Squared(), Adam(lr=0.01, clip_norm=0.1, l2=0.1), batch=16)
        for threads in THREADS:
            trainer.threads = threads if change else 1
            trainer.fit(X, FOUR, epochs=1)
        found.append((network.theta.tobytes(), trainer.history["loss"].tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_estimators(solver):
    found = []
    for threads in (*THREADS, CHANGING):
        with warnings.catch_warnings(), as_many(threads) as asked:
            warnings.simplefilter("ignore")  # few iterations do not converge
            model = MLPRegressor(
                hidden_layer_sizes=(40,), solver=solver, max_iter=4, random_state=0,
                n_threads=asked,
            )  # fmt: skip
            model.fit(X, FOUR, sample_weight=np.arange(1.0, 71.0))
        found.append([a.tobytes() for a in (*model.coefs_, *model.intercepts_)])
    assert all(bits == found[0] for bits in found)

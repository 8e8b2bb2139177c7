"""What a model did to a row, held against the parts that did it."""

import numpy as np
import pyarrow as pa
import pytest

from steepest import TabularClassifier, TabularRegressor
from steepest.layers import Embedding, Parallel, Periodic

RNG = np.random.default_rng(0)
TABLE = pa.table({
    "size": RNG.gamma(2, size=300), "kind": RNG.choice(list("abc"), 300),
    "street": [f"street {k}" for k in RNG.integers(0, 12, 300)],
})  # fmt: skip
SIZE = TABLE.column("size").to_numpy()


def fitted(kind, y, **parameters):
    return kind(settings={"layers": (8,), "epochs": 5}, n_threads=1, **parameters).fit(TABLE, y)


def test_a_row_is_followed_from_its_columns_to_the_prediction():
    model = fitted(TabularClassifier, np.where(SIZE > 1, "big", "small"))
    network, encoder = model.model_.network, model.model_.encoder
    X = encoder.transform(TABLE)
    for row, path in zip((0, 7), model.row_paths(TABLE.take([0, 7])), strict=True):
        assert [(c.name, c.value) for c in path.columns] == list(
            TABLE.slice(row, 1).to_pylist()[0].items()
        )
        encoded = {name: number for c in path.columns for name, number in c.encoded.items()}
        np.testing.assert_allclose([encoded[name] for name in encoder.names], X[row], rtol=1e-6)
        size, kind, street = path.columns
        assert size.kind.startswith("number, median")
        first = network.layer.layers[0]
        assert isinstance(first, Parallel)
        assert isinstance(first.layers[0], Periodic)
        waves = size.embedded["size"]
        assert waves.shape == (4,)
        assert waves[0] == pytest.approx(encoded["size"], rel=1e-5)
        assert isinstance(first.layers[2], Embedding)
        table = network.parameters["0.2.E"]
        np.testing.assert_allclose(street.embedded["street"], table[int(encoded["street"])])
        assert kind.embedded == {name: [value] for name, value in kind.encoded.items()}
        everything = np.concatenate([c for column in path.columns
                                     for c in column.embedded.values()])  # fmt: skip
        assert sorted(everything) == sorted(path.layers["0"][1])
        last = str(len(network.layer.layers) - 1)
        np.testing.assert_allclose(path.layers[last][1], network.predict(X[[row]])[0], rtol=1e-5)
        p = model.predict_proba(TABLE)[row]
        assert path.prediction["proba_small"] == pytest.approx(p[1], rel=1e-5)
        text = str(path)
        assert f"street = {encoded['street']:.4g} → [" in text
        assert text.splitlines()[-1].startswith(f"prediction '{model.predict(TABLE)[row]}', ")


def test_of_several_networks_and_of_quantiles():
    model = fitted(TabularRegressor, SIZE, quantiles=(0.1, 0.9), ensemble=2)
    (path,) = model.row_paths(TABLE.slice(3, 1))
    np.testing.assert_allclose(list(path.prediction.values()), model.predict(TABLE)[3])
    assert path.columns[0].embedded["size"].shape == (4,)
    assert {"0.0.0", "0.1.0"} < path.layers.keys()

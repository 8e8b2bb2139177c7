"""PiecewiseLinear: bins from data, and functions that bend at their edges."""

from __future__ import annotations

import numpy as np
import pytest
from ort import run

from helpers import run_kernel
from steepest import InputError, Network, export_onnx, import_onnx, load, save
from steepest.layers import Identity, Parallel, PiecewiseLinear
from steepest.training.init_from_data import init_from_data

RNG = np.random.default_rng(0)


def fitted(column, bins=4, dim=3, dtype="float64"):
    network = Network(PiecewiseLinear(bins, dim), inputs=1, dtype=dtype)
    init_from_data(network, np.asarray(column, dtype)[:, None])
    return network


def test_bins_hold_equal_shares_of_the_rows():
    x = RNG.exponential(size=1001)
    left, scale = (fitted(x).state[f"0.{name}"][0] for name in ("left", "scale"))
    shares = [(x <= edge).mean() for edge in [*left, left[-1] + 1 / scale[-1]]]
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1], atol=0.006)
    assert not set(left) & set(x)


def test_few_distinct_values_have_few_bins():
    left, scale = (
        fitted([0] * 30 + [1] * 10 + [3] * 10).state[f"0.{name}"][0] for name in ("left", "scale")
    )
    np.testing.assert_allclose(left, [0, 1, 0, 0], atol=0.002)
    np.testing.assert_allclose(scale, [1, 0.5, 0, 0], atol=0.002)
    assert not fitted([2, 2, 2]).state["0.scale"].any()


def test_it_is_the_interpolation_between_the_edges():
    x = RNG.normal(size=500)
    network = fitted(x)
    left, scale = (network.state[f"0.{name}"][0] for name in ("left", "scale"))
    edges = np.append(left, left[-1] + 1 / scale[-1])
    at_edges, between = network.predict(edges[:, None]), RNG.uniform(*edges[[0, -1]], 50)
    far = np.array([edges[0] - 9, edges[-1] + 9])
    found = network.predict(np.append(between, far)[:, None])
    np.testing.assert_allclose(found[:, 0], np.append(between, far))
    for k in (1, 2):  # beyond the last edges it stays as it is there
        np.testing.assert_allclose(found[:50, k], np.interp(between, edges, at_edges[:, k]))
        np.testing.assert_allclose(found[50:, k], at_edges[[0, -1], k])


def test_bins_come_from_the_columns_of_a_branch_and_are_no_parameters():
    network = Network(
        Parallel((1, Identity()), (2, PiecewiseLinear(2, 2))), inputs=3, dtype="float64"
    )
    X = RNG.normal(size=(101, 3)) * [1, 10, 100]
    init_from_data(network, X)
    near = [0, 1, 10]
    for j in (1, 2):
        assert network.state["0.1.left"][j - 1, 1] == pytest.approx(np.median(X[:, j]), abs=near[j])
    assert not any("left" in name or "scale" in name for name in network.parameters)


def test_it_is_saved_with_its_bins(tmp_path):
    network = fitted(RNG.normal(size=100), dtype="float32")
    save(network, tmp_path / "model")
    x = np.linspace(-3, 3, 9, dtype=np.float32)[:, None]
    back = load(tmp_path / "model")
    np.testing.assert_array_equal(back.predict(x), network.predict(x))


def test_it_goes_to_onnx_and_comes_back(tmp_path):
    network = fitted(RNG.normal(size=100), dtype="float32")
    export_onnx(network, tmp_path / "bins.onnx")
    x = np.linspace(-3, 3, 9, dtype=np.float32)[:, None]
    found = run(tmp_path / "bins.onnx", x=x)["y"]
    np.testing.assert_allclose(found, network.predict(x), rtol=1e-5, atol=1e-6)
    back = import_onnx(tmp_path / "bins.onnx")
    assert back.layers == (PiecewiseLinear(4, 3),)
    np.testing.assert_allclose(back.predict(x), network.predict(x), rtol=1e-6, atol=1e-7)


def test_nan_comes_out_and_nothing_overflows():
    network = fitted(RNG.normal(size=100), dtype="float32")
    x = np.array([[np.nan], [1e30], [-1e30]], np.float32)
    names = {n[2:]: a for n, a in network.built.named.items()} | {"x": x}
    y, work = np.zeros((3, 3), np.float32), np.zeros((3, 5), np.float32)
    run_kernel(PiecewiseLinear.forward, "float32", True, 1, **names, y=y, work=work)
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1:]).all()


@pytest.mark.parametrize("arguments", [(0,), (16, 1), (16, 2.5)])
def test_settings_that_are_refused(arguments):
    with pytest.raises(InputError, match="PiecewiseLinear"):
        PiecewiseLinear(*arguments)

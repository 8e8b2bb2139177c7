import numpy as np
import pytest

from states import Centre, ScaledCentre
from steepest import (  # fmt: skip
    Concat,
    Dense,
    Dropout,
    Embedding,
    Identity,
    InputError,
    LayerNorm,
    Network,
    Parallel,
    ReLU,
    Scale,
    from_state_dict,
    to_state_dict,
)


def make(seed, units=20):
    return Network(
        Parallel((2, Identity()), (1, Embedding(5, 3))), Dense(units), LayerNorm(), ReLU(), Scale(),
        Dropout(0.1), Concat(Identity(), Dense(4, bias=False)), Dense(2),
        inputs=3, seed=seed,
    )  # fmt: skip


def test_names_and_shapes_are_those_of_pytorch():
    state = to_state_dict(make(0))
    assert {name: array.shape for name, array in state.items()} == {
        "0.1.weight": (5, 3), "1.weight": (20, 5), "1.bias": (20,), "2.weight": (20,),
        "2.bias": (20,), "4.s": (20,), "6.1.weight": (4, 20), "7.weight": (2, 24), "7.bias": (2,),
    }  # fmt: skip
    assert all(array.flags.c_contiguous and array.flags.owndata for array in state.values())


def test_there_and_back():
    first, second = make(0), make(1)
    from_state_dict(second, to_state_dict(first))
    np.testing.assert_array_equal(first.theta, second.theta)


def test_state_stands_with_the_parameters_of_its_layer_and_comes_back():
    def network():
        return Network(Centre(), Dense(2), Concat(ScaledCentre(), Identity()), inputs=3)

    first, second = network(), network()
    first.built.state[:] = np.arange(6)
    state = to_state_dict(first)
    assert list(state) == ["0.running_mean", "0.count", "1.weight", "1.bias", "2.0.s", "2.0.m"]
    assert state["0.running_mean"].tolist() == [0, 1, 2]
    from_state_dict(second, state)
    np.testing.assert_array_equal(first.built.state, second.built.state)
    with pytest.raises(InputError, match=r"names differ in 2\.0\.m"):
        from_state_dict(second, {name: array for name, array in state.items() if name != "2.0.m"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"8.weight": np.zeros(3)}, "8.weight"),
        ({"1.bias": np.zeros((20, 1))}, r"1.bias is \(20, 1\), expected \(20,\)"),
        ({"7.bias": [0.0, np.nan]}, "not finite"),
        ({"7.bias": ["a", "b"]}, "no array of numbers"),
        ({"7.bias": None}, "7.bias"),
    ],
)
def test_what_does_not_fit_changes_nothing(change, words):
    network = make(0)
    before = network.theta.copy()
    state = {name: array + 1 for name, array in to_state_dict(network).items()} | change
    with pytest.raises(InputError, match=words):
        from_state_dict(network, state)
    np.testing.assert_array_equal(network.theta, before)
    with pytest.raises(InputError, match="not built"):
        to_state_dict(Network(Dense(2)))

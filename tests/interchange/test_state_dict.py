import numpy as np
import pytest

from states import Centre, ScaledCentre
from steepest import (  # fmt: skip
    BatchNorm,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GroupNorm,
    Identity,
    InputError,
    LayerNorm,
    MaxPool,
    Network,
    Parallel,
    Permute,
    ReLU,
    Reshape,
    Residual,
    RMSNorm,
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
    with pytest.raises(InputError, match=r"it lacks 2\.0\.m"):
        from_state_dict(second, {name: array for name, array in state.items() if name != "2.0.m"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"8.weight": np.zeros(3)},
            r"knows no 8\.weight; parameters of the network are 0\.1\.weight",
        ),
        ({"module.1.bias": np.zeros(20)}, r"1\.bias and module\.1\.bias are both 1\.bias"),
        ({"1.bias": np.zeros((20, 1))}, r"1.bias is \(20, 1\), expected \(20,\)"),
        ({"7.bias": [0.0, np.nan]}, "not finite"),
        ({"7.bias": np.array([0.0, 1e300])}, "7.bias holds a number that is not finite"),
        ({"7.bias": ["a", "b"]}, "7.bias is of <U1, expected floats"),
        ({"7.bias": [[1.0], [2.0, 3.0]]}, "7.bias is no array of numbers"),
        ({"7.bias": None}, "7.bias is of object"),
        ({"7.bias": np.zeros(2, complex)}, "7.bias is of complex128, expected floats"),
        ({"7.bias": np.zeros(2, int)}, "7.bias is of int64, expected floats"),
        ({"7.bias": np.zeros(2, bool)}, "7.bias is of bool, expected floats"),
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


def test_all_that_lacks_is_named():
    state = to_state_dict(make(0))
    del state["1.bias"], state["7.weight"]
    state["9.running_mean"] = np.zeros(3)
    with pytest.raises(InputError, match=r"lacks 1\.bias, 7\.weight; .* no 9\.running_mean; "):
        from_state_dict(make(0), state)
    with pytest.raises(InputError, match=r"lacks 0\.1\.weight, .*, 2\.bias and 4 more; param"):
        from_state_dict(make(0), {})
    with pytest.raises(InputError, match="expected a module, or a mapping as"):
        from_state_dict(make(0), list(state))


class Tensor:
    """As much of a tensor of PyTorch as is asked for; bfloat16 by its upper 16 bits."""

    def __init__(self, numbers, dtype):
        self.numbers, self.dtype = np.asarray(numbers), f"torch.{dtype}"

    def detach(self):
        return self

    cpu = detach

    def float(self):
        return Tensor(self.numbers, "float32")

    def new_tensor(self, numbers):
        return Tensor(numbers, self.dtype.removeprefix("torch."))

    def __array__(self, dtype=None, copy=None):
        if "bfloat16" in self.dtype:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return np.array(self.numbers, self.dtype.removeprefix("torch."))


class Module:
    def __init__(self, state):
        self._state = state

    def state_dict(self):
        return self._state


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_modules_whatever_wraps_them_and_of_any_precision(prefix, dtype):
    first, second = make(0), make(1)
    first.theta[:] = np.round(first.theta * 16) / 16  # which every float holds
    state = {prefix + name: Tensor(a, dtype) for name, a in to_state_dict(first).items()}
    from_state_dict(second, Module(state))
    np.testing.assert_array_equal(first.theta, second.theta)
    for like in (state, Module(state)):
        found = to_state_dict(second, like)
        assert list(found) == list(state)
        assert {tensor.dtype for tensor in found.values()} == {f"torch.{dtype}"}
        from_state_dict(third := make(2), found)
        np.testing.assert_array_equal(third.theta, first.theta)


def test_names_that_stand_inside_of_others():
    state = {
        name.replace(".", "._orig_mod.", 1): array for name, array in to_state_dict(make(0)).items()
    }
    from_state_dict(network := make(1), state)
    np.testing.assert_array_equal(network.theta, make(0).theta)
    half = {name: array.astype("float16") for name, array in state.items()}
    assert {array.dtype.name for array in to_state_dict(network, half).values()} == {"float16"}


def test_tensors_that_are_no_floats_are_refused():
    state = to_state_dict(make(0))
    for dtype in ("int64", "complex64", "bool"):
        odd = state | {"7.bias": Tensor([1, 0], dtype)}
        with pytest.raises(InputError, match=rf"7\.bias is of torch\.{dtype}, expected floats"):
            from_state_dict(make(0), odd)
        with pytest.raises(InputError, match=rf"7\.bias is of torch\.{dtype}, expected floats"):
            to_state_dict(make(0), odd)


def images(seed):
    return Network(
        Conv2D(6, (3, 2), groups=3), BatchNorm(), ReLU(), Residual(GroupNorm(2), Conv2D(6, 1)),
        MaxPool(2), Flatten(), Dropout(0.1), Dense(4), RMSNorm(), Dense(2),
        inputs=(9, 8, 3), seed=seed,
    )  # fmt: skip


def test_images_have_pytorchs_names_and_shapes_and_come_back():
    first, second = images(0), images(1)
    first.built.state[:] = np.arange(12)
    state = to_state_dict(first)
    assert {name: array.shape for name, array in state.items()} == {
        "0.weight": (6, 1, 3, 2), "0.bias": (6,), "1.weight": (6,), "1.bias": (6,),
        "1.running_mean": (6,), "1.running_var": (6,), "3.0.weight": (6,), "3.0.bias": (6,),
        "3.1.weight": (6, 6, 1, 1), "3.1.bias": (6,), "7.weight": (4, 54), "7.bias": (4,),
        "8.weight": (4,), "9.weight": (2, 4), "9.bias": (2,),
    }  # fmt: skip
    assert all(array.flags.c_contiguous for array in state.values())
    from_state_dict(second, {**state, "1.num_batches_tracked": np.array(7)})
    np.testing.assert_array_equal(first.theta, second.theta)
    np.testing.assert_array_equal(first.built.state, second.built.state)


def test_kernels_and_columns_are_in_pytorchs_order():
    network = images(0)
    state = to_state_dict(network)
    np.testing.assert_array_equal(
        state["0.weight"], network.parameters["0.A"].transpose(3, 2, 0, 1)
    )
    columns = network.parameters["7.A"].reshape(4, 3, 3, 6).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(state["7.weight"], columns.reshape(4, 54))
    sequences = Network(Conv1D(6, 3, groups=2), inputs=(9, 4))
    expected = sequences.parameters["0.A"].transpose(2, 1, 0)
    np.testing.assert_array_equal(to_state_dict(sequences)["0.weight"], expected)


def test_what_pytorch_counts_is_kept():
    like = {**to_state_dict(images(1)), "1.num_batches_tracked": np.array(7)}
    found = to_state_dict(images(0), like)
    assert found["1.num_batches_tracked"] == 7
    assert found.keys() == like.keys()


def test_orders_that_are_not_known_are_refused():
    conv = Conv2D(2, 2)
    with pytest.raises(InputError, match=r"layer 2, LayerNorm.*put Permute\(\(3, 1, 2\)\) before"):
        to_state_dict(Network(conv, Flatten(), LayerNorm(), inputs=(4, 4, 1)))
    with pytest.raises(InputError, match=r"layer 1, Reshape.*channels first in PyTorch"):
        to_state_dict(Network(conv, Reshape((9, 2)), Dense(2), inputs=(4, 4, 1)))
    turned = Network(conv, Permute((3, 1, 2)), Flatten(), Dense(3), inputs=(4, 4, 1))
    np.testing.assert_array_equal(to_state_dict(turned)["3.weight"], turned.parameters["3.A"])
    rows = Network(Dense(3), Flatten(), Dense(2), inputs=(4, 5))
    np.testing.assert_array_equal(to_state_dict(rows)["2.weight"], rows.parameters["2.A"])

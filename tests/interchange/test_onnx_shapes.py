"""ONNX files of examples with several axes: no axis is taken for another one."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array
from ort import run

from steepest import (  # fmt: skip
    AveragePool,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePool,
    GroupNorm,
    MaxPool,
    ModelError,
    Network,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    SiLU,
    Squared,
    Sum,
    Trainer,
    export_onnx,
    import_onnx,
)

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(0, 1, shape).astype(np.float32)


def write(path, nodes, constants, shape):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", *shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def node(kind, *inputs, to="y", **attributes):
    return helper.make_node(kind, inputs, [to], f"the {kind} {to}", **attributes)


@pytest.mark.parametrize(
    "layers",
    [
        (Conv2D(4, 3), ReLU(), MaxPool(2), Conv2D(6, 2), ReLU(), Flatten(), Dense(5)),
        (Conv2D(4, 3, padding="same", bias=False), Residual(ReLU(), Conv2D(4, 3, padding=1)),
         Sum(Conv2D(6, 1, stride=2), Sequential(Conv2D(6, 3, stride=2, padding=1), SiLU())),
         GroupNorm(2), GlobalAveragePool(), Dense(3)),
        (Concat(Conv2D(2, 1), Sequential(Conv2D(3, 3, padding=1), ReLU())), AveragePool(2),
         Dense(4), Reshape((16, 4)), Dense(2)),
    ],
)  # fmt: skip
def test_no_permute_is_left_of_what_was_exported(tmp_path, layers):
    network = Network(*layers, inputs=(8, 8, 3))
    export_onnx(network, tmp_path / "n.onnx")
    again = import_onnx(tmp_path / "n.onnx")
    X = floats(5, 8, 8, 3)
    np.testing.assert_allclose(again.predict(X), network.predict(X), rtol=1e-5, atol=1e-5)
    assert "Permute" not in repr(again)


def test_batch_norm_trains_on_from_what_the_file_has(tmp_path):
    layers = Conv2D(4, 3), BatchNorm(0.8, eps=0.01), ReLU(), Flatten(), Dense(1)
    network = Network(*layers, inputs=(6, 6, 2))
    network.theta += floats(network.theta.size) / 3
    network.built.state[:] = RNG.uniform(0.5, 2, 8)
    export_onnx(network, tmp_path / "n.onnx")
    again = import_onnx(tmp_path / "n.onnx")
    assert repr(again) == repr(network)
    for name, array in {**network.parameters, **network.state}.items():
        np.testing.assert_array_equal(again.built.named[name], array)
    X, y = floats(50, 6, 6, 2), floats(50, 1)
    np.testing.assert_allclose(run(tmp_path / "n.onnx", x=X)["y"], network.predict(X), atol=1e-5)
    for each in (network, again):
        Trainer(each, Squared(), batch=10).fit(X, y, epochs=2)
    np.testing.assert_array_equal(again.theta, network.theta)
    np.testing.assert_array_equal(again.built.state, network.built.state)


@pytest.mark.parametrize("far", [1.0, 1e4])
def test_batch_norm_of_means_far_from_0_is_written_without_cancellation(tmp_path, far):
    network = Network(BatchNorm(), inputs=3)
    network.state["0.mean"][:] = far * (1 + RNG.random(3))
    export_onnx(network, tmp_path / "n.onnx")
    X = (network.state["0.mean"] + floats(20, 3)).astype(np.float32)
    y = network.predict(X)
    np.testing.assert_allclose(run(tmp_path / "n.onnx", x=X)["y"], y, atol=1e-5)
    np.testing.assert_allclose(import_onnx(tmp_path / "n.onnx").predict(X), y, atol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "constants", "layers"),
    [
        ([node("Softmax", "x", axis=1)], {}, "Permute((2, 1)), Softmax(), Permute((2, 1))"),
        ([node("Softmax", "x", axis=2)], {}, "Softmax()"),
        ([node("Softmax", "x", axis=-2)], {}, "Permute((2, 1)), Softmax(), Permute((2, 1))"),
        ([node("Add", "x", "b")], {"b": floats(3, 1)},
         "Permute((2, 1)), Affine(), Permute((2, 1))"),
        ([node("Mul", "x", "b")], {"b": floats(4)}, "Scale()"),
        ([node("MatMul", "x", "B")], {"B": floats(4, 2)}, "Dense(2, bias=False)"),
        ([node("BatchNormalization", "x", "g", "g", "g", "g")], {"g": 1 + floats(3) ** 2},
         "Permute((2, 1)), BatchNorm(), Permute((2, 1))"),
        ([node("Relu", "x", to="a"), node("Concat", "a", "x", axis=1)], {},
         "Permute((2, 1)), Concat(Sequential(Permute((2, 1)), ReLU(), Permute((2, 1))), "
         "Identity()), Permute((2, 1))"),
        ([node("Flatten", "x", to="h"), node("Gemm", "h", "B")], {"B": floats(12, 2)},
         "Flatten(), Dense(2, bias=False)"),
        ([node("Transpose", "x", perm=[0, 2, 1], to="h"), node("Relu", "h", to="i"),
          node("Transpose", "i", perm=[0, 2, 1])], {}, "ReLU()"),
        ([node("Reshape", "x", "s", to="h"), node("MatMul", "h", "B", to="i"),
          node("Reshape", "i", "t")],
         {"s": np.array([-1, 4]), "B": floats(4, 2), "t": np.array([-1, 3, 2])},
         "Dense(2, bias=False)"),
        ([node("ReduceMean", "x", "a", keepdims=0)], {"a": np.array([1])}, "GlobalAveragePool()"),
        ([node("ReduceMean", "x", "a", keepdims=0)], {"a": np.array([-1])},
         "Permute((2, 1)), GlobalAveragePool()"),
        ([node("Conv", "x", "B", auto_pad="SAME_UPPER", strides=[2])], {"B": floats(5, 3, 3)},
         "Permute((2, 1)), Conv1D(5, kernel_size=3, stride=2, padding='same', bias=False), "
         "Permute((2, 1))"),
    ],
)  # fmt: skip
def test_an_axis_is_the_one_that_the_file_means(tmp_path, nodes, constants, layers):
    path = write(tmp_path / "n.onnx", nodes, constants, (3, 4))
    network = import_onnx(path)
    X = floats(10, 3, 4)
    np.testing.assert_allclose(network.predict(X), run(path, x=X)["y"], rtol=1e-5, atol=1e-5)
    assert network.input_shape == (3, 4)
    if "Concat" not in layers:
        assert repr(network.layer) == f"Sequential({layers})"


def test_a_flat_input_may_be_an_image(tmp_path):
    nodes = [node("Reshape", "x", "s", to="h"), node("Conv", "h", "B", to="i"),
             node("Flatten", "i", to="j"), node("Gemm", "j", "C")]  # fmt: skip
    constants = {"s": np.array([-1, 2, 5, 4]), "B": floats(3, 2, 2, 2), "C": floats(36, 2)}
    path, X = write(tmp_path / "n.onnx", nodes, constants, (40,)), floats(10, 40)
    network = import_onnx(path)
    np.testing.assert_allclose(network.predict(X), run(path, x=X)["y"], rtol=1e-5, atol=1e-5)
    assert repr(network.layer).startswith("Sequential(Reshape((2, 5, 4)), Permute((2, 3, 1)), Conv")


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([node("Softmax", "x", axis=0)], {}, "columns"),
        ([node("Transpose", "x", perm=[1, 0, 2])], {}, "moves the axis of the examples"),
        ([node("Transpose", "x")], {}, "moves the axis of the examples"),
        ([node("Add", "x", "b")], {"b": floats(2, 1, 1)}, r"one number a column.*\(2, 1, 1\)"),
        ([node("Reshape", "x", "s")], {"s": np.array([-1, 6])}, r"makes \(2 n, 6\) of \(n, 3, 4\)"),
        ([node("Reshape", "x", "s", to="h"), node("Relu", "h")], {"s": np.array([-1, 4])},
         "ends with the rows of all examples"),
        ([node("LayerNormalization", "x", "g", axis=1)], {"g": floats(3, 4)}, "columns alone"),
        ([node("AveragePool", "x", kernel_shape=[2], pads=[1, 1], count_include_pad=1)], {},
         "counts the zeros around"),
        ([node("MaxPool", "x", kernel_shape=[3], strides=[2], ceil_mode=1)], {}, "rounds"),
        ([node("MaxPool", "x", kernel_shape=[2], dilations=[2])], {}, "with holes"),
        ([node("Conv", "x", "B", auto_pad="SAME_LOWER")], {"B": floats(5, 3, 2)}, "SAME_LOWER"),
        ([node("Pad", "x", "p")], {"p": np.array([0, 1, 0, 0, 0, 1])}, "or their channels"),
        ([node("ReduceMean", "x", "a")], {"a": np.array([1, 2])}, "mean over other axes"),
    ],
)  # fmt: skip
def test_what_would_be_another_axis_is_refused(tmp_path, nodes, constants, words):
    with pytest.raises(ModelError, match=words):
        import_onnx(write(tmp_path / "n.onnx", nodes, constants, (3, 4)))


def test_open_sizes_are_refused(tmp_path):
    path = write(tmp_path / "n.onnx", [node("Relu", "x")], {}, ("t", 4))
    with pytest.raises(ModelError, match=r"sizes of its input \(None, 4\) are not all known"):
        import_onnx(path)

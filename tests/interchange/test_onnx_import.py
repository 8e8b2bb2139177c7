"""ONNX files come back as networks that predict the same, or are refused by name."""

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array
from ort import run

from steepest import (  # fmt: skip
    ELU,
    GELU,
    SELU,
    Attention,
    AveragePool,
    BatchNorm,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    EmbeddingBag,
    Flatten,
    GlobalAveragePool,
    Hardtanh,
    Identity,
    InputError,
    LayerNorm,
    LeakyReLU,
    LearnedPositions,
    MaxPool,
    MemberMean,
    Mish,
    ModelError,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    SinusoidalPositions,
    Softmax,
    Softplus,
    Standardise,
    Sum,
    SwiGLU,
    Tanh,
    TiedEmbedding,
    TokenEmbedding,
    export_onnx,
    import_onnx,
    plugins,
)
from steepest.checking import catalogue, draw

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(0, 1, shape).astype(np.float32)


def write(path, nodes, constants=(), width=4, kind=TensorProto.FLOAT):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, ("n", width))],
        [helper.make_tensor_value_info("y", kind, ("n", None))],
        [from_array(array, name) for name, array in dict(constants).items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def node(kind, *inputs, to="y", **attributes):
    name = f"the {kind}" if to == "y" else f"the {kind} {to}"
    return helper.make_node(kind, inputs, [to], name, **attributes)


def test_what_was_exported_comes_back(tmp_path):
    network = Network(
        Dense(20), LayerNorm(1e-3), ReLU(), Residual(Dense(8, bias=False), GELU(), Dense(20)),
        Concat(Identity(), Sequential(Dense(3), SiLU()), Residual(Dense(20), Residual(Mish()))),
        Dense(5), ELU(0.5), Scale(), SELU(), LeakyReLU(0.2), Softplus(), Tanh(), Sigmoid(),
        Softmax(), inputs=6,
    )  # fmt: skip
    network.theta += floats(network.theta.size) / 5
    export_onnx(network, tmp_path / "n.onnx")
    again = import_onnx(tmp_path / "n.onnx")
    assert repr(again) == repr(network)
    X = floats(30, 6)
    np.testing.assert_allclose(again.predict(X), network.predict(X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("nodes", "constants", "layers"),
    [
        ([node("Gemm", "x", "B")], {"B": floats(4, 3)}, "Dense(3, bias=False)"),
        ([node("Gemm", "x", "B", "c", alpha=0.5, beta=2.0)], {"B": floats(4, 3), "c": floats(1)},
         "Dense(3)"),
        ([node("MatMul", "x", "B", to="h"), node("Add", "b", "h")],
         {"B": floats(4, 3), "b": floats(1, 3)}, "Dense(3)"),
        ([node("MatMul", "x", "B", to="h"), node("Add", "h", "b")],
         {"B": floats(4, 3), "b": np.float32(2)}, "Dense(3)"),
        ([node("Mul", "x", "2")], {"2": np.float32(2)}, "Scale()"),
        ([node("Div", "x", "s", to="h"), node("Relu", "h")], {"s": floats(4)}, "Scale(), ReLU()"),
        ([node("Gemm", "x", "B", "c", to="h"), node("Add", "h", "c", to="i"), node("Sub", "i", "c",
          to="j"), node("Sub", "j", "c")], {"B": floats(4, 3), "c": floats(3)}, "Dense(3)"),
        ([node("MatMul", "x", "B")], {"B": floats(4, 3)}, "Dense(3, bias=False)"),
        ([node("LayerNormalization", "x", "g", axis=1)], {"g": floats(4)}, "LayerNorm()"),
        ([node("Mul", "s", "x")], {"s": floats(4)}, "Scale()"),
        ([node("Softplus", "x", to="a"), node("Tanh", "a", to="b"), node("Mul", "b", "x")], {},
         "Mish()"),
        ([node("Div", "x", "r", to="a"), node("Erf", "a", to="b"), node("Add", "b", "1", to="c"),
          node("Mul", "x", "c", to="d"), node("Mul", "d", "h")],
         {"r": np.float32(2**0.5), "1": np.float32(1), "h": np.float32(0.5)}, "GELU()"),
        ([node("Flatten", "x", to="a"), node("Dropout", "a", to="b"), node("Elu", "b")], {},
         "Dropout(0.5), ELU()"),
        ([node("Sigmoid", "x", to="a"), node("Add", "a", "x")], {}, "Residual(Sigmoid())"),
        ([node("Mul", "x", "1", to="a"), node("Softplus", "a", to="b"), node("Div", "b", "1",
          to="c"), node("Greater", "a", "t", to="d"), node("Where", "d", "x", "c")],
         {"1": np.float32(1), "t": np.float32(20)}, "Softplus()"),
        ([node("Softplus", "x", to="b"), node("Greater", "x", "t", to="d"),
          node("Where", "d", "x", "b")], {"t": np.float32(20)}, "Softplus()"),
        ([node("Identity", "x")], {}, "Identity()"),
        ([node("Add", "x", "b")], {"b": floats(4)}, "Affine()"),
        ([node("Sub", "1", "x")], {"1": np.float32(1)}, "Affine()"),
        ([node("Neg", "x")], {}, "Scale()"),
        ([node("Add", "x", "b", to="h"), node("Relu", "h", to="i"), node("Gemm", "i", "B")],
         {"b": floats(4), "B": floats(4, 3)}, "Affine(), ReLU(), Dense(3, bias=False)"),
        ([node("BatchNormalization", "x", "g", "b", "m", "v", to="h"), node("Relu", "h")],
         {"g": floats(4), "b": floats(4), "m": floats(4), "v": floats(4) ** 2},
         "BatchNorm(), ReLU()"),
        *(([node("BatchNormalization", "x", "g", "b", "m", "v", **numbers)],
           {"g": floats(4), "b": floats(4), "m": floats(4), "v": floats(4) ** 2}, layer)
          for numbers, layer in (
              ({"epsilon": 0.0}, "Affine()"), ({"momentum": 1.0}, "Affine()"),
              ({"momentum": 0.99, "epsilon": 1e-3}, "BatchNorm(0.99, eps=0.001)"))),
        ([node("Gemm", "x", "B", to="h"),
          node("BatchNormalization", "h", "g", "b", "m", "v", epsilon=0.1)],
         {"B": floats(4, 3), "g": floats(3), "b": floats(3), "m": floats(3), "v": floats(3) ** 2},
         "Dense(3, bias=False), BatchNorm(eps=0.1)"),
        ([node("BatchNormalization", "x", "g", "b", "m", "v", to="h"),
          node("Mul", "h", "b", to="i"), node("Add", "i", "m")],
         {"g": np.ones(4, np.float32), "b": floats(4), "m": floats(4), "v": floats(4) ** 2},
         "BatchNorm()"),
        ([node("Reshape", "x", "s", to="h"), node("Relu", "h")], {"s": np.array([-1, 4])},
         "ReLU()"),
        ([node("Clip", "x", "low", "high")], {"low": np.float32(-0.5), "high": np.float32(0.1)},
         "Hardtanh(-0.5, high=0.1)"),
        ([node("Clip", "x", "low")], {"low": np.float32(0)}, "ReLU()"),
        ([node("Max", "x", "low", to="h"), node("Min", "h", "high")],
         {"low": np.float32(0), "high": np.float32(6)}, "Hardtanh(0.0, high=6.0)"),
        ([node("HardSigmoid", "x")], {}, "Hardsigmoid(0.2)"),
        ([node("HardSigmoid", "x", alpha=1 / 6)], {}, "Hardsigmoid()"),
        ([node("HardSigmoid", "x", alpha=1 / 6, to="h"), node("Mul", "h", "x")], {},
         "Hardswish()"),
        ([node("Add", "3", "x", to="a"), node("Clip", "a", "0", "6", to="b"),
          node("Div", "b", "6", to="c"), node("Mul", "x", "c")],
         {"0": np.float32(0), "3": np.float32(3), "6": np.float32(6)}, "Hardswish()"),
        ([node("PRelu", "x", "a")], {"a": floats(1)}, "PReLU()"),
        ([node("LogSoftmax", "x")], {}, "LogSoftmax()"),
        ([node("Softmax", "x", axis=1, to="h"), node("Log", "h")], {}, "LogSoftmax()"),
        ([node("Gelu", "x", approximate="tanh")], {}, "GELU('tanh')"),
        ([node("Pow", "x", "3", to="a"), node("Mul", "a", "c", to="b"), node("Add", "x", "b",
          to="d"), node("Mul", "r", "d", to="e"), node("Tanh", "e", to="f"), node("Add", "f", "1",
          to="g"), node("Mul", "g", "x", to="i"), node("Mul", "i", "h")],
         {"3": np.float32(3), "c": np.float32(0.044715), "r": np.float32((2 / np.pi) ** 0.5),
          "1": np.float32(1), "h": np.float32(0.5)}, "GELU('tanh')"),
        ([node("Tanh", "x", to="a"), node("Relu", "x", to="b"), node("Add", "a", "b")], {},
         "Sum(Tanh(), ReLU())"),
        ([node("Tanh", "x", to="a"), node("Sub", "x", "a")], {},
         "Sum(Identity(), Sequential(Tanh(), Scale()))"),
        ([node("Tanh", "x", to="a"), node("Relu", "x", to="b"), node("Sum", "a", "b", "x")], {},
         "Sum(Tanh(), ReLU(), Identity())"),
        ([node("Gemm", "x", "B", to="h"), node("Reshape", "h", "s")],
         {"B": floats(4, 3), "s": np.array([-1, 3])}, "Dense(3, bias=False)"),
    ],
)  # fmt: skip
def test_forms_that_others_write(tmp_path, nodes, constants, layers):
    path = write(tmp_path / "n.onnx", nodes, constants)
    network = import_onnx(path)
    assert repr(network) == f"Network({layers}, inputs=4, dtype='float32')"
    X = floats(10, 4)
    np.testing.assert_allclose(network.predict(X), run(path, x=X)["y"], rtol=1e-5, atol=1e-6)


# Of these, what is not in a file does not come back: see below.
CHANGED = (
    Attention, AveragePool, BatchNorm, Conv1D, Conv2D, Dropout, EmbeddingBag, Flatten,
    GlobalAveragePool, Hardtanh, LearnedPositions, MaxPool, MemberMean, PReLU, Sequential,
    SinusoidalPositions, Standardise, Sum, TiedEmbedding, TokenEmbedding,
)  # fmt: skip


def written(layer, path):
    """Write a network of a layer; return it, and inputs for it."""
    shape = draw.shape(layer)
    network = Network(layer, inputs=shape)
    network.theta += floats(network.theta.size) / 3
    network.built.state[:] = RNG.uniform(0.5, 2, network.built.state.size)
    export_onnx(network, path)
    return network, draw.inputs(layer, 30, shape, RNG)


@pytest.mark.parametrize("layer", catalogue.LAYERS, ids=repr)
def test_every_layer_that_is_written_is_read_again(tmp_path, layer):
    network, X = written(layer, tmp_path / "n.onnx")
    again = import_onnx(tmp_path / "n.onnx")
    np.testing.assert_allclose(again.predict(X), network.predict(X), rtol=1e-5, atol=1e-6)
    if type(layer) not in CHANGED:
        wanted = repr(network).replace(", lazy=True", "")  # how it trains is not in a file
        assert repr(again) == wanted


def test_a_language_model_comes_back(tmp_path):
    heads = Attention(4, causal=True, rotary=50.0, key_value_heads=2, bias=False), Attention(2)
    network = Network(
        TokenEmbedding(7, 16), LearnedPositions(5), Residual(RMSNorm(), heads[0]), heads[1],
        Dense(7), inputs=5,
    )  # fmt: skip
    network.theta += floats(network.theta.size) / 3
    export_onnx(network, tmp_path / "n.onnx")
    again, X = import_onnx(tmp_path / "n.onnx"), RNG.integers(7, size=(9, 5))
    assert repr(again).replace(", std=0.02", "") == repr(network)
    np.testing.assert_allclose(again.predict(X), network.predict(X), rtol=1e-5, atol=1e-6)


def test_what_is_multiplied_by_the_other_half_is_no_swiglu(tmp_path):
    path = tmp_path / "n.onnx"
    export_onnx(Network(SwiGLU(), inputs=4), path)
    model = onnx.load(path)
    slices = [node for node in model.graph.node if node.op_type == "Slice"]
    sigmoid = next(node for node in model.graph.node if node.op_type == "Sigmoid")
    sigmoid.input[0] = slices[1].output[0]
    onnx.save(model, path)
    with pytest.raises(ModelError, match="can't be read as a network: its operator"):
        import_onnx(path)


@pytest.mark.parametrize("operator", ["Softmax", "Where", "Gather"])
def test_attention_of_another_kind_is_refused(tmp_path, operator):
    """Scores by another axis, a mask of another form, heads in another order."""
    path = tmp_path / "n.onnx"
    export_onnx(Network(Attention(2, causal=True), inputs=(3, 4)), path)
    model = onnx.load(path)
    node = next(node for node in model.graph.node if node.op_type == operator)
    if operator == "Softmax":
        node.attribute[0].i = 2
    else:
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        tensor = constants[node.input[0 if operator == "Where" else 1]]
        turned = onnx.numpy_helper.to_array(tensor)[::-1].copy()
        tensor.CopyFrom(onnx.numpy_helper.from_array(turned, tensor.name))
    onnx.save(model, path)
    words = "can't be read as a network: its operator .*Softmax.* export_onnx.*from_state_dict"
    with pytest.raises(ModelError, match=words):
        import_onnx(path)


def test_what_is_not_written_does_not_come_back(tmp_path):
    network = Network(Dropout(0.5), Flatten(), Hardtanh(0, 6), PReLU(0.1),
                      Sequential(Tanh(), Identity()),
                      Sum(Identity(), Sequential(Identity(), Tanh())), inputs=3)  # fmt: skip
    export_onnx(network, tmp_path / "n.onnx")
    layers = "Hardtanh(0.0, high=6.0), PReLU(), Tanh(), Sum(Identity(), Tanh())"
    assert repr(import_onnx(tmp_path / "n.onnx").layer) == f"Sequential({layers})"


def a_network(layer):
    """Return a network of a layer, of some width that suits it."""
    for width in range(3, 20):
        try:
            return Network(layer, inputs=width)
        except InputError:
            continue
    raise AssertionError(layer)


def test_standardised_inputs(tmp_path):
    nodes = [node("Sub", "x", "m", to="a"), node("Div", "a", "s", to="b"),
             node("Gemm", "b", "B", "c", transB=1, to="d"), node("Relu", "d", to="e"),
             node("Gemm", "e", "D", to="f"), node("Mul", "f", "2")]  # fmt: skip
    mean = (1e6 * floats(4)).round()
    path = write(tmp_path / "n.onnx", nodes, {
        "m": mean, "s": 1 + np.abs(floats(4)), "B": floats(5, 4), "c": floats(5),
        "D": floats(5, 2), "2": np.array([2], np.float32),
    })  # fmt: skip
    network = import_onnx(path)
    layers = "Dense(5), ReLU(), Dense(2, bias=False), Scale()"
    assert repr(network) == f"Network({layers}, inputs=4, dtype='float64')"
    X = mean + floats(50, 4)
    np.testing.assert_allclose(network.predict(X), run(path, x=X)["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "shape", "settings"),
    [("Squeeze", [1], {}), ("Squeeze", [-1], {}), ("Reshape", [-1], {}),
     ("Gather", 0, {"axis": 1})],
)  # fmt: skip
def test_one_column_may_be_made_flat_at_the_end(tmp_path, kind, shape, settings):
    nodes = [node("Gemm", "x", "B", to="h"), node(kind, "h", "s", **settings)]
    path = write(tmp_path / "n.onnx", nodes, {"B": floats(4, 1), "s": np.array(shape)})
    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.shape.dim.pop()
    onnx.save(model, path)
    X = floats(10, 4)
    flat = run(path, x=X)["y"]
    np.testing.assert_allclose(import_onnx(path).predict(X), flat[:, None], rtol=1e-5, atol=1e-6)


def several_outputs(path, *kinds):
    """Write z = B x, softmax(z) as p, and its labels."""
    nodes = [node("Gemm", "x", "B", to="z"), node("Softmax", "z", to="p"),
             node("ArgMax", "p", to="label", axis=1, keepdims=0)]  # fmt: skip
    write(path, [*nodes, node("Identity", "p")], {"B": floats(4, 3)})
    model = onnx.load(path)
    del model.graph.output[:]
    for name, kind in kinds:
        shape = ("n",) if name == "label" else ("n", 3)
        model.graph.output.append(helper.make_tensor_value_info(name, kind, shape))
    onnx.save(model, path)
    return path


def test_of_several_outputs_the_only_one_of_real_numbers_is_read(tmp_path):
    outputs = ("label", TensorProto.INT64), ("y", TensorProto.FLOAT)
    path, X = several_outputs(tmp_path / "n.onnx", *outputs), floats(10, 4)
    found = import_onnx(path)
    assert repr(found.layer) == "Sequential(Dense(3, bias=False), Softmax())"
    np.testing.assert_allclose(found.predict(X), run(path, x=X)["y"], rtol=1e-5)
    with pytest.raises(ModelError, match="operator ArgMax 'the ArgMax label' is no layer"):
        import_onnx(path, output="label")


def test_of_several_outputs_one_is_chosen(tmp_path):
    outputs = ("z", TensorProto.FLOAT), ("p", TensorProto.FLOAT)
    path = several_outputs(tmp_path / "n.onnx", *outputs)
    with pytest.raises(ModelError, match=r"outputs 'z', 'p', and 2 of .*\(path, output='z'\)"):
        import_onnx(path)
    assert repr(import_onnx(path, output="z").layer) == "Sequential(Dense(3, bias=False))"
    assert repr(import_onnx(path, output="p").layer.layers[1]) == "Softmax()"
    with pytest.raises(ModelError, match="no output 'q'; it has 'z', 'p'"):
        import_onnx(path, output="q")
    with pytest.raises(InputError, match="output must be the name of an output, got 1"):
        import_onnx(path, output=1)


def test_constants_that_nodes_make_or_pass_on(tmp_path):
    nodes = [node("Identity", "B", to="C"), node("Gemm", "x", "C", to="h"),
             node("Constant", to="two", value_float=2.0), node("Mul", "h", "two")]  # fmt: skip
    path, X = write(tmp_path / "n.onnx", nodes, {"B": floats(4, 3)}), floats(10, 4)
    np.testing.assert_allclose(import_onnx(path).predict(X), run(path, x=X)["y"], rtol=1e-5)


def test_columns_that_are_not_all_are_refused(tmp_path):
    bounds = {str(k): np.array([k]) for k in range(5)}
    halves = [node("Slice", "x", "0", "2", "1", to="a"), node("Slice", "x", "3", "4", "1", to="b")]
    path = tmp_path / "n.onnx"
    with pytest.raises(ModelError, match=r"Concat .* does not join all columns"):
        import_onnx(write(path, [*halves, node("Concat", "a", "b", axis=1)], bounds))
    halves[1] = node("Slice", "x", "2", "3", "1", to="b")
    with pytest.raises(ModelError, match=r"Parallel.* 2 \+ 1 = 3 columns, but the input has 4"):
        import_onnx(write(path, [*halves, node("Concat", "a", "b", axis=1)], bounds))
    with pytest.raises(ModelError, match=r"Add .* reads some of the columns"):
        import_onnx(write(path, [*halves, node("Add", "a", "b")], bounds))


def test_columns_up_to_the_last(tmp_path):
    nodes = [node("Slice", "x", "0", "1", "1", to="a"), node("Tanh", "a", to="b"),
             node("Slice", "x", "1", "end", "1", "1", to="c"), node("Gemm", "c", "B", to="d"),
             node("Concat", "b", "d", axis=1)]  # fmt: skip
    bounds = {"0": np.array([0]), "1": np.array([1]), "end": np.array([2**63 - 1])}
    path, X = write(tmp_path / "n.onnx", nodes, {**bounds, "B": floats(3, 2)}), floats(10, 4)
    network = import_onnx(path)
    assert repr(network.layer.layers[0]) == "Parallel((1, Tanh()), (3, Dense(2, bias=False)))"
    np.testing.assert_allclose(network.predict(X), run(path, x=X)["y"], rtol=1e-5, atol=1e-6)


def test_branches_that_are_not_apart_are_refused(tmp_path):
    nodes = [node("Tanh", "x", to="a"), node("Add", "a", "x", to="b"), node("Relu", "b", to="c"),
             node("Add", "c", "a")]  # fmt: skip
    with pytest.raises(ModelError, match="operator Add 'the Add' joins branches"):
        import_onnx(write(tmp_path / "n.onnx", nodes))


PLUGIN = '''
from dataclasses import dataclass

from steepest.layer import Layer
from steepest.onnx_reading import Form, Op


@dataclass(frozen=True, repr=False)
class Cube(Layer):
    """y = x³"""

    steepest_slope = 1.0

    def onnx(self, g):
        return g.op("Mul", g.x, g.op("Mul", g.x, g.x))

    @staticmethod
    def onnx_import():
        return (Form(Op("Mul", "x", "x", "x")),)

    @staticmethod
    def forward(x, y, rows, units):
        """y = x³"""
        for i in rows:
            for j in units:
                y[i, j] = x[i, j] * x[i, j] * x[i, j]

    @staticmethod
    def backward_x(x, dy, dx, rows, units):
        """dx = 3 dy ⊙ x²"""
        for i in rows:
            for j in units:
                dx[i, j] = dy[i, j] * x[i, j] * x[i, j] * x.dtype.type(3)
'''


def test_a_users_layer_comes_back_while_its_plugin_is_in_use(tmp_path):
    file = tmp_path / "cubes.py"
    file.write_text(PLUGIN, encoding="utf-8")
    (module,) = plugins.use(file)
    network = Network(Dense(4), module.Cube(), Dense(2), inputs=3)
    try:
        export_onnx(network, tmp_path / "n.onnx")
        assert repr(import_onnx(tmp_path / "n.onnx")) == repr(network)
    finally:
        del plugins._used["cubes"], sys.modules["cubes"]
    with pytest.raises(ModelError, match=r"operator Mul .* is no layer of Steepest"):
        import_onnx(tmp_path / "n.onnx")


@pytest.mark.parametrize("what", ["parameters", "state"])
def test_a_users_layer_that_leaves_out_what_it_has(tmp_path, what):
    kind = {"parameters": "Parameter", "state": "State"}[what]
    method = f"    def {what}(self, p):\n        return {{'a': {kind}((p,))}}\n\n    def onnx(self"
    text = PLUGIN.replace("    def onnx(self", method).replace(
        "import Layer", f"import Layer, {kind}"
    )
    (tmp_path / f"half_{what}.py").write_text(text, encoding="utf-8")
    (module,) = plugins.use(tmp_path / f"half_{what}.py")
    try:
        export_onnx(Network(module.Cube(), inputs=3), tmp_path / "n.onnx")
        with pytest.raises(ModelError, match=r"lacks 0\.a"):
            import_onnx(tmp_path / "n.onnx")
    finally:
        del plugins._used[f"half_{what}"], sys.modules[f"half_{what}"]


def test_patterns_on_long_chains_end(tmp_path):
    names = ["x", *(f"h{k}" for k in range(400)), "y"]
    nodes = [node("Mul", a, a, to=b) for a, b in pairwise(names)]
    with pytest.raises(ModelError, match=r"Mul .* is no layer"):
        import_onnx(write(tmp_path / "n.onnx", nodes))


def test_half_precision_does_not_overflow(tmp_path):
    nodes = [node("Cast", "x", to="h", **{}), node("Gemm", "h", "B", to="z", alpha=10.0),
             node("Cast", "z")]  # fmt: skip
    nodes[0].attribute.append(helper.make_attribute("to", TensorProto.FLOAT16))
    nodes[2].attribute.append(helper.make_attribute("to", TensorProto.FLOAT))
    path = write(tmp_path / "n.onnx", nodes, {"B": np.full((4, 3), 60000, np.float16)})
    found = import_onnx(path).predict(np.ones((2, 4)))
    np.testing.assert_allclose(found, np.full((2, 3), 2.4e6))


def test_outputs_that_are_left_out(tmp_path):
    nodes = [
        helper.make_node("Dropout", ["x"], ["h", ""]),
        helper.make_node("LayerNormalization", ["h", "g"], ["i", "", "s"]),
        node("Tanh", "i"),
    ]
    path = write(tmp_path / "n.onnx", nodes, {"g": floats(4)})
    X = floats(10, 4)
    np.testing.assert_allclose(import_onnx(path).predict(X), run(path, x=X)["y"], atol=1e-6)


def test_operators_that_may_mean_something_else(tmp_path):
    def load(change):
        path = write(tmp_path / "n.onnx", [node("Relu", "x")])
        model = onnx.load(path)
        change(model)
        path.write_bytes(model.SerializeToString())
        return import_onnx(path)

    def overload(model):
        body = [helper.make_node("Neg", ["a"], ["b"])]
        opsets = [helper.make_opsetid("", 20)]
        model.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, opsets))

    with pytest.raises(ModelError, match="operators are those of set 6"):
        load(lambda model: model.opset_import[0].__setattr__("version", 6))
    with pytest.raises(ModelError, match="operators are those of set 0"):
        load(lambda model: model.opset_import.pop())
    with pytest.raises(ModelError, match="defines the operator 'Relu' by a function"):
        load(overload)
    with pytest.raises(ModelError, match="same name"):
        load(lambda model: model.graph.initializer.extend([from_array(floats(1), "c")] * 2))
    with pytest.raises(ModelError, match="attribute 'a' twice"):
        load(
            lambda model: model.graph.node[0].attribute.extend([helper.make_attribute("a", 1)] * 2)
        )


def test_float64_stays(tmp_path):
    path = write(tmp_path / "n.onnx", [node("Gemm", "x", "B")], {"B": floats(4, 3).astype(float)},
                 kind=TensorProto.DOUBLE)  # fmt: skip
    network = import_onnx(path)
    X = RNG.normal(0, 1, (5, 4))
    assert network.dtype == "float64"
    np.testing.assert_allclose(network.predict(X), run(path, x=X)["y"], rtol=1e-12)


def test_the_width_may_be_left_open(tmp_path):
    path = write(tmp_path / "n.onnx", [node("Gemm", "x", "B")], {"B": floats(4, 3)}, width=None)
    assert import_onnx(path).inputs == 4
    with pytest.raises(ModelError, match="width of its input is not known"):
        import_onnx(write(tmp_path / "n.onnx", [node("Relu", "x")], width=None))


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([node("Conv", "x", "B")], {"B": floats(4, 3)}, "Conv 'the Conv' is no layer"),
        ([node("Gemm", "x", "B", transA=1)], {"B": floats(4, 3)}, "transposes its input"),
        ([node("Gemm", "x", "B")], {"B": floats(5, 3)},
         r"layer 0, Dense.* has 4 inputs"),
        ([node("Gemm", "x", "B")], {"B": np.full((4, 3), np.inf, np.float32)}, "not finite"),
        ([node("Gelu", "x", approximate="sigmoid")], {}, "approximate 'sigmoid'"),
        ([node("Selu", "x", alpha=2.0)], {}, "alpha 2.0"),
        ([node("Softmax", "x", axis=0)], {}, "columns"),
        ([node("Dropout", "x", "r")], {"r": np.float32(1.5)}, "rate must be"),
        ([node("Dropout", "x", "r", "t")], {"r": np.float32(0.5), "t": np.array(True)},
         "is in training mode"),
        ([node("Dropout", "x", "", "x")], {}, "Dropout .* reads 'x', which is no constant"),
        ([node("Dropout", "x", "r")], {"r": floats(0)}, r"needs one number, got an array \(0,\)"),
        ([node("Dropout", "x", ratio=2)], {}, "has ratio 2; expected a finite real number"),
        ([node("Elu", "x", alpha="tanh")], {}, "has alpha 'tanh'; expected a finite real number"),
        ([node("Elu", "x", alpha=2)], {}, "has alpha 2; expected a finite real number"),
        ([node("LeakyRelu", "x", alpha=[0.5])], {},
         r"has alpha \[0\.5\]; expected a finite real number"),
        ([node("Softmax", "x", axis="x")], {}, "has axis 'x'; expected a whole number"),
        ([node("Softmax", "x", axis=1.0)], {}, "has axis 1.0; expected a whole number"),
        ([node("Gelu", "x", approximate=0)], {}, "has approximate 0; expected a text"),
        ([node("LayerNormalization", "x", "g", epsilon=np.nan)], {"g": floats(4)}, "epsilon nan"),
        ([node("Relu", "x", foo=3.0)], {}, "has the attribute 'foo'"),
        ([node("Relu", "x", "x")], {}, "has 2 inputs; at most 1 are known"),
        ([node("Gemm", "x", "B", "c", transB="x")], {"B": floats(4, 3), "c": floats(3)},
         "has transB 'x'"),
        ([node("Gemm", "x", "B", alpha=b"\xff")], {"B": floats(4, 3)}, "has alpha '"),
        ([node("Gemm", "x", "B", alpha=np.inf)], {"B": floats(4, 3)}, "has alpha inf"),
        ([node("Gemm", "x", "B", alpha=10.0)], {"B": np.full((4, 3), 1e38, np.float32)},
         "multiplies a constant by 10: too large"),
        ([node("Gemm", "x", "B", "c", beta=10.0)],
         {"B": floats(4, 3), "c": np.full(3, 1e38, np.float32)}, "by 10: too large"),
        ([helper.make_node("LayerNormalization", ["x", "g"], ["h", "y", "s"])], {"g": floats(4)},
         "LayerNormalization is read for its output 1; only its output 0"),
        ([helper.make_node("Dropout", ["x"], ["h", "m"]), node("Relu", "m")], {},
         "Dropout is read for its output 1"),
        ([helper.make_node("Sigmoid", ["x"], ["s"], domain="mine"), node("Mul", "x", "s")], {},
         "Mul 'the Mul' is no layer of Steepest in this form; known are those of Adapters, Affine"),
        ([helper.make_node("MatMul", ["x", "B"], ["h"], domain="mine"), node("Add", "h", "b")],
         {"B": floats(4, 3), "b": floats(3)}, "MatMul is no layer"),
        ([node("Mine\x1b[31m", "x")], {}, r"operator Mine\\x1b\[31m"),
        ([node("Relu", "x", to="x"), node("Relu", "x")], {}, "two nodes make 'x'"),
        ([node("Clip", "x", "low")], {"low": np.float32(1)},
         "Clip .* are those of Hardsig.*Hardtanh"),
        ([node("Clip", "x", "low", "high")], {"low": np.float32(1), "high": np.float32(1)},
         "low must be below high"),
        ([node("BatchNormalization", "x", "g", "g", "g", "g", training_mode=1)], {"g": floats(4)},
         "is in training mode"),
        ([node("BatchNormalization", "x", "g", "g", "g", "g")],
         {"g": np.full(4, -1, np.float32)}, "variance that is not above 0"),
        ([node("Slice", "x", "0", "2", "1", to="h"), node("Relu", "h")],
         {"0": np.array([0]), "1": np.array([1]), "2": np.array([2])},
         r"operator Slice .* takes some of the columns"),
        ([node("Add", "x", "b")], {"b": floats(1, 1, 4)}, r"an array \(1, 1, 4\)"),
        ([node("Mul", "x", "1")], {"1": np.ones((1, 1, 1), np.float32)}, r"array \(1, 1, 1\)"),
        ([node("Add", "x", "b", to="h"), node("Gemm", "h", "B")],
         {"b": floats(3), "B": floats(4, 3)}, r"array \(3,\) for 4 columns"),
        ([node("MatMul", "x", "B", to="h"), node("Add", "h", "b")],
         {"b": floats(4), "B": floats(4, 1)}, r"array \(4,\) for 1 columns"),
        ([node("Add", "x", "b", to="h"), node("Mul", "h", "s", to="i"), node("Gemm", "i", "B")],
         {"b": floats(4), "s": floats(3), "B": floats(4, 3)},
         "Mul .* wants 3 columns, where there are 4"),
        ([node("Add", "x", "b", to="h"), node("Add", "h", "s", to="i"), node("Gemm", "i", "B")],
         {"b": floats(4), "s": floats(3), "B": floats(4, 3)},
         "Add .* wants 3 columns, where there are 4"),
        ([node("Softplus", "x", to="b"), node("Greater", "x", "t", to="d"),
          node("Where", "d", "x", "b")], {"t": np.float32(2)},
         "Where .* in this form; known are those of Softplus"),
        ([node("Mul", "x", "2", to="a"), node("Softplus", "a", to="b"), node("Greater", "x", "t",
          to="d"), node("Where", "d", "x", "b")], {"t": np.float32(20), "2": np.float32(2)},
         "in this form; known are those of Softplus"),
        ([node("Softplus", "x", to="b"), node("Greater", "t", "x", to="d"),
          node("Where", "d", "x", "b")], {"t": np.float32(20)},
         "in this form; known are those of Softplus"),
        ([node("Softplus", "x", to="b"), node("Greater", "x", "x", to="d"),
          node("Where", "d", "x", "b")], {}, "in this form; known are those of Softplus"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": np.array([-1])},
         "its end makes one column of 4"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": np.array([-1, 2])},
         r"Reshape .* makes \(2 n, 2\) of \(n, 4\)"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": np.array([2, -1])},
         r"makes the shape \[2, -1\]; expected \(-1, columns\)"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": floats(2)},
         "no constant of whole numbers"),
        ([node("Relu", "x", to="h"), node("Squeeze", "h", "s")], {"s": np.array([0])},
         "takes away another axis"),
        ([node("Relu", "x", to="h"), node("Squeeze", "h", "s")], {"s": np.array([1])},
         "its end makes one column of 4"),
        ([node("Div", "x", "b")], {"b": np.zeros(4, np.float32)}, "divides by 0"),
        ([node("Add", "x", "b", to="h"), node("Add", "h", "b", to="i"), node("Gemm", "i", "B")],
         {"b": np.full(4, 1e308), "B": floats(4, 3)}, "too large"),
        ([node("Tanh", "x", to="a"), node("Mul", "a", "x")], {}, "Mul 'the Mul' is no layer of"),
        ([node("Relu", "y")], {}, "no path leads"),
        ([node("Relu", "z")], {}, "no path leads"),
        ([node("Cast", "x", to="a", **{}), node("Relu", "a")], {}, "real numbers"),
        ([node("Relu", "x"), node("Tanh", "x")], {}, "two nodes make 'y'"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_refused_by_name(tmp_path, nodes, constants, words):
    with pytest.raises(ModelError, match=words):
        import_onnx(write(tmp_path / "n.onnx", nodes, constants))


def test_hostile_tensors(tmp_path):
    def load(change):
        path = write(tmp_path / "n.onnx", [node("Gemm", "x", "B")], {"B": floats(4, 3)})
        model = onnx.load(path)
        change(model.graph.initializer[0])
        path.write_bytes(model.SerializeToString())
        import_onnx(path)

    with pytest.raises(ModelError, match="holds 12 numbers"):
        load(lambda tensor: tensor.dims.__setitem__(0, 10**12))
    with pytest.raises(ModelError, match="holds 12 numbers"):
        load(lambda tensor: tensor.dims.extend([-1, -1]))

    def outside(tensor):
        onnx.external_data_helper.set_external_data(tensor, "../../../etc/passwd")
        tensor.ClearField("raw_data")

    with pytest.raises(ModelError, match="no name of a file in the same folder"):
        load(outside)
    (tmp_path / "n.onnx").write_bytes(b"\x08\xff" * 50)
    with pytest.raises(ModelError, match="no ONNX file"):
        import_onnx(tmp_path / "n.onnx")
    with pytest.raises(ModelError, match="no such file"):
        import_onnx(tmp_path / "gone.onnx")


def test_rows_of_numbers_that_would_take_all_memory_are_not_followed(tmp_path):
    """ONNX keeps each number of a row that may say a shape, declared or joined."""
    path = write(tmp_path / "n.onnx", [node("Add", "x", "b")], {"b": floats(4)})
    model = onnx.load(path)
    model.graph.initializer[0].dims[0] = 10**12
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="holds 4 numbers"):
        import_onnx(path)

    joins = [node("Concat", f"c{k}", f"c{k}", to=f"c{k + 1}", axis=0) for k in range(50)]
    constants = {"c0": np.ones(64, np.int64), "B": floats(4, 3)}
    found = import_onnx(write(tmp_path / "n.onnx", [*joins, node("Gemm", "x", "B")], constants))
    assert found.predict(floats(5, 4)).shape == (5, 3)


def test_operators_that_a_file_defines_are_not_worked_out(tmp_path, monkeypatch):
    """Each may call the one before it twice, which is 2^k calls."""
    given, real = [], onnx.shape_inference.infer_shapes
    monkeypatch.setattr(
        onnx.shape_inference, "infer_shapes", lambda m, **o: given.append(m) or real(m, **o)
    )
    path = write(tmp_path / "n.onnx", [node("Gemm", "x", "B")], {"B": floats(4, 3)})
    model = onnx.load(path)
    opsets = [helper.make_opsetid("", 20)]
    body = [helper.make_node("Relu", ["a"], ["b"])]
    model.functions.append(helper.make_function("own", "f", ["a"], ["b"], body, opsets))
    path.write_bytes(model.SerializeToString())
    assert import_onnx(path).predict(floats(5, 4)).shape == (5, 3)
    assert [len(each.functions) for each in given] == [0]


def saved_outside(path, B):
    write(path, [node("Gemm", "x", "B", "c")], {"B": B, "c": floats(3)})
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="n.onnx.data",
              size_threshold=0)  # fmt: skip
    return path


def test_constants_in_a_file_beside_it(tmp_path):
    path, X = saved_outside(tmp_path / "n.onnx", floats(4, 3)), floats(10, 4)
    assert len((tmp_path / "n.onnx.data").read_bytes()) >= 60
    np.testing.assert_allclose(import_onnx(path).predict(X), run(path, x=X)["y"], rtol=1e-5)
    (tmp_path / "n.onnx.data").write_bytes(bytes(20))
    with pytest.raises(ModelError, match=r"end at byte .* of 'n\.onnx\.data', which has 20 bytes"):
        import_onnx(path)
    (tmp_path / "n.onnx.data").unlink()
    with pytest.raises(ModelError, match=r"'n\.onnx\.data' beside it: No such file"):
        import_onnx(path)


def test_only_a_plain_file_beside_it_is_read(tmp_path):
    path = saved_outside(tmp_path / "n.onnx", floats(4, 3))
    data = tmp_path / "n.onnx.data"
    data.rename(tmp_path / "elsewhere")
    data.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=r"'n\.onnx\.data' beside it"):
        import_onnx(path)
    data.unlink()
    os.mkfifo(data)
    with pytest.raises(ModelError, match=r"'n\.onnx\.data' beside it"):
        import_onnx(path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("location", "../n.onnx.data", "no name of a file"),
        ("location", "/etc/passwd", "no name of a file"),
        ("location", "..", "no name of a file"),
        ("location", "", "no name of a file"),
        ("location", "a\0b", "no name of a file"),
        ("location", "a\\b", "no name of a file"),
        ("location", "x" * 300, "beside it"),
        ("offset", "-4", "no place"),
        ("offset", "1e3", "no place"),
        ("offset", "9" * 5000, "no place"),
        ("offset", "10000000000", "end at byte"),
        ("length", "44", "declares the shape"),
        ("length", "²", "no place"),
    ],
)
def test_odd_places_of_constants(tmp_path, key, value, words):
    path = saved_outside(tmp_path / "n.onnx", floats(4, 3))
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == key:
            entry.value = value
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=words):
        import_onnx(path)


def test_without_the_package_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['onnx'] = None; import steepest\n"
        "try: steepest.import_onnx('n.onnx')\n"
        "except steepest.ModelError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'steepest[onnx]'" in done.stdout

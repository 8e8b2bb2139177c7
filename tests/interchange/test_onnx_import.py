"""ONNX files come back as networks that predict the same, or are refused by name."""

import os
import subprocess
import sys

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
    Concat,
    Dense,
    Identity,
    LayerNorm,
    LeakyReLU,
    Mish,
    ModelError,
    Network,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    export_onnx,
    import_onnx,
)

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
    layers = "Scale(), Dense(5), ReLU(), Dense(2, bias=False), Scale()"
    assert repr(network) == f"Network({layers}, inputs=4, dtype='float64')"
    X = mean + floats(50, 4)
    np.testing.assert_allclose(network.predict(X), run(path, x=X)["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "shape"), [("Squeeze", [1]), ("Squeeze", [-1]), ("Reshape", [-1])]
)
def test_one_column_may_be_made_flat_at_the_end(tmp_path, kind, shape):
    nodes = [node("Gemm", "x", "B", to="h"), node(kind, "h", "s")]
    path = write(tmp_path / "n.onnx", nodes, {"B": floats(4, 1), "s": np.array(shape)})
    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.shape.dim.pop()
    onnx.save(model, path)
    X = floats(10, 4)
    flat = run(path, x=X)["y"]
    np.testing.assert_allclose(import_onnx(path).predict(X), flat[:, None], rtol=1e-5, atol=1e-6)


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
    with pytest.raises(ModelError, match="defines the operator 'Relu' itself"):
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
        ([node("Gemm", "x", "B")], {"B": floats(5, 3)}, r"0.A is \(3, 5\), expected \(3, 4\)"),
        ([node("Gemm", "x", "B")], {"B": np.full((4, 3), np.inf, np.float32)}, "not finite"),
        ([node("Gelu", "x", approximate="tanh")], {}, "approximate 'tanh'"),
        ([node("Selu", "x", alpha=2.0)], {}, "alpha 2.0"),
        ([node("Softmax", "x", axis=0)], {}, "columns"),
        ([node("Dropout", "x", "r")], {"r": np.float32(1.5)}, "rate must be"),
        ([node("Dropout", "x", "r", "t")], {"r": np.float32(0.5), "t": np.array(True)},
         "is in training mode"),
        ([node("Dropout", "x", "", "x")], {}, "'x' is no constant of truth values"),
        ([node("Dropout", "x", "r")], {"r": floats(0)}, r"an array \(0,\) as its ratio"),
        ([node("Dropout", "x", ratio=2)], {}, "has ratio 2; expected a finite real number"),
        ([node("Elu", "x", alpha="tanh")], {}, "has alpha 'tanh'; expected a finite real number"),
        ([node("Elu", "x", alpha=2)], {}, "has alpha 2; expected a finite real number"),
        ([node("LeakyRelu", "x", alpha=[0.5])], {}, "has alpha something else"),
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
         "multiplies two branches"),
        ([helper.make_node("MatMul", ["x", "B"], ["h"], domain="mine"), node("Add", "h", "b")],
         {"B": floats(4, 3), "b": floats(3)}, "MatMul is no layer"),
        ([node("Mine\x1b[31m", "x")], {}, r"operator Mine\\x1b\[31m"),
        ([node("Relu", "x", to="x"), node("Relu", "x")], {}, "two nodes make 'x'"),
        ([node("Add", "x", "b")], {"b": floats(4)}, "adds a constant"),
        ([node("Add", "x", "b", to="h"), node("Relu", "h", to="i"), node("Gemm", "i", "B")],
         {"b": floats(4), "B": floats(4, 3)}, "adds a constant"),
        ([node("Add", "x", "b", to="h"), node("Gemm", "h", "B")],
         {"b": floats(3), "B": floats(4, 3)}, r"adds an array \(3,\) to 4 columns"),
        ([node("MatMul", "x", "B", to="h"), node("Add", "h", "b")],
         {"b": floats(4), "B": floats(4, 1)}, r"adds an array \(4,\) to 1 columns"),
        ([node("Sub", "b", "x", to="h"), node("Gemm", "h", "B")],
         {"b": floats(4), "B": floats(4, 3)}, "'x' is no constant"),
        ([node("Add", "x", "b", to="h"), node("Mul", "h", "s", to="i"), node("Gemm", "i", "B")],
         {"b": floats(4), "s": floats(3), "B": floats(4, 3)}, "different widths"),
        ([node("Add", "x", "b", to="h"), node("Add", "h", "s", to="i"), node("Gemm", "i", "B")],
         {"b": floats(4), "s": floats(3), "B": floats(4, 3)}, "different widths"),
        ([node("Softplus", "x", to="b"), node("Greater", "x", "t", to="d"),
          node("Where", "d", "x", "b")], {"t": np.float32(2)}, "only softplus"),
        ([node("Mul", "x", "2", to="a"), node("Softplus", "a", to="b"), node("Greater", "x", "t",
          to="d"), node("Where", "d", "x", "b")], {"t": np.float32(20), "2": np.float32(2)},
         "only softplus"),
        ([node("Softplus", "x", to="b"), node("Greater", "t", "x", to="d"),
          node("Where", "d", "x", "b")], {"t": np.float32(20)}, "only softplus"),
        ([node("Softplus", "x", to="b"), node("Greater", "x", "x", to="d"),
          node("Where", "d", "x", "b")], {}, "only softplus"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": np.array([-1])},
         "its end reshapes 4 columns"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": np.array([-1, 2])},
         "its end reshapes 4 columns"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": np.array([2, -1])},
         r"makes the shape \[2, -1\]; expected \(-1, columns\)"),
        ([node("Relu", "x", to="h"), node("Reshape", "h", "s")], {"s": floats(2)},
         "no constant of whole numbers"),
        ([node("Relu", "x", to="h"), node("Squeeze", "h", "s")], {"s": np.array([0])},
         "takes away another axis"),
        ([node("Relu", "x", to="h"), node("Squeeze", "h", "s")], {"s": np.array([1])},
         "its end reshapes 4 columns"),
        ([node("Reshape", "x", "s", to="h"), node("Relu", "h")], {"s": np.array([-1, 4])},
         "Reshape h' is no layer"),
        ([node("Div", "x", "b")], {"b": np.zeros(4, np.float32)}, "divides by 0"),
        ([node("Add", "x", "b", to="h"), node("Add", "h", "b", to="i"), node("Gemm", "i", "B")],
         {"b": np.full(4, 1e308), "B": floats(4, 3)}, "too large"),
        ([node("Tanh", "x", to="a"), node("Relu", "x", to="b"), node("Add", "a", "b")], {},
         "adds two branches"),
        ([node("Tanh", "x", to="a"), node("Mul", "a", "x")], {}, "multiplies two branches"),
        ([node("Relu", "y")], {}, "no path leads"),
        ([node("Relu", "z")], {}, "no path leads"),
        ([node("Identity", "x")], {}, "no layers"),
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

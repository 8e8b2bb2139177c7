"""Padding and several sequences in an example come back from ONNX files, or are refused."""

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.numpy_helper import from_array, to_array
from ort import run

from steepest import (
    Attention,
    Dense,
    Flatten,
    LayerNorm,
    LearnedPositions,
    ModelError,
    Network,
    Residual,
    SinusoidalPositions,
    TiedEmbedding,
    TokenEmbedding,
    export_onnx,
    import_onnx,
)

STEPS, CODES, PADDING, START = 6, 9, 0, 3


def some_tokens(rng):
    """Return sequences of all lengths, with several starts, and with padding between tokens."""
    X = rng.integers(0, CODES, (40, STEPS))
    X[:, 0] = START
    for i, row in enumerate(X):
        row[1 + i % STEPS :] = PADDING
    X[20:26, 3] = START
    return X.astype(np.float32)


def written(path, *layers, **special):
    rng = np.random.default_rng(0)
    network = Network(TokenEmbedding(CODES, 8, **special), *layers, inputs=STEPS)
    network.theta += rng.normal(0, 0.3, network.theta.size).astype(np.float32)
    export_onnx(network, path)
    return network, some_tokens(rng)


@pytest.mark.parametrize("special", [{"padding": PADDING}, {"start": START},
                                     {"padding": PADDING, "start": START}])  # fmt: skip
@pytest.mark.parametrize("layers", [
    (Attention(2),),
    (Attention(4, causal=True, rotary=50.0, key_value_heads=2, bias=False), Flatten(), Dense(3)),
    (LearnedPositions(STEPS + 2), Residual(LayerNorm(), Attention(2)), Attention(1, causal=True)),
    (SinusoidalPositions(), Attention(2, rotary=20.0)),
], ids=repr)  # fmt: skip
def test_padding_and_starts_come_back(tmp_path, layers, special):
    path = tmp_path / "n.onnx"
    network, X = written(path, *layers, **special)
    again = import_onnx(path)
    expected = run(path, x=X)["y"]
    plain = Network(TokenEmbedding(CODES, 8), *layers, inputs=STEPS)
    plain.theta[:] = network.theta
    assert np.abs(plain.predict(X) - expected).max() > 0.01  # the masks change what is predicted
    np.testing.assert_allclose(again.predict(X), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(again.predict(X), network.predict(X), rtol=1e-5, atol=1e-5)
    first = again.layer.layers[0]
    assert {name: getattr(first, name) for name in special} == special


def test_padding_of_a_table_used_twice_comes_back(tmp_path):
    path = tmp_path / "n.onnx"
    tied = TiedEmbedding(TokenEmbedding(CODES, 8, padding=PADDING), Attention(2, causal=True))
    export_onnx(Network(tied, inputs=STEPS), path)
    X = some_tokens(np.random.default_rng(1))
    expected = run(path, x=X)["y"]
    np.testing.assert_allclose(import_onnx(path).predict(X), expected, rtol=1e-5, atol=1e-5)


def other_ends(graph, constants):
    node = next(node for node in graph.node if node.op_type == "Less")
    tensor = constants[node.input[0]]
    tensor.CopyFrom(from_array(to_array(tensor) + 1, tensor.name))


def not_hidden(graph, constants):
    node = next(node for node in graph.node if node.op_type == "Where")
    tensor = constants[node.input[2]]
    tensor.CopyFrom(from_array(np.float32(-1), tensor.name))


def one_without_mask(graph, constants):
    last = [node for node in graph.node if node.op_type == "Where"][-1]
    for node in graph.node:
        for k, name in enumerate(node.input):
            if name == last.output[0]:
                node.input[k] = last.input[1]


def row_of_padding(graph, constants):
    tensor = constants[the_table(graph).input[0]]
    tensor.CopyFrom(from_array(to_array(tensor) + 1, tensor.name))


def short_table(graph, constants):
    node = next(node for node in graph.node if node.op_type == "Equal")
    tensor = constants[node.input[1]]
    tensor.CopyFrom(from_array(to_array(tensor) + CODES, tensor.name))


def other_tokens(graph, constants):
    """The mask is of the inputs, the rows are of their absolute values."""
    table = the_table(graph)
    place = list(graph.node).index(table)
    table.input[1] = "codes"
    graph.node.insert(place, helper.make_node("Cast", ["positive"], ["codes"], to=7))
    graph.node.insert(place, helper.make_node("Relu", [graph.input[0].name], ["positive"]))


def the_table(graph):
    return next(node for node in graph.node if node.op_type == "Gather")


@pytest.mark.parametrize(("change", "words"), [
    (other_ends, "operator Reshape .*hides steps by .*expected the mask.*found another one"),
    (not_hidden, "hides steps by"),
    (one_without_mask, "neither padding nor starts.*padding=0 and start=None.*the same of all"),
    (row_of_padding, "expected zeros in row 0 of the table.*before the export"),
    (short_table, "padding must be a whole number"),
    (other_tokens, r"expected them among the tokens that the first layer reads.*found ReLU\(\)"),
])  # fmt: skip
def test_other_masks_are_refused_by_name(tmp_path, change, words):
    path = tmp_path / "n.onnx"
    written(path, Attention(2), Attention(2), padding=PADDING)
    model = onnx.load(path)
    change(model.graph, {tensor.name: tensor for tensor in model.graph.initializer})
    onnx.save(model, path)
    with pytest.raises(ModelError, match=words):
        import_onnx(path)


def test_positions_that_know_no_start_are_refused_where_attention_does(tmp_path):
    path = tmp_path / "n.onnx"
    written(path, LearnedPositions(STEPS), Attention(2), start=START)
    model = onnx.load(path)
    place = next(node for node in model.graph.node if node.op_type == "Sub")
    gather = next(node for node in model.graph.node if place.output[0] in node.input)
    rows = {tensor.name: tensor for tensor in model.graph.initializer}[gather.input[0]].name
    for node in model.graph.node:
        for k, name in enumerate(node.input):
            if name == gather.output[0]:
                node.input[k] = rows
    onnx.save(model, path)
    with pytest.raises(ModelError, match="neither padding nor starts"):
        import_onnx(path)

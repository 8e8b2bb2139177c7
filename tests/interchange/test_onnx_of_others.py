"""Files that PyTorch, skl2onnx and Keras wrote (tests/fixtures/onnx) predict what they say."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from steepest import import_onnx

FILES = Path(__file__).parents[1] / "fixtures" / "onnx"
LAYERS = {
    "keras_batch_norm": "Dense(7), ReLU(), Dense(2)",
    "keras_hard_silu": "Dense(7), Hardswish(), Dense(3)",
    "skl2onnx_min_max_scaler": "Affine(), Hardtanh(0.0), Dense(6), ReLU(), Dense(1)",
    "skl2onnx_standard_scaler": "Dense(6), ReLU(), Dense(3), Softmax()",
    "skl2onnx_two_classes": "Dense(7), ReLU(), Dense(1), Sigmoid(), Concat(Affine(), Identity())",
    "torch_columns_apart": "Parallel((2, Sequential(Dense(12), ReLU(), Dense(4))), "
    "(4, Sequential(Dense(12), ReLU(), Dense(3))))",
    "torch_prelu": "Dense(16), PReLU(), Dense(3)",
    "torch_projected_residual": "Sum(Sequential(Dense(12), ReLU(), Dense(9)), Dense(9)), ReLU()",
    "torch_script_batch_norm": "Residual(Affine(), ReLU(), Dense(12), ReLU(), Dense(6))",
    "torch_script_hard_swish": "Dense(12), ReLU(), Dense(3), Hardswish()",
    "torch_softplus": "Dense(16), Softplus(), Dense(3)",
    "torch_tanh_gelu": "Dense(12), ReLU(), Dense(3), GELU('tanh')",
}


def test_every_file_is_here():
    assert {file.stem for file in FILES.glob("*.onnx")} == set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_files_of_others(name):
    file = FILES / f"{name}.onnx"
    network = import_onnx(file)
    assert repr(network.layer) == f"Sequential({LAYERS[name]})"
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    X = np.random.default_rng(1).normal(0, 1.5, (64, 6)).astype(np.float32)
    *_, expected = session.run(None, {given.name: X})
    if isinstance(expected, list):  # of probabilities by the names of classes
        expected = np.array([list(row.values()) for row in expected])
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-5, atol=1e-5)

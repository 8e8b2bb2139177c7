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
    "torch_script_batch_norm": "Residual(BatchNorm(), ReLU(), Dense(12), ReLU(), Dense(6))",
    "torch_script_hard_swish": "Dense(12), ReLU(), Dense(3), Hardswish()",
    "torch_softplus": "Dense(16), Softplus(), Dense(3)",
    "torch_conv_next": "Permute((2, 3, 1)), Conv2D(8, kernel_size=4, stride=4), Residual(Conv2D(8, "
    "kernel_size=3, padding=1, groups=8), LayerNorm(), Dense(16), GELU(), Dense(8)), "
    "GlobalAveragePool(), Dense(3)",
    "torch_inception": "Permute((2, 3, 1)), Conv2D(6, kernel_size=3, padding=1), ReLU(), "
    "Concat(Conv2D(4, kernel_size=1), Sequential(Conv2D(3, kernel_size=1), ReLU(), Conv2D(5, "
    "kernel_size=3, padding=1)), Sequential(MaxPool(3, stride=1, padding=1), Conv2D(2, "
    "kernel_size=1))), ReLU(), GlobalAveragePool(), Dense(3)",
    "torch_mobile_net": "Permute((2, 3, 1)), Conv2D(8, kernel_size=3, stride=2, padding=1), "
    "ReLU(), Conv2D(8, kernel_size=3, padding=1, groups=8), ReLU(), Conv2D(12, kernel_size=1), "
    "Hardtanh(0.0, high=6.0), Conv2D(12, kernel_size=3, padding=1, groups=12), ReLU(), Conv2D(16, "
    "kernel_size=1), Hardtanh(0.0, high=6.0), GlobalAveragePool(), Dense(3)",
    "torch_resnet": "Permute((2, 3, 1)), Conv2D(8, kernel_size=3, padding=1), ReLU(), "
    "Residual(Conv2D(8, kernel_size=3, padding=1), ReLU(), Conv2D(8, kernel_size=3, padding=1)), "
    "ReLU(), Sum(Sequential(Conv2D(12, kernel_size=3, stride=2, padding=1), ReLU(), Conv2D(12, "
    "kernel_size=3, padding=1)), Conv2D(12, kernel_size=1, stride=2)), ReLU(), Residual(Conv2D(12, "
    "kernel_size=3, padding=1), ReLU(), Conv2D(12, kernel_size=3, padding=1)), ReLU(), "
    "GlobalAveragePool(), Dense(3)",
    "torch_script_groups": "Permute((2, 1)), Conv1D(8, kernel_size=5, groups=2), GroupNorm(2), "
    "SiLU(), AveragePool(), Flatten(), Dense(5)",
    "torch_script_lenet": "Permute((2, 3, 1)), Conv2D(6, kernel_size=5, padding=2), ReLU(), "
    "AveragePool(), Conv2D(16, kernel_size=3), ReLU(), MaxPool(), Flatten(), Dense(20), ReLU(), "
    "Dense(5)",
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
    X = np.random.default_rng(1).normal(0, 1.5, (16, *network.input_shape)).astype(np.float32)
    *_, expected = session.run(None, {given.name: X})
    if isinstance(expected, list):  # of probabilities by the names of classes
        expected = np.array([list(row.values()) for row in expected])
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-5, atol=1e-5)

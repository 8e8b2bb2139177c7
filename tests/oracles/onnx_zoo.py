"""Model files as others write them: PyTorch by three exporters, skl2onnx, Keras, and Steepest.

`files` writes them all into a folder. Each architecture has a seed of its own, weights that are not
those of the beginning, and statistics of batch normalisation that are none of 0 and 1.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

P = 6  # columns of every input
EXPORTERS = ("dynamo", "one file", "TorchScript")

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "relu6": nn.ReLU6, "hardtanh": nn.Hardtanh,
    "hardtanh -2 to 0.5": lambda: nn.Hardtanh(-2, 0.5), "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid, "gelu": nn.GELU, "gelu tanh": lambda: nn.GELU("tanh"),
    "prelu": nn.PReLU, "prelu of each": lambda: nn.PReLU(16), "mish": nn.Mish, "silu": nn.SiLU,
    "softplus": nn.Softplus, "softplus 2": lambda: nn.Softplus(2.0), "elu": nn.ELU,
    "elu 0.3": lambda: nn.ELU(0.3), "celu": nn.CELU, "celu 0.5": lambda: nn.CELU(0.5),
    "selu": nn.SELU, "leaky": nn.LeakyReLU, "leaky 0.2": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "tanhshrink": nn.Tanhshrink, "softsign": nn.Softsign,
    "hardshrink": nn.Hardshrink, "softshrink": nn.Softshrink, "logsigmoid": nn.LogSigmoid,
    "threshold": lambda: nn.Threshold(0.1, 0.2), "rrelu": nn.RReLU, "identity": nn.Identity,
    "dropout": lambda: nn.Dropout(0.3), "alpha dropout": lambda: nn.AlphaDropout(0.3),
}  # fmt: skip
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch norm": nn.BatchNorm1d, "batch norm 0.1": lambda p: nn.BatchNorm1d(p, eps=0.1),
    "plain batch norm": lambda p: nn.BatchNorm1d(p, affine=False), "layer norm": nn.LayerNorm,
    "plain layer norm": lambda p: nn.LayerNorm(p, elementwise_affine=False),
    "layer norm without bias": lambda p: nn.LayerNorm(p, bias=False),
    "group norm": lambda p: nn.GroupNorm(2, p), "rms norm": nn.RMSNorm,
}  # fmt: skip
HEADS: dict[str, Callable[[], nn.Module]] = {
    "softmax": lambda: nn.Softmax(1), "softmax last": lambda: nn.Softmax(-1),
    "log softmax": lambda: nn.LogSoftmax(1), "log softmax last": lambda: nn.LogSoftmax(-1),
    "softmax of the batch": lambda: nn.Softmax(0), "softmin": lambda: nn.Softmin(1),
    "sigmoid": nn.Sigmoid, "flatten": nn.Flatten, "glu": lambda: nn.GLU(1),
}  # fmt: skip


class Written(nn.Module):
    """A module with a function for its ``forward``."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)
        self.register_buffer("mean", torch.arange(1.0, P + 1))
        self.register_buffer("deviation", torch.arange(2.0, P + 2) / 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x, *self.parts)


def tower(p: int, q: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(p, 12), nn.ReLU(), nn.Linear(12, q))


def dense(*widths: int, bias: bool = True) -> tuple[nn.Module, ...]:
    return tuple(nn.Linear(p, q, bias) for p, q in pairwise(widths))


cat = torch.cat
WRITTEN: dict[str, tuple[Callable[..., Any], tuple[nn.Module, ...]]] = {
    "standardised": (lambda m, x, f: f((x - m.mean) / m.deviation), (tower(P, 3),)),
    "standardised, then split": (
        lambda m, x, f, g: f((x - m.mean) / m.deviation) + g((x - m.mean) / m.deviation),
        (tower(P, 3), tower(P, 3))),
    "scaled back": (lambda m, x, f: f(x) * m.deviation + m.mean, (tower(P, P),)),
    "halved": (lambda m, x, f: f(x) / 2, (tower(P, 3),)),
    "one minus": (lambda m, x, f: 1 - torch.sigmoid(f(x)), (tower(P, 3),)),
    "negative": (lambda m, x, f: -f(-x), (tower(P, 3),)),
    "residual": (
        lambda m, x, a, f, b: b(a(x) + f(a(x))), (*dense(P, 8), tower(8, 8), *dense(8, 2))),
    "residual in the other order": (lambda m, x, f: f(x) + x, (tower(P, P),)),
    "three residuals": (
        lambda m, x, f, g, h: h(g(f(x) + x) + f(x) + x) + g(f(x) + x) + f(x) + x,
        (tower(P, P), tower(P, P), tower(P, P))),
    "residuals one by one": (
        lambda m, x, f, g: (lambda h: h + g(h))(x + f(x)), (tower(P, P), tower(P, P))),
    "residual, halved": (lambda m, x, f: x + 0.5 * f(x), (tower(P, P),)),
    "residual before a norm": (
        lambda m, x, f, n: n(x + f(x)), (tower(P, P), nn.LayerNorm(P))),
    "residual after a norm": (
        lambda m, x, f, n: x + f(n(x)), (tower(P, P), nn.LayerNorm(P))),
    "residual after a batch norm": (
        lambda m, x, f, n: x + f(torch.relu(n(x))), (tower(P, P), nn.BatchNorm1d(P))),
    "projected residual": (lambda m, x, f, g: torch.relu(f(x) + g(x)), (tower(P, 9), *dense(P, 9))),
    "two branches": (lambda m, x, f, g: f(x) + g(x), (tower(P, 4), tower(P, 4))),
    "three branches": (
        lambda m, x, f, g, h: f(x) + g(x) + h(x), (tower(P, 4), tower(P, 4), *dense(P, 4))),
    "difference": (lambda m, x, f, g: f(x) - g(x), (tower(P, 4), tower(P, 4))),
    "wide and deep": (lambda m, x, f, g: g(cat([x, f(x)], 1)), (tower(P, 7), *dense(P + 7, 2))),
    "dense net": (
        lambda m, x, f, g: (lambda h: cat([h, g(h)], 1))(cat([x, f(x)], 1)),
        (tower(P, 3), tower(P + 3, 2))),
    "ensemble": (
        lambda m, x, f, g: torch.stack([f(x), g(x)]).mean(0), (tower(P, 3), tower(P, 3))),
    "mean of two": (lambda m, x, f, g: (f(x) + g(x)) / 2, (tower(P, 3), tower(P, 3))),
    "gated": (lambda m, x, f, g: f(x) * torch.sigmoid(g(x)), (tower(P, 4), tower(P, 4))),
    "bilinear": (lambda m, x, f, g: f(x) * g(x), (tower(P, 4), tower(P, 4))),
    "some columns": (lambda m, x, f: f(x[:, :3]), (tower(3, 4),)),
    "columns apart": (
        lambda m, x, f, g: cat([f(x[:, :2]), g(x[:, 2:])], 1), (tower(2, 4), tower(P - 2, 3))),
    "embedding": (
        lambda m, x, e, f: f(cat([x[:, 1:], e(x[:, 0].abs().clamp(0, 4).long())], 1)),
        (nn.Embedding(5, 3), tower(P + 2, 2))),
    "flat end": (lambda m, x, f: f(x).squeeze(1), (tower(P, 1),)),
    "flat end by reshape": (lambda m, x, f: f(x).reshape(-1), (tower(P, 1),)),
    "flat end by index": (lambda m, x, f: f(x)[:, 0], (tower(P, 1),)),
    "two heads": (lambda m, x, f, g: (f(x), g(x)), (tower(P, 3), tower(P, 2))),
    "clamped": (lambda m, x, f: f(x).clamp(-0.5, 0.25), (tower(P, 3),)),
    "clamped below": (lambda m, x, f: f(x).clamp(min=0), (tower(P, 3),)),
    "clamped below 1": (lambda m, x, f: f(x).clamp(min=-0.1), (tower(P, 3),)),
    "exp": (lambda m, x, f: torch.exp(f(x)), (tower(P, 3),)),
    "squared": (lambda m, x, f: f(x) ** 2, (tower(P, 3),)),
    "absolute": (lambda m, x, f: f(x).abs(), (tower(P, 3),)),
    "swish by hand": (lambda m, x, f: (lambda h: h * torch.sigmoid(h))(f(x)), (tower(P, 3),)),
    "swish 1.7": (lambda m, x, f: (lambda h: h * torch.sigmoid(1.7 * h))(f(x)), (tower(P, 3),)),
    "gelu by hand": (
        lambda m, x, f: (lambda h: 0.5 * h * (1 + torch.erf(h / 2**0.5)))(f(x)), (tower(P, 3),)),
    "gelu with another root": (
        lambda m, x, f: (lambda h: 0.5 * h * (1 + torch.erf(h / 1.5)))(f(x)), (tower(P, 3),)),
    "tanh gelu by hand": (
        lambda m, x, f: (lambda h: 0.5 * h * (1 + torch.tanh(
            0.7978845608 * (h + 0.044715 * h**3))))(f(x)), (tower(P, 3),)),
    "tanh gelu in another form": (
        lambda m, x, f: (lambda h: 0.5 * h * (1 + torch.tanh(
            0.7978845608 * h * (1 + 0.044715 * h * h))))(f(x)), (tower(P, 3),)),
    "quick gelu": (
        lambda m, x, f: (lambda h: h * torch.sigmoid(1.702 * h))(f(x)), (tower(P, 3),)),
    "mish by hand": (
        lambda m, x, f: (lambda h: h * torch.tanh(nn.functional.softplus(h)))(f(x)),
        (tower(P, 3),)),
    "hard swish by hand": (
        lambda m, x, f: (lambda h: h * nn.functional.relu6(h + 3) / 6)(f(x)), (tower(P, 3),)),
    "log of softmax": (lambda m, x, f: torch.log(torch.softmax(f(x), 1)), (tower(P, 3),)),
    "temperature": (lambda m, x, f: torch.softmax(f(x) / 2.5, 1), (tower(P, 3),)),
    "centred": (lambda m, x, f: (lambda h: h - h.mean(1, keepdim=True))(f(x)), (tower(P, 3),)),
    "unit length": (lambda m, x, f: nn.functional.normalize(f(x)), (tower(P, 3),)),
    "transposed": (lambda m, x, f: f(x) @ f(x).T, (tower(P, 3),)),
    "argmax": (lambda m, x, f: f(x).argmax(1), (tower(P, 3),)),
    "max of two": (lambda m, x, f, g: torch.maximum(f(x), g(x)), (tower(P, 4), tower(P, 4))),
    "shared twice": (lambda m, x, f: f(f(x)), (tower(P, P),)),
    "float64 inside": (lambda m, x, f: f(x.double()).float(), (tower(P, 3).double(),)),
    "two views": (lambda m, x, f: f(x).view(-1, 3, 1).view(-1, 3), (tower(P, 3),)),
}  # fmt: skip


def modules() -> Iterator[tuple[str, nn.Module]]:
    """Yield architectures of PyTorch."""
    for name, make in ACTIVATIONS.items():
        yield name, nn.Sequential(nn.Linear(P, 16), make(), nn.Linear(16, 3))
    for name, norm in NORMS.items():
        yield f"{name} first", nn.Sequential(norm(P), *tower(P, 3))
        yield f"{name} after a layer", nn.Sequential(nn.Linear(P, 8), norm(8), nn.ReLU())
        yield f"{name} before a layer", nn.Sequential(nn.ReLU(), norm(P), nn.Linear(P, 3))
        yield f"{name} alone", nn.Sequential(nn.Tanh(), norm(P), nn.ReLU())
    for name, head in HEADS.items():
        yield f"{name} at the end", nn.Sequential(nn.Linear(P, 4), head())
    yield "linear", nn.Linear(P, 3)
    yield "linear without bias", nn.Linear(P, 3, bias=False)
    yield "linear twice", nn.Sequential(*dense(P, 5, 2))
    yield "deep", nn.Sequential(*(part for _ in range(9) for part in (*dense(P, P), nn.SELU())))
    yield "bilinear layer", Written(lambda m, x, f: f(x, x), nn.Bilinear(P, P, 2))
    yield "convolution", Written(lambda m, x, f: f(x[:, None])[:, 0], nn.Conv1d(1, 1, 3))
    yield (
        "recurrent",
        Written(lambda m, x, f: f(x[:, None])[0][:, 0], nn.GRU(P, 4, batch_first=True)),
    )
    yield (
        "attention",
        Written(
            lambda m, x, f: f(x[:, None], x[:, None], x[:, None])[0][:, 0],
            nn.MultiheadAttention(P, 2, batch_first=True),
        ),
    )
    for name, (function, parts) in WRITTEN.items():
        yield name, Written(function, *parts)


def torch_files(folder: Path) -> Iterator[tuple[str, str, Path | None]]:
    """Yield exporter, architecture and file; None where the exporter can't write it."""
    from onnx_images import IMAGE, SEQUENCE, images, sequences

    made = [
        *((name, module, (P,)) for name, module in modules()),
        *((f"{name} (images)", module, IMAGE) for name, module in images()),
        *((f"{name} (sequences)", module, SEQUENCE) for name, module in sequences()),
    ]
    for k, (name, module, shape) in enumerate(made):
        torch.manual_seed(k)
        x = torch.linspace(-2, 2, 4 * math.prod(shape)).reshape(4, *shape)
        module.eval()(x)  # (lazy layers get their widths)
        with torch.no_grad():
            for key, tensor in module.state_dict().items():
                if tensor.is_floating_point() and key not in ("mean", "deviation"):
                    low = 0.5 if key.endswith("running_var") else -1.0
                    tensor.copy_(torch.empty_like(tensor).uniform_(low, 1.5))
        for exporter in EXPORTERS:
            file = folder / f"{k}-{exporter.replace(' ', '-')}.onnx"
            yield exporter, name, file if _export(module, x, exporter, file) else None


def _export(module: nn.Module, x: torch.Tensor, exporter: str, file: Path) -> bool:
    settings: dict[str, Any] = {"dynamo": exporter != "TorchScript"}
    if settings["dynamo"]:
        settings |= {
            "external_data": exporter == "dynamo", "verbose": False,
            "dynamic_shapes": ({0: torch.export.Dim.DYNAMIC},),
        }  # fmt: skip
    else:
        settings |= {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()),
            torch.no_grad(),
        ):  # fmt: skip
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (x,), file, **settings)
    except Exception:  # whatever an exporter raises that can't write a module
        return False
    finally:
        logging.disable(logging.NOTSET)
    return True


def sklearn_files(folder: Path) -> Iterator[tuple[str, str, Path | None]]:
    """Yield what skl2onnx writes of scikit-learn's networks, with and without `ZipMap`."""
    from skl2onnx import to_onnx
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (
        MaxAbsScaler,
        MinMaxScaler,
        Normalizer,
        PolynomialFeatures,
        RobustScaler,
        StandardScaler,
    )

    rng = np.random.default_rng(0)
    X = (rng.normal(size=(80, P)) * 2 + 1).astype(np.float32)
    y = X @ np.arange(P) / 5
    two, three = (y > 2).astype(int), np.digitize(y, [1, 3])
    names, both = np.array(["no", "maybe", "yes"])[three], np.c_[two, X[:, 0] > 1].astype(int)

    def net(kind: Any, *sizes: int, activation: str = "relu") -> Any:
        return kind(hidden_layer_sizes=sizes, activation=activation, max_iter=8, random_state=0)

    regressor, classifier = MLPRegressor, MLPClassifier
    made: list[tuple[str, Any, Any]] = []
    for activation in ("relu", "tanh", "logistic", "identity"):
        made.append((f"regressor {activation}", net(regressor, 7, activation=activation), y))
        made.append((f"classes {activation}", net(classifier, 7, activation=activation), three))
        made.append((f"two classes {activation}", net(classifier, 7, activation=activation), two))
    made += [
        ("regressor of two", net(regressor, 5, 4), np.c_[y, -y]),
        ("deep regressor", net(regressor, 9, 8, 7, 6), y),
        ("texts as classes", net(classifier, 5), names),
        ("several labels", net(classifier, 5), both),
        ("transformed target", TransformedTargetRegressor(net(regressor, 5)), y),
        ("linear", LinearRegression(), y), ("logistic regression", LogisticRegression(), two),
        ("logistic regression of three", LogisticRegression(), three),
    ]  # fmt: skip
    for scaler in (
        StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False),
        MinMaxScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), PCA(4),
        PCA(4, whiten=True), Normalizer(), PolynomialFeatures(2),
    ):  # fmt: skip
        made.append((f"{scaler}, regressor", make_pipeline(scaler, net(regressor, 6)), y))
        made.append((f"{scaler}, classifier", make_pipeline(scaler, net(classifier, 6)), three))
    for k, (name, model, target) in enumerate(made):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, target)
            options = [{"zipmap": True}, {"zipmap": False}] if hasattr(model, "classes_") else [{}]
            for option in options:
                file = folder / f"sklearn-{k}-{len(option) and option['zipmap']}.onnx"
                try:
                    given = {id(model): option} if option else None
                    onnx = to_onnx(model, X[:1], options=given)
                except Exception:  # whatever the converter raises that knows no such model
                    yield "skl2onnx", f"{name} {option or ''}", None
                    continue
                file.write_bytes(onnx.SerializeToString())
                yield "skl2onnx", f"{name} {option or ''}", file


def keras_files(folder: Path) -> Iterator[tuple[str, str, Path | None]]:
    """Yield what Keras writes with PyTorch behind it."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers as K

    activations = (
        "relu", "relu6", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid", "softplus",
        "softsign", "hard_sigmoid", "hard_silu", "leaky_relu", "exponential", "linear",
        "log_softmax", "softmax",
    )  # fmt: skip
    made: list[tuple[str, Any]] = [
        (f"keras {name}", [K.Dense(7, activation=name), K.Dense(3)]) for name in activations
    ]
    made += [
        ("keras batch normalisation", [K.Dense(7), K.BatchNormalization(), K.ReLU(), K.Dense(2)]),
        ("keras batch normalisation first", [K.BatchNormalization(), K.Dense(7), K.ReLU()]),
        ("keras layer normalisation", [K.Dense(7), K.LayerNormalization(), K.Dense(2)]),
        ("keras dropout", [K.Dense(7), K.Dropout(0.5), K.Dense(2, use_bias=False)]),
        ("keras prelu", [K.Dense(7), K.PReLU(), K.Dense(2)]),
        ("keras flatten", [K.Flatten(), K.Dense(2, activation="softmax")]),
        ("keras rescaling", [K.Rescaling(0.5, 0.1), K.Dense(2)]),
        ("keras normalisation", [
            K.Normalization(mean=np.arange(P), variance=np.arange(P) + 1.0), K.Dense(2)]),
        ("keras unit normalisation", [K.Dense(3), K.UnitNormalization()]),
    ]  # fmt: skip
    x = keras.Input((P,))
    made.append(("keras add", keras.Model(x, K.Add()([K.Dense(4)(x), K.Dense(4)(x)]))))
    made.append(("keras residual", keras.Model(x, K.Add()([x, K.Dense(P, activation="relu")(x)]))))
    made.append(("keras concatenate", keras.Model(x, K.Concatenate()([x, K.Dense(4)(x)]))))
    made.append(("keras average", keras.Model(x, K.Average()([K.Dense(4)(x), K.Dense(4)(x)]))))
    made.append(("keras multiply", keras.Model(x, K.Multiply()([K.Dense(4)(x), K.Dense(4)(x)]))))
    for k, (name, parts) in enumerate(made):
        model = keras.Sequential([keras.Input((P,)), *parts]) if isinstance(parts, list) else parts
        model(np.zeros((2, P), "float32"))
        rng = np.random.default_rng(k)
        for layer in model.layers:
            if not isinstance(layer, K.Normalization):
                layer.set_weights([rng.uniform(0.2, 1.5, w.shape) for w in layer.get_weights()])
        file = folder / f"keras-{k}.onnx"
        yield "Keras", name, file if _export_keras(model, file) else None


def _export_keras(model: Any, file: Path) -> bool:
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO())
        ):  # fmt: skip
            warnings.simplefilter("ignore")
            model.export(file, format="onnx", verbose=False)
    except Exception:  # whatever an exporter raises that can't write a model
        return False
    finally:
        logging.disable(logging.NOTSET)
    return True


def own_files(folder: Path) -> Iterator[tuple[str, str, Path | None]]:
    """Yield what Steepest writes of every layer in the catalogue, and of several together."""
    from steepest import Network, export_onnx
    from steepest.checking import catalogue, draw

    for k, layer in enumerate(catalogue.LAYERS):
        network = Network(layer, inputs=draw.shape(layer))
        network.theta += np.random.default_rng(k).normal(0, 0.3, network.theta.size)
        file = folder / f"own-{k}.onnx"
        export_onnx(network, file)
        yield "Steepest", repr(layer), file


def files(folder: Path) -> Iterator[tuple[str, str, Path | None]]:
    """Yield exporter, architecture and file; None where the exporter can't write it."""
    yield from own_files(folder)
    if importlib.util.find_spec("skl2onnx"):
        yield from sklearn_files(folder)
    yield from torch_files(folder)
    if importlib.util.find_spec("keras"):
        yield from keras_files(folder)

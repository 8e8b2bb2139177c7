"""Architectures of PyTorch for images and sequences, channels first, as it exports them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from onnx_zoo import Written
from torch import nn

IMAGE, SEQUENCE = (3, 12, 12), (4, 20)


def block(p: int, q: int, stride: int = 1, **settings: Any) -> list[nn.Module]:
    conv = nn.Conv2d(p, q, 3, stride, 1, bias=False, **settings)
    return [conv, nn.BatchNorm2d(q), nn.ReLU()]


def residual(p: int, q: int, stride: int = 1) -> nn.Module:
    """A block of a ResNet, with a projection where the shape changes."""
    inner = nn.Sequential(*block(p, q, stride), nn.Conv2d(q, q, 3, 1, 1, bias=False),
                          nn.BatchNorm2d(q))  # fmt: skip
    if stride == 1 and p == q:
        return Written(lambda m, x, f: torch.relu(x + f(x)), inner)
    past = nn.Sequential(nn.Conv2d(p, q, 1, stride, bias=False), nn.BatchNorm2d(q))
    return Written(lambda m, x, f, g: torch.relu(f(x) + g(x)), inner, past)


def separable(p: int, q: int) -> list[nn.Module]:
    return [*block(p, p, groups=p), nn.Conv2d(p, q, 1, bias=False), nn.BatchNorm2d(q), nn.ReLU6()]


def head(p: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(p, 3)]


def flat() -> list[nn.Module]:
    return [nn.Flatten(), nn.LazyLinear(5)]


def images() -> Iterator[tuple[str, nn.Module]]:
    """Yield architectures for images (n, 3, 12, 12)."""
    S, C = nn.Sequential, nn.Conv2d
    pools: dict[str, nn.Module] = {
        "max pool": nn.MaxPool2d(2), "max pool 3 2": nn.MaxPool2d(3, 2, 1),
        "max pool up": nn.MaxPool2d(3, 2, ceil_mode=True),
        "max pool up, which fits": nn.MaxPool2d(2, 2, ceil_mode=True),
        "holes": nn.MaxPool2d(2, dilation=2), "average pool": nn.AvgPool2d(2),
        "average pool with zeros": nn.AvgPool2d(3, 2, 1),
        "average pool without zeros": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        "adaptive": nn.AdaptiveAvgPool2d((3, 3)), "global max": nn.AdaptiveMaxPool2d(1),
        "zeros": nn.ZeroPad2d((1, 0, 2, 1)), "reflected": nn.ReflectionPad2d(1),
        "ones": nn.ConstantPad2d(1, 1.0),
    }  # fmt: skip
    for name, pool in pools.items():
        yield name, S(C(3, 4, 3, padding=1), nn.ReLU(), pool, *flat())
    convs: dict[str, nn.Module] = {
        "strides": C(3, 6, 3, 2), "dilation": C(3, 6, (2, 3), dilation=(2, 1)),
        "groups": C(3, 6, 3, groups=3), "same": C(3, 6, (4, 3), padding="same"),
        "padding": C(3, 6, 3, padding=(2, 0)), "1x1": C(3, 6, 1),
        "transposed": nn.ConvTranspose2d(3, 6, 2), "circular": C(3, 6, 3, padding=1,
                                                             padding_mode="circular"),
    }  # fmt: skip
    for name, conv in convs.items():
        yield name, S(conv, nn.Tanh(), *flat())
        yield f"{name} alone", conv
    norms: dict[str, nn.Module] = {
        "batch norm": nn.BatchNorm2d(4), "group norm": nn.GroupNorm(2, 4),
        "instance norm": nn.InstanceNorm2d(4, affine=True), "layer norm": nn.GroupNorm(1, 4),
        "layer norm of all": nn.LayerNorm((4, 12, 12)), "layer norm of rows": nn.LayerNorm(12),
        "local": nn.LocalResponseNorm(2), "prelu": nn.PReLU(4), "prelu of one": nn.PReLU(),
        "dropout": nn.Dropout2d(0.3), "softmax": nn.Softmax(1), "softmax of rows": nn.Softmax(3),
        "softmax of lines": nn.Softmax(2), "gelu": nn.GELU(), "hard swish": nn.Hardswish(),
    }  # fmt: skip
    for name, norm in norms.items():
        yield name, S(C(3, 4, 3, padding=1), norm, nn.ReLU(), *flat())
        yield f"{name} between", S(nn.BatchNorm2d(3), C(3, 4, 3, padding=1), norm, C(4, 2, 1),
                                   *flat())  # fmt: skip
    yield "lenet", S(C(3, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2), C(6, 16, 3), nn.ReLU(),
                     nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 20), nn.ReLU(),
                     nn.Linear(20, 5))  # fmt: skip
    yield "lenet with dropout", S(*block(3, 5), nn.MaxPool2d(2), nn.Dropout2d(0.2), nn.Flatten(),
                                  nn.Dropout(0.5), nn.Linear(180, 5), nn.Softmax(1))  # fmt: skip
    yield "vgg", S(*block(3, 8), *block(8, 8), nn.MaxPool2d(2), *block(8, 12), nn.MaxPool2d(2),
                   *flat(), nn.ReLU(), nn.Linear(5, 4))  # fmt: skip
    yield "all convolutions", S(*block(3, 8), *block(8, 8, 2), C(8, 3, 1),
                                nn.AdaptiveAvgPool2d(1), nn.Flatten())  # fmt: skip
    yield "resnet", S(*block(3, 8), residual(8, 8), residual(8, 12, 2), residual(12, 12),
                      *head(12))  # fmt: skip
    yield "resnet with a stem", S(*block(3, 8, 2), nn.MaxPool2d(3, 2, 1), residual(8, 16, 2),
                                  residual(16, 16), *head(16))  # fmt: skip
    yield "residual first", S(residual(3, 3), *head(3))
    yield "mobile net", S(*block(3, 8, 2), *separable(8, 12), *separable(12, 16), *head(16))
    yield "inverted residual", S(
        *block(3, 6), Written(lambda m, x, f: x + f(x), S(C(6, 12, 1, bias=False),
        nn.BatchNorm2d(12), nn.ReLU6(), *separable(12, 6)[:-1])), *head(6))  # fmt: skip
    yield "inception", S(*block(3, 6), Written(
        lambda m, x, f, g, h: torch.cat([f(x), g(x), h(x)], 1), C(6, 4, 1),
        S(C(6, 3, 1), nn.ReLU(), C(3, 5, 3, padding=1)), S(nn.MaxPool2d(3, 1, 1), C(6, 2, 1))),
        nn.ReLU(), *head(11))  # fmt: skip
    yield "dense net", S(*block(3, 6), Written(
        lambda m, x, f, g: (lambda h: torch.cat([h, g(h)], 1))(torch.cat([x, f(x)], 1)),
        C(6, 4, 3, padding=1), S(nn.ReLU(), C(10, 4, 3, padding=1))), *head(14))  # fmt: skip
    yield "squeeze and excite", S(*block(3, 6), Written(
        lambda m, x, f: x * f(x), S(nn.AdaptiveAvgPool2d(1), C(6, 2, 1), nn.ReLU(), C(2, 6, 1),
                                    nn.Sigmoid())), *head(6))  # fmt: skip
    yield "conv mixer", S(C(3, 8, 4, 4), nn.GELU(), nn.BatchNorm2d(8), Written(
        lambda m, x, f: x + f(x), S(C(8, 8, 3, groups=8, padding=1), nn.GELU(),
                                    nn.BatchNorm2d(8))), C(8, 8, 1), nn.GELU(),
        *head(8))  # fmt: skip
    yield "conv next", S(C(3, 8, 4, 4), Written(
        lambda m, x, f, n, g: x + g(n(f(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2),
        C(8, 8, 3, padding=1, groups=8), nn.LayerNorm(8),
        S(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))), *head(8))  # fmt: skip
    yield "patches", S(C(3, 8, 4, 4), Written(
        lambda m, x, n, f: f(n(x.flatten(2).transpose(1, 2))).mean(1), nn.LayerNorm(8),
        S(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 3))))  # fmt: skip
    yield "segmentation", S(*block(3, 6), C(6, 4, 1), nn.Softmax(1))
    yield "standardised", S(Written(lambda m, x: (x - x.new_tensor([0.5, 0.4, 0.3]).view(3, 1, 1))
                                    / x.new_tensor([0.2, 0.3, 0.1]).view(3, 1, 1)),
                            *block(3, 6), *head(6))  # fmt: skip
    yield "perceptron", S(nn.Flatten(), nn.Linear(432, 8), nn.ReLU(), nn.Linear(8, 3))
    yield "rows", S(nn.Linear(12, 5), nn.ReLU(), nn.Flatten(2), nn.Linear(60, 2))
    ends: dict[str, Callable[..., Any]] = {
        "mean of pixels": lambda m, x, f: f(x).mean((2, 3)),
        "mean of lines": lambda m, x, f: f(x).mean(2),
        "mean of channels": lambda m, x, f: f(x).mean(1),
        "viewed": lambda m, x, f: f(x).view(x.size(0), -1),
        "reshaped": lambda m, x, f: f(x).reshape(-1, 4 * 144),
        "half": lambda m, x, f: f(x)[:, :2], "split": lambda m, x, f: torch.cat(
            [torch.relu(f(x)[:, :1]), torch.tanh(f(x)[:, 1:])], 1),
        "turned": lambda m, x, f: f(x).transpose(2, 3).flatten(1),
        "turned round": lambda m, x, f: f(x).permute(3, 1, 2, 0),
        "largest": lambda m, x, f: f(x).amax((2, 3)),
        "concatenated along lines": lambda m, x, f: torch.cat([f(x), -f(x)], 2),
        "shuffled": lambda m, x, f: f(x).view(-1, 2, 2, 12, 12).transpose(1, 2).reshape(
            -1, 4, 12, 12),
        "bias of pixels": lambda m, x, f: f(x) + torch.linspace(0, 1, 144).view(12, 12),
        "bias of lines": lambda m, x, f: f(x) + torch.linspace(0, 1, 12).view(12, 1),
        "summed with a mean": lambda m, x, f: f(x) + f(x).mean((2, 3), keepdim=True),
        "examples mixed": lambda m, x, f: f(x).reshape(-1, 2 * 144),
    }  # fmt: skip
    for name, function in ends.items():
        yield name, Written(function, C(3, 4, 3, padding=1))


def sequences() -> Iterator[tuple[str, nn.Module]]:
    """Yield architectures for sequences (n, 4, 20)."""
    S, C = nn.Sequential, nn.Conv1d
    yield "sequence", S(C(4, 8, 3), nn.ReLU(), nn.MaxPool1d(2), C(8, 6, 3, 2, 1), nn.BatchNorm1d(6),
                        nn.ReLU(), *flat())  # fmt: skip
    yield "temporal", S(C(4, 8, 3, dilation=2, padding=4), nn.BatchNorm1d(8), nn.ReLU(), Written(
        lambda m, x, f: x + f(x)[:, :, :24], S(C(8, 8, 3, padding=2), nn.ReLU())),
        *flat())  # fmt: skip
    yield "sequence of groups", S(C(4, 8, 5, groups=2), nn.GroupNorm(2, 8), nn.SiLU(),
                                  nn.AvgPool1d(2), *flat())  # fmt: skip
    yield "sequence, mean", S(C(4, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
                              nn.Linear(8, 3))  # fmt: skip
    yield (
        "sequence, turned",
        Written(lambda m, x, f, g: g(f(x).transpose(1, 2)), C(4, 8, 3), nn.Linear(8, 2)),
    )
    yield "sequence, residual", S(C(4, 8, 1), Written(
        lambda m, x, f: torch.relu(x + f(x)), S(C(8, 8, 3, padding=1), nn.BatchNorm1d(8), nn.ReLU(),
                                                C(8, 8, 3, padding=1))), *flat())  # fmt: skip
    yield "sequence, norms", S(nn.Linear(20, 6), nn.LayerNorm(6), nn.RMSNorm(6), nn.PReLU(4),
                               nn.Softmax(-1))  # fmt: skip
    yield "sequence, along the other axis", S(C(4, 8, 3), nn.Softmax(1), nn.LogSoftmax(2))
    yield "zeros before", S(nn.ConstantPad1d((2, 0), 0.0), C(4, 5, 3), *flat())

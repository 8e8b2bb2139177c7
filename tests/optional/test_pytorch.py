"""Parameters go to PyTorch and come back, and mean the same there."""

import numpy as np
import pytest
import torch

from states import Centre
from steepest import (  # fmt: skip
    ELU,
    GELU,
    SELU,
    Dense,
    Embedding,
    EmbeddingBag,
    InputError,
    LayerNorm,
    LeakyReLU,
    Mish,
    Network,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Squared,
    Tanh,
    from_state_dict,
    gradient,
    to_state_dict,
)

NN = torch.nn
PAIRS = [
    (Dense(24), NN.Linear(6, 24)), (ReLU(), NN.ReLU()),
    (LayerNorm(eps=1e-3), NN.LayerNorm(24, 1e-3)),
    (Dense(8, bias=False), NN.Linear(24, 8, bias=False)), (GELU(), NN.GELU()), (SiLU(), NN.SiLU()),
    (Dense(20), NN.Linear(8, 20)), (Tanh(), NN.Tanh()), (ELU(0.5), NN.ELU(0.5)),
    (SELU(), NN.SELU()), (LeakyReLU(0.2), NN.LeakyReLU(0.2)), (Mish(), NN.Mish()),
    (Softplus(), NN.Softplus()), (Sigmoid(), NN.Sigmoid()), (Dense(3), NN.Linear(20, 3)),
    (Softmax(), NN.Softmax(dim=1)),
]  # fmt: skip
X = np.random.default_rng(0).standard_normal((50, 6))


def both():
    torch.manual_seed(0)
    ours = Network(*(layer for layer, _ in PAIRS), inputs=6, dtype="float64")
    return ours, NN.Sequential(*(module for _, module in PAIRS)).double()


def outputs(theirs):
    with torch.no_grad():
        return theirs(torch.from_numpy(X)).numpy()


def test_from_pytorch():
    ours, theirs = both()
    from_state_dict(ours, theirs.state_dict())
    np.testing.assert_allclose(ours.predict(X), outputs(theirs), rtol=1e-10)


def test_to_pytorch():
    ours, theirs = both()
    state = to_state_dict(ours)
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    np.testing.assert_allclose(outputs(theirs), ours.predict(X), rtol=1e-10)


def test_embeddings():
    ours = Network(Embedding(7, 3), inputs=2, dtype="float64")
    theirs = NN.Sequential(NN.Embedding(7, 3)).double()
    from_state_dict(ours, theirs.state_dict())
    codes = np.random.default_rng(1).integers(0, 7, (9, 2))
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(codes)).numpy().reshape(9, 6)
    np.testing.assert_array_equal(ours.predict(codes), wanted)


@pytest.mark.parametrize("mode", ["mean", "sum"])
def test_bags_of_offsets_and_of_lists(mode):
    """PyTorch's EmbeddingBag: outputs and gradients, of both forms, and the table back again."""
    rng = np.random.default_rng(0)
    tokens, offsets = rng.integers(0, 9, 20), np.array([0, 4, 4, 11])
    weights, targets = rng.uniform(0, 1, 20), rng.standard_normal((4, 3))
    theirs = NN.EmbeddingBag(9, 3, mode=mode, dtype=torch.float64, padding_idx=8)
    bag = EmbeddingBag(9, 3, mode, padding=8)
    ours = Network(bag, inputs=9, dtype="float64")
    from_state_dict(ours, {"0.weight": theirs.weight.detach()})
    more = {"per_sample_weights": torch.from_numpy(weights)} if mode == "sum" else {}
    y = theirs(torch.from_numpy(tokens), torch.from_numpy(offsets), **more)
    X = bag.matrix(tokens, offsets, weights if mode == "sum" else None)
    np.testing.assert_allclose(ours.predict(X), y.detach().numpy(), rtol=1e-12)
    (((y - torch.from_numpy(targets)) ** 2).sum() / 2 / 4).backward()
    found = gradient(ours, Squared(), X, targets).theta["0.E"]
    np.testing.assert_allclose(found, theirs.weight.grad.numpy(), atol=1e-12)
    lists = rng.integers(0, 9, (5, 6))
    alike = Network(bag, inputs=6, dtype="float64")
    from_state_dict(alike, to_state_dict(ours))
    y = theirs(torch.from_numpy(lists)).detach().numpy()
    np.testing.assert_allclose(alike.predict(lists.astype(float)), y, rtol=1e-12)


def test_float32_modules():
    ours = Network(Dense(2), inputs=3)
    from_state_dict(ours, NN.Sequential(NN.Linear(3, 2)).state_dict())
    assert ours.theta.dtype == np.float32


class CentreThere(NN.Module):
    """`states.Centre` as a module: its state are buffers."""

    def __init__(self):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(6))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        return x - self.running_mean


def test_state_is_what_pytorch_calls_buffers():
    ours = Network(Centre(), Dense(3), inputs=6, dtype="float64")
    ours.state["0.m"][:], ours.state["0.count"][:] = np.linspace(-1, 1, 6), 7
    theirs = NN.Sequential(CentreThere(), NN.Linear(6, 3)).double()
    state = to_state_dict(ours)
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    np.testing.assert_allclose(outputs(theirs), ours.predict(X), rtol=1e-10)
    again = Network(Centre(), Dense(3), inputs=6, dtype="float64", seed=1)
    from_state_dict(again, theirs.state_dict())
    assert np.array_equal(again.built.state, ours.built.state)
    assert np.array_equal(again.theta, ours.theta)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # PyTorch's own
@pytest.mark.parametrize("wrapped", [lambda m: m, NN.DataParallel, torch.compile])
def test_modules_there_and_back(dtype, wrapped):
    ours, again = (
        Network(Dense(8), LayerNorm(), ReLU(), Dense(2), inputs=3, seed=s) for s in (0, 1)
    )
    theirs = NN.Sequential(NN.Linear(3, 8), NN.LayerNorm(8), NN.ReLU(), NN.Linear(8, 2)).to(dtype)
    module = wrapped(theirs)
    module.load_state_dict(to_state_dict(ours, module))
    from_state_dict(again, module)
    np.testing.assert_allclose(again.theta, ours.theta, rtol=1e-7 if dtype.itemsize > 2 else 1e-2)
    assert {tensor.dtype for tensor in to_state_dict(ours, module).values()} == {dtype}
    from_state_dict(ours, dict(module.named_parameters()))
    np.testing.assert_array_equal(again.theta, ours.theta)


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bool])
def test_tensors_that_are_no_floats(dtype):
    network = Network(Dense(2), inputs=3)
    state = NN.Linear(3, 2).state_dict()
    state = {f"0.{name}": tensor.to(dtype) for name, tensor in state.items()}
    with pytest.raises(InputError, match=f"weight is of {dtype}, expected floats"):
        from_state_dict(network, state)

"""LSTM, GRU and Recurrent against PyTorch's own, by way of its state_dict, in float64."""

import numpy as np
import pytest
import torch

from steepest import GRU, LSTM, Adam, Network, Recurrent, Trainer, from_state_dict, to_state_dict

RNG = np.random.default_rng(0)
CASES = [
    (LSTM, torch.nn.LSTM, {}, {}),
    (GRU, torch.nn.GRU, {}, {}),
    (Recurrent, torch.nn.RNN, {}, {}),
    (Recurrent, torch.nn.RNN, {"activation": "relu"}, {"nonlinearity": "relu"}),
]


@pytest.mark.parametrize(("kind", "theirs", "own", "other"), CASES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [1, 7, 32])
def test_outputs_gradients_and_steps_are_the_same(kind, theirs, own, other, bias, hidden):
    module = torch.nn.Sequential(
        theirs(5, hidden, bias=bias, batch_first=True, dtype=torch.float64, **other)
    )
    network = Network(kind(hidden, bias=bias, **own), inputs=(11, 5), dtype="float64")
    from_state_dict(network, module)
    trainer = Trainer(network, rule=Adam(lr=0.01))
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(5):
        X, dy = RNG.standard_normal((9, 11, 5)), RNG.standard_normal((9, 11, hidden))
        x = torch.tensor(X, requires_grad=True)
        known, _ = module(x)
        optimiser.zero_grad()
        known.backward(torch.tensor(dy))
        optimiser.step()
        np.testing.assert_allclose(trainer.forward(X), known.detach().numpy(), atol=1e-12)
        dx = trainer.backward(dy, wants_dx=True)
        np.testing.assert_allclose(dx, x.grad.numpy(), atol=1e-11)
    state = to_state_dict(network)
    assert state.keys() == module.state_dict().keys()
    for name, array in module.state_dict().items():
        np.testing.assert_allclose(state[name], array.numpy(), atol=1e-8)


def test_both_directions():
    module = torch.nn.LSTM(5, 6, batch_first=True, bidirectional=True, dtype=torch.float64)
    X = RNG.standard_normal((4, 9, 5))
    found = []
    for suffix, reverse in (("", False), ("_reverse", True)):
        network = Network(LSTM(6, reverse=reverse), inputs=(9, 5), dtype="float64")
        own = {
            f"0.{name.removesuffix('_reverse')}": value
            for name, value in module.state_dict().items()
            if name.endswith("_reverse") == reverse
        }
        from_state_dict(network, own)
        found.append(network.predict(X))
        assert all(name.endswith("l0") for name in own), suffix
    known = module(torch.tensor(X))[0].detach().numpy()
    np.testing.assert_allclose(np.concatenate(found, axis=2), known, atol=1e-12)

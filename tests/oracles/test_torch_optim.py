"""PyTorch's optimisers in the settings that its own tests run them in: which are ours, to the bit?

The settings are those of ``torch.testing._internal.common_optimizers``, without its forms of one
computation (foreach, fused, capturable). Five steps in float64 from the same start; ``-s`` shows
the count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import schedulefree
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.testing._internal.common_optimizers import optim_db

from steepest import (  # fmt: skip
    Dense,
    Embedding,
    Network,
    Squared,
    Tanh,
    Trainer,
    from_state_dict,
    rules,
    to_state_dict,
)
from steepest.rule import Rule

STEPS = 5
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((30, 6)), RNG.standard_normal((30, 4))
OFFERED = 82
"""Of PyTorch's settings; not the 4 of SparseAdam, which adds eps elsewhere, and the 5 of LBFGS."""


def _coupled(given: dict[str, Any]) -> dict[str, Any]:
    """Return a weight decay that is part of the gradient."""
    return {"l2": given.pop("weight_decay", 0.0), "decay_all": True}


def _decoupled(given: dict[str, Any], default: float = 0.0) -> dict[str, Any]:
    return {"weight_decay": given.pop("weight_decay", default), "decay_all": True}


def _by(given: dict[str, Any]) -> dict[str, Any]:
    """Return a weight decay as an optimiser with both kinds is asked for."""
    return (_decoupled if given.pop("decoupled_weight_decay", False) else _coupled)(given)


def _named(given: dict[str, Any], **names: str) -> dict[str, Any]:
    """Return settings under our names."""
    return {names.get(name, name): value for name, value in given.items()}


def _rprop(given: dict[str, Any]) -> Rule:
    shrink, grow = given.pop("etas", (0.5, 1.2))
    least, most = given.pop("step_sizes", (1e-6, 50))
    return rules.Rprop(shrink=shrink, grow=grow, least=least, most=most, **given)


def _adafactor(given: dict[str, Any]) -> Rule:
    decay = -given.pop("beta2_decay", -0.8)
    return rules.Adafactor(decay=decay, **_decoupled(given), **_named(given, d="limit"))


def _muon(given: dict[str, Any]) -> Rule:
    own = _decoupled(given, 0.1)  # PyTorch's is for matrices only
    names = _named(given, ns_steps="steps", ns_coefficients="coefficients")
    return rules.Muon(adjust="original", factors={"*.b": 0.0}, **own, **names)


@pytest.fixture(autouse=True)
def _in_float64():
    """Have PyTorch keep its own numbers, like the rate of ASGD, in float64 too."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


RULES: dict[str, Callable[[dict[str, Any]], Rule]] = {
    "ASGD": lambda s: rules.ASGD(**_coupled(s), **_named(s, lambd="shrinkage", t0="start")),
    "Adadelta": lambda s: rules.Adadelta(**_coupled(s), **s),
    "Adafactor": _adafactor,
    "Adagrad": lambda s: rules.Adagrad(
        **_coupled(s), **_named(s, initial_accumulator_value="initial")
    ),
    "Adam": lambda s: rules.Adam(**_coupled(s), **s),
    "AdamW": lambda s: rules.AdamW(**_decoupled(s, 0.01), **s),
    "Adamax": lambda s: rules.Adamax(**_coupled(s), **s),
    "Muon": _muon,
    "NAdam": lambda s: rules.NAdam(**_by(s), **s),
    "RAdam": lambda s: rules.RAdam(**_by(s), **s),
    "RMSprop": lambda s: rules.RMSprop(
        **({"lr": 0.01, "rho": 0.99} | _coupled(s) | _named(s, centered="centred"))
    ),
    "Rprop": _rprop,
    "SGD": lambda s: rules.SGD(**({"lr": 0.001} | _coupled(s) | s)),
}


def start() -> tuple[Network, torch.nn.Module]:
    torch.manual_seed(0)
    linear = torch.nn.Linear
    theirs = torch.nn.Sequential(linear(6, 20), torch.nn.Tanh(), linear(20, 4)).double()
    ours = Network(Dense(20), Tanh(), Dense(4), inputs=6, dtype="float64")
    from_state_dict(ours, theirs.state_dict())
    return ours, theirs


def train(network: Network, rule: Rule) -> dict[str, np.ndarray]:
    Trainer(network, Squared(), rule, sampling="full").fit(X, Y, epochs=STEPS)
    return to_state_dict(network)


def ascend(network: Network, rule: Rule, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Make a loss larger: give its gradient with the other sign."""
    trainer = Trainer(network, rule=rule)
    for _ in range(STEPS):
        trainer.backward(-(trainer.forward(x) - y) / len(x))
    return to_state_dict(network)


def descend(
    model: torch.nn.Module,
    optimiser: Any,
    after: Callable[[], None] = lambda: None,
    x: np.ndarray | torch.Tensor = X,
    y: np.ndarray | torch.Tensor = Y,
) -> None:
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    for _ in range(STEPS):
        optimiser.zero_grad()
        (0.5 * (model(x) - y).square().sum(1).mean()).backward()
        optimiser.step()
        after()


def apart(ours: dict[str, np.ndarray], theirs: torch.nn.Module) -> float:
    return max(
        float(np.abs(ours[name] - value.numpy()).max())
        for name, value in theirs.state_dict().items()
    )


def matrices(model: torch.nn.Module, name: str) -> list[torch.nn.Parameter]:
    """Return what an optimiser is for: Muon's matrices, or all."""
    return [p for p in model.parameters() if name != "Muon" or p.ndim == 2]


def cases() -> list[tuple[str, Any, dict[str, Any]]]:
    found = []
    for info in optim_db:
        for given in info.optim_inputs_func(device="cpu"):
            name = info.optim_cls.__name__
            found.append((name, info.optim_cls, dict(given.kwargs)))
    return found


def test_pytorchs_settings(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())  # to which its Muon rounds
    offered, furthest = 0, 0.0
    for name, optimiser, given in cases():
        ours_given = {k: v.item() if torch.is_tensor(v) else v for k, v in given.items()}
        if name not in RULES:
            continue
        up = ours_given.pop("maximize", False)
        ours, theirs = start()
        rule = RULES[name](ours_given)
        found = ascend(ours, rule, X, Y) if up else train(ours, rule)
        descend(theirs, optimiser(matrices(theirs, name), **given))
        difference = apart(found, theirs)
        assert difference < 1e-12, f"{name}({given}): {difference:.2g} apart"
        offered, furthest = offered + 1, max(furthest, difference)
    print(f"\n{offered} of {len(cases())} settings of torch.optim; furthest apart {furthest:.1e}")
    assert offered == OFFERED


@pytest.mark.parametrize("given", [g for name, _, g in cases() if name == "SparseAdam"])
def test_adam_of_the_rows_of_a_table_that_a_step_touches(given):
    codes, y = RNG.integers(0, 40, (30, 2)), RNG.standard_normal((30, 6))
    ours = Network(Embedding(50, 3, lazy=True), inputs=2, dtype="float64")
    table = torch.nn.Embedding(50, 3, sparse=True)
    from_state_dict(ours, {"0.weight": table.weight})
    theirs = torch.nn.Sequential(table, torch.nn.Flatten())
    given = {k: v.item() if torch.is_tensor(v) else v for k, v in given.items()}
    given["eps"] = 1e-30  # which SparseAdam adds before it corrects the averages
    known = given.copy()
    up = known.pop("maximize", False)
    x = codes.astype(float)
    if up:
        ascend(ours, rules.Adam(**known), x, y)
    else:
        Trainer(ours, Squared(), rules.Adam(**known), sampling="full").fit(x, y, epochs=STEPS)
    descend(theirs, torch.optim.SparseAdam(theirs.parameters(), **given), x=codes, y=y)
    assert np.abs(to_state_dict(ours)["0.weight"] - table.weight.detach().numpy()).max() < 1e-13


@pytest.mark.parametrize("adjust", ["rms", "original"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_in_more_settings(adjust, nesterov, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())
    ours, theirs = start()
    known = {"rms": "match_rms_adamw"}.get(adjust, adjust)
    rule = rules.Muon(0.01, adjust=adjust, nesterov=nesterov, factors={"*.b": 0.0})
    found = train(ours, rule)
    optimiser = torch.optim.Muon(
        matrices(theirs, "Muon"), 0.01, adjust_lr_fn=known, nesterov=nesterov
    )
    descend(theirs, optimiser)
    assert apart(found, theirs) < 1e-12


def test_ema():
    ours, theirs = start()
    average = AveragedModel(theirs, multi_avg_fn=get_ema_multi_avg_fn(0.8))
    found = train(ours, rules.Adam(0.01, ema=0.8))
    optimiser = torch.optim.Adam(theirs.parameters(), 0.01)
    descend(theirs, optimiser, lambda: average.update_parameters(theirs))
    assert apart(found, average.module) < 1e-14


@pytest.mark.parametrize(
    ("own", "given"),
    [
        ({}, {}),
        ({"weight_decay": 0.1, "decay_all": True}, {"weight_decay": 0.1}),
        ({"beta1": 0.7, "weight_growth": 1.0}, {"betas": (0.7, 0.999), "r": 1.0}),
    ],
)
def test_schedule_free(own, given):
    ours, theirs = start()
    found = train(ours, rules.ScheduleFreeAdamW(0.01, **own))
    optimiser = schedulefree.AdamWScheduleFree(theirs.parameters(), 0.01, **given)
    optimiser.train()
    descend(theirs, optimiser)
    optimiser.eval()
    assert apart(found, theirs) < 1e-13

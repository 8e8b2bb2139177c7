"""From an estimator's parameters to an update rule, its learning rate, and what both remember."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..arrays import Array, aligned
from ..rule import Rule
from ..rules import SGD, Adam
from ..validate import function
from .learning_rates import Adaptive, InverseScaling, LearningRate, Scheduled

__all__ = ["Optimizer"]


@dataclass
class Optimizer:
    """A rule and its learning rate, with the state that a later `partial_fit` goes on from."""

    rule: Rule
    rate: LearningRate
    slots: dict[str, Array] = field(default_factory=dict)
    step: int = 0

    @classmethod
    def of(cls, model: Any) -> Optimizer:
        """Return a new one as ``model``'s parameters ask."""
        rule = model.solver if isinstance(model.solver, Rule) else _named_rule(model)
        clips = {what: getattr(model, what) for what in ("clip_norm", "clip_value")}
        rule = replace(rule, **{what: limit for what, limit in clips.items() if limit is not None})
        return cls(rule, _learning_rate(model, rule))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # What comes from a file may be mapped from it, and read-only; kernels write to the slots.
        for name, stored in self.slots.items():
            self.slots[name] = aligned(stored.size, stored.dtype)
            self.slots[name][:] = stored


def _named_rule(model: Any) -> Rule:
    """Return scikit-learn's SGD or Adam; its penalty is ½ alpha ‖A‖²/(rows of the batch)."""
    penalty: dict[str, Any] = {"l2": float(model.alpha), "penalty_over_batch": True}
    lr = float(model.learning_rate_init)
    if model.solver == "sgd":
        momentum = float(model.momentum)
        nesterov = bool(model.nesterovs_momentum and momentum)
        return SGD(lr, momentum=momentum, nesterov=nesterov, **penalty)
    return Adam(
        lr, beta1=model.beta_1, beta2=model.beta_2, eps=model.epsilon, epsilon_hat=True, **penalty
    )


def _learning_rate(model: Any, rule: Rule) -> LearningRate:
    schedule = model.learning_rate
    if isinstance(model.solver, Rule):
        schedule = rule.lr if callable(rule.lr) else "constant"
    if callable(schedule):
        function(type(model).__name__, "learning_rate", schedule)
        return Scheduled(schedule)
    assert not callable(rule.lr)
    if model.solver == "sgd" and schedule == "invscaling":
        return InverseScaling(rule.lr, model.power_t)
    if model.solver == "sgd" and schedule == "adaptive":
        return Adaptive(rule.lr)
    return LearningRate(rule.lr)

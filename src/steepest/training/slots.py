"""What a rule remembers from step to step, and which θ a network holds when.

While steps run, a network holds the θ to train. Whenever Python looks, it holds the θ to predict
with, where the rule has such a one; the slot ``trained`` keeps the other meanwhile. So the network
and the slots are all that is needed to go on, to the same bits, after a look, a checkpoint or a
fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod

from ..arrays import Array, aligned
from ..parameters import Parameters
from ..rule import Rule, Slot

__all__ = [
    "AVERAGE",
    "AVERAGED",
    "TRAINED",
    "ShownTheta",
    "block_shapes",
    "fill_slots",
    "memory_of",
]

AVERAGE, AVERAGED = "average", "averaged"
"""θ̄ of `Rule.ema`, and how many steps are in it."""
TRAINED = "trained"


def memory_of(rule: Rule) -> dict[str, Slot]:
    """Return all that is remembered for a rule: its own memory, θ̄, and the θ to train."""
    found = dict(rule.memory)
    if rule.ema is not None:
        found[AVERAGE], found[AVERAGED] = Slot(is_theta=True), Slot((1,), restarts=True)
    if _predicts(rule) is not None:
        found[TRAINED] = Slot()
    return found


def block_shapes(rule: Rule, slot: Slot, parameters: Parameters) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a slot that has one for each block, by the names of the parameters."""
    if not callable(slot.shape):
        return {}
    return {
        name: slot.shape(buffer.shape)
        for name, buffer in parameters.buffers.items()
        if rule.takes_block(name, parameters.declared[name])
    }


def fill_slots(slots: dict[str, Array], rule: Rule, parameters: Parameters) -> None:
    """Add what ``slots`` lack of what a rule remembers, each a vector in the dtype of θ."""
    for name, slot in memory_of(rule).items():
        if name not in slots:
            if callable(slot.shape):
                size = sum(map(prod, block_shapes(rule, slot, parameters).values()))
            else:
                size = parameters.theta.size if slot.shape is None else prod(slot.shape)
            slots[name] = aligned(size, parameters.dtype)
            slots[name][:] = slot.begins


class ShownTheta:
    """Exchanges the θ that a network holds: the one to train, or the one to predict with.

    Parameters
    ----------
    rule : Rule
    theta : ndarray, (m,)
        The network's.
    slots : mapping of str to ndarray
        What the rule remembers.
    """

    def __init__(self, rule: Rule, theta: Array, slots: Mapping[str, Array]) -> None:
        self._theta, self._slots, self._predicts = theta, slots, _predicts(rule)
        memory = memory_of(rule)
        self._restarts = {k: s for k, s in memory.items() if s.is_theta or s.restarts}

    @property
    def exchanges(self) -> bool:
        """Whether there are two of them."""
        return self._predicts is not None

    @contextmanager
    def trained(self) -> Iterator[None]:
        """Have the network hold the θ to train."""
        if self._predicts is None:
            yield
            return
        self._go_on()
        try:
            yield
        finally:
            self._slots[TRAINED][:] = self._theta
            self._theta[:] = self._slots[self._predicts]

    def _go_on(self) -> None:
        """Put the θ to train into the network; if somebody has put another one there, take that."""
        assert self._predicts is not None
        if (self._theta == self._slots[self._predicts]).all():
            self._theta[:] = self._slots[TRAINED]
            return
        for name, slot in self._restarts.items():  # as it is before the first step
            self._slots[name][:] = self._theta if slot.is_theta else slot.begins


def _predicts(rule: Rule) -> str | None:
    """Return the slot with the θ to predict with; None if that is the one to train."""
    return rule.predicts if rule.ema is None else AVERAGE

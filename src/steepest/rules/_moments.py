"""What rules share that average g and a measure of its size: two weights, and eps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..rule import Rule
from ..schedules import Schedule
from ..validate import number

__all__ = ["Moments"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Moments(Rule):
    """A rule with running averages m of g, and v of its square.

    Parameters
    ----------
    lr : float or callable
        η, or a schedule.
    beta1, beta2 : float
        The weights of the old averages.
    eps : float
        Keeps the divisor above 0.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.001, kw_only=False)
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        number(type(self).__name__, "beta1", self.beta1, least=0, below=1)
        number(type(self).__name__, "beta2", self.beta2, least=0, below=1)
        number(type(self).__name__, "eps", self.eps, above=0)

    @property
    def slots(self) -> tuple[str, ...]:
        """M and v, the averages of g and g²."""
        return ("m", "v")

    def settings(self) -> dict[str, float]:
        """Return also 1 − beta1 and 1 − beta2, which float32 could not take from beta1 and beta2.

        As 1 − 0.999 they would be off by 1 in 80,000.
        """
        return super().settings() | {"rest1": 1.0 - self.beta1, "rest2": 1.0 - self.beta2}

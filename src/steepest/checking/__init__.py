"""Whether a layer, a loss, an update rule, a schedule or a network computes what it should.

Gradients are compared with central differences in float64 (`differences`), through the kernels that
training runs; `layers`, `losses`, `rules`, `schedules` and `networks` hold the check of each kind.
"""

from __future__ import annotations

from typing import Any

from ..arrays import as_inputs
from ..errors import InputError
from ..layer import Layer
from ..loss import Loss
from ..network import Network
from ..printing import shown
from ..rule import Rule
from ..schedules import Schedule
from ..validate import flag, number, positive_count
from ..validate import seed as checked_seed
from .differences import Settings
from .layers import check_layer
from .losses import check_loss
from .networks import check_network
from .report import HEAD, Finding, Report
from .rules import Reference, check_rule
from .schedules import check_schedule

__all__ = ["HEAD", "Finding", "Report", "Settings", "check", "report_of"]


def check(
    thing: Layer | Loss | Rule | Network | Schedule,
    X: Any = None,
    y: Any = None,
    *,
    loss: Loss | None = None,
    reference: Reference | None = None,
    eps: float = 1e-6,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    entries: int = 2000,
    seed: int = 0,
    raises: bool = True,
) -> Report:
    """Check a layer, a loss, an update rule, a schedule or a network.

    A layer's two halves of Φ, and a loss's ∇ℓ, are compared with central differences in float64,
    entry by entry, through the compiled kernels that training runs. So are the other promises of
    the contracts: ``target += alpha · ∇`` adds to its target, also if that is θ itself; nothing
    that is given is written to; one row and two threads, plain Python, float32 and the program that
    predicts agree; a rule leaves zeros in ``g`` and its first step goes down.

    Parameters
    ----------
    thing : Layer, Loss, Rule, Schedule or Network
    X : array-like, (n, p) or (n, …), optional
        Inputs of a layer or network. If they are not given they are drawn, and so are parameters.
    y : array-like, optional
        Targets, for a network with a loss.
    loss : Loss, optional
        For a network.
    reference : callable, optional
        For a rule, its published formula: ``(θ, gradients, η) -> θ``.
    eps : float
        The step of a difference; for an entry x it is eps·max(1, abs(x)).
    atol, rtol : float
        An entry may be wrong by atol·max(1, largest of its array) + rtol·abs(its value).
    entries : int
        Of larger arrays so many entries are checked, drawn at random.
    seed : int
        Of all that is drawn.
    raises : bool
        Whether to raise if something is wrong, or only to report it.

    Returns
    -------
    Report
        Print it to see, for each array, its worst entry.

    Raises
    ------
    CheckError
        If something is wrong. The message names the layer, the array and the entry.

    Examples
    --------
    >>> from steepest import Dense, check
    >>> check(Dense(3)).ok
    True
    """
    flag("check", "raises", raises)
    report = report_of(
        thing, Settings(eps, atol, rtol, entries, seed), X=X, y=y, loss=loss, reference=reference
    )
    if raises:
        report.raise_if_wrong()
    return report


def report_of(
    thing: Layer | Loss | Rule | Network | Schedule,
    settings: Settings,
    *,
    X: Any = None,
    y: Any = None,
    loss: Loss | None = None,
    reference: Reference | None = None,
) -> Report:
    """Return what a check finds; the arguments are those of `check`."""
    number("check", "eps", settings.eps, above=0)
    number("check", "atol", settings.atol, least=0)
    number("check", "rtol", settings.rtol, least=0)
    positive_count("check", "entries", settings.entries)
    checked_seed("check", settings.seed)
    kinds: dict[str, tuple[type, ...]] = {
        "X": (Layer, Network),
        "y": (Network,),
        "loss": (Network,),
        "reference": (Rule,),
    }
    for (name, wanted), given in zip(kinds.items(), (X, y, loss, reference), strict=True):
        if given is not None and not isinstance(thing, wanted):
            kinds_of = " or a ".join(kind.__name__.lower() for kind in wanted)
            raise InputError(f"check: {name} is for a {kinds_of} alone, and {thing!r} is none")
    if isinstance(thing, Layer):
        rows = None if X is None else as_inputs(X, "float64", "check")
        return check_layer(thing, settings, X=rows)
    if isinstance(thing, Loss):
        return check_loss(thing, settings)
    if isinstance(thing, Rule):
        return check_rule(thing, settings, reference)
    if isinstance(thing, Network):
        return check_network(thing, settings, X=X, y=y, loss=loss)
    if isinstance(thing, Schedule) and not isinstance(thing, type):
        return check_schedule(thing)
    raise InputError(
        f"check: expected a layer, loss, rule, schedule or network, got {shown(thing)}"
    )

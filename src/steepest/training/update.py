"""The update of θ from a gradient: clip, penalise, decay, step.

Parameters that a rule treats alike and that lie side by side are updated by one instruction.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, NamedTuple

from ..arrays import Array
from ..engine.operands import Buffer, Share
from ..lowering.lowering import Lowering
from ..parameters import Parameters
from ..rule import Rule
from ..rules.blocks import block_count
from ..rules.clip import block_norms, clip_norm, clip_value
from ..rules.penalise import decay, penalise

__all__ = ["Update"]


class Update:
    """What turns a gradient into a step of the parameters.

    Parameters
    ----------
    rule : Rule
    parameters : Parameters
        Are changed in place.
    gradient : ndarray, (m,)
        Like θ. The update leaves zeros.
    slots : mapping of str to ndarray
        What the rule remembers, each like θ.
    """

    def __init__(
        self, rule: Rule, parameters: Parameters, gradient: Array, slots: Mapping[str, Array]
    ) -> None:
        self.rule = rule
        self._flat = {
            "theta": Buffer.of("θ", parameters.theta),
            "g": Buffer.of("∇ℓ", gradient),
            **{name: Buffer.of(name, array) for name, array in slots.items()},
        }
        self._segments = _segments(rule, parameters)
        penalised = [s for s in self._segments if s.decays and (rule.l1 or rule.l2)]
        self._parts = max(1, sum(block_count(s.stop - s.start) for s in penalised))

    def lower(self, low: Lowering, eta: Buffer, count: Buffer, weight: Buffer | None) -> Buffer:
        """Emit the update; return the penalties, part by part.

        Parameters
        ----------
        eta : Buffer
            η of the step.
        count : Buffer
            Its number, from 1.
        weight : Buffer, optional
            Σ w of the batch, over which penalties are divided instead of its rows.
        """
        rule = self.rule
        self._clip(low)
        strengths = _strengths(low, rule, weight)
        penalty, parts = low.arena.array("penalty", self._parts), 0
        for segment in self._segments:
            size = segment.stop - segment.start
            rate = _scaled(low, eta, segment.factor)
            names = {**self._part(segment), "eta": rate, "entries": low.share(size, 16)}
            if segment.decays and (rule.l1 or rule.l2):
                blocks = block_count(size)
                own = {"penalty": penalty.part(parts, blocks), "blocks": Share(blocks)}
                low.emit(penalise, {**names, **strengths, **own}, flops=4 * size)
                parts += blocks
            if segment.decays and rule.weight_decay:
                strength = low.number(rule.weight_decay)
                low.emit(decay, {**names, "weight_decay": strength}, flops=2 * size)
            low.emit(rule.kernel, {**names, "t": count, **rule.settings()}, flops=10 * size)
        return penalty

    def _clip(self, low: Lowering) -> None:
        rule, size = self.rule, self._flat["theta"].size
        entries = low.share(size, 16)
        if rule.clip_value is not None:
            low.emit(clip_value, {**self._flat, "limit": rule.clip_value, "entries": entries})
        if rule.clip_norm is not None:
            blocks = block_count(size)
            names = {**self._flat, "norms": low.arena.array("norms", blocks)}
            low.emit(block_norms, {**names, "blocks": Share(blocks)}, flops=2 * size)
            low.emit(clip_norm, {**names, "limit": rule.clip_norm, "entries": entries}, flops=size)

    def _part(self, segment: _Segment) -> dict[str, Buffer]:
        """Return the flat arrays' part of a segment."""
        start, stop = segment.start, segment.stop
        if stop - start == self._flat["theta"].size:
            return self._flat
        return {
            name: Buffer(f"{b.name}[{start}:{stop}]", (stop - start,), "f", b.block, start)
            for name, b in self._flat.items()
        }


class _Segment(NamedTuple):
    """Neighbouring parameters that the rule treats alike."""

    start: int
    stop: int
    decays: bool
    factor: float


def _segments(rule: Rule, parameters: Parameters) -> list[_Segment]:
    """Return the parameters in runs that the rule treats alike."""
    penalised = bool(rule.l1 or rule.l2 or rule.weight_decay)
    each = []
    for name, buffer in parameters.buffers.items():
        decays = penalised and parameters.declared[name].decays
        end = buffer.offset + buffer.size
        each.append(_Segment(buffer.offset, end, decays, rule.factor_of(name)))
    runs = [list(run) for _, run in groupby(each, lambda s: (s.decays, s.factor))]
    return [_Segment(r[0].start, r[-1].stop, r[0].decays, r[0].factor) for r in runs]


def _strengths(low: Lowering, rule: Rule, weight: Buffer | None) -> dict[str, Any]:
    """Return l1 and l2 as the penalties of a batch want them."""
    own = {"l1": rule.l1, "l2": rule.l2}
    if not rule.penalty_over_batch:
        return own
    if weight is None or not (rule.l1 or rule.l2):
        return {name: value / low.examples for name, value in own.items()}
    divided = {name: low.arena.array(f"{name}/Σw") for name in own}
    for name, buffer in divided.items():
        names = {"strength": own[name], "total": weight, "own": buffer.as_vector()}
        low.emit(divide, names, nbytes=0)
    return divided


def _scaled(low: Lowering, eta: Buffer, factor: float) -> Buffer:
    if factor == 1.0:
        return eta
    rate = low.arena.array(f"{factor:g}η")
    low.emit(scale_rate, {"eta": eta, "factor": factor, "own": rate.as_vector()}, nbytes=0)
    return rate


def scale_rate(eta, factor, own):  # type: ignore[no-untyped-def]
    """own ← factor · eta"""
    own[0] = factor * eta


def divide(strength, total, own):  # type: ignore[no-untyped-def]
    """own ← strength / total"""
    own[0] = strength / total[0] if total[0] > 0 else total[0]

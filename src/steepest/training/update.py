"""The update of θ from a gradient: clip, penalise, decay, step, average.

Parameters that a rule treats alike and that lie side by side are updated by one instruction; those
that it takes as blocks one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

from ..arrays import Array
from ..engine.operands import Buffer, Share
from ..lowering.lowering import Lowering
from ..parameters import Parameters
from ..rule import Rule
from ..rules.average import Rest, count_average, follow_average
from ..rules.blocks import block_count
from ..rules.clip import block_norms, clip_norm, clip_value
from ..rules.penalise import decay, penalise
from .slots import AVERAGE, AVERAGED, block_shapes, memory_of

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
        What the rule remembers (`steepest.training.slots`).
    """

    def __init__(
        self, rule: Rule, parameters: Parameters, gradient: Array, slots: Mapping[str, Array]
    ) -> None:
        self.rule, memory = rule, memory_of(rule)
        buffers = {name: Buffer.of(name, slots[name]) for name in memory}
        flat = [name for name, slot in memory.items() if slot.shape is None]
        self._flat = {
            "theta": Buffer.of("θ", parameters.theta),
            "g": Buffer.of("∇ℓ", gradient),
            **{name: buffers[name] for name in flat},
        }
        self._numbers = {
            name: replace(buffers[name], shape=slot.shape)
            for name, slot in memory.items()
            if isinstance(slot.shape, tuple)
        }
        self._of_blocks = {
            name: _parts(buffers[name], block_shapes(rule, slot, parameters))
            for name, slot in memory.items()
            if callable(slot.shape)
        }
        self._parameters = parameters
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
        common = {"t": count, **self._numbers, **rule.settings()}
        if rule.begin is not None:
            low.emit(rule.begin, {"eta": eta, **common}, nbytes=0)
        for segment in self._segments:
            size = segment.stop - segment.start
            rate = _scaled(low, eta, segment.factor)
            names = {**self._part(segment), "eta": rate, "entries": low.share(size, 16)}
            if segment.decays and (rule.l1 or rule.l2):
                blocks = block_count(size)
                own = {"penalty": penalty.part(parts, blocks), "blocks": Share(blocks)}
                low.emit(penalise, {**names, **strengths, **own}, flops=4 * size)
                parts += blocks
            if rule.decays_itself:
                names["weight_decay"] = low.number(rule.weight_decay if segment.decays else 0.0)
            elif segment.decays and rule.weight_decay:
                strength = low.number(rule.weight_decay)
                low.emit(decay, {**names, "weight_decay": strength}, flops=2 * size)
            names |= common
            if segment.block is None:
                rule.lower(low, names, size)
            else:
                declared = self._parameters.declared[segment.block]
                rule.lower_block(low, names | self._shaped(segment.block), declared)
        self._average(low)
        return penalty

    def _average(self, low: Lowering) -> None:
        """Emit the average of the θ that would be predicted with."""
        rule = self.rule
        if rule.ema is None:
            return
        size = self._flat["theta"].size
        names = {
            "theta": self._flat[rule.predicts or "theta"],
            "average": self._flat[AVERAGE],
            "averaged": self._numbers[AVERAGED],
            "rest": low.number(Rest(rule.ema) if callable(rule.ema) else 1.0 - rule.ema),
            "entries": low.share(size, 16),
        }
        low.emit(count_average, names, nbytes=0)
        low.emit(follow_average, names, flops=3 * size)

    def _shaped(self, name: str) -> dict[str, Buffer]:
        """Return what is like θ in the shape of a parameter, and what the rule keeps of it."""
        stored = self._parameters.buffers[name]
        found = {
            key: Buffer(f"{b.name} of {stored.name}", stored.shape, "f", b.block, stored.offset)
            for key, b in self._flat.items()
        }
        return found | {key: parts[name] for key, parts in self._of_blocks.items()}

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
    block: str | None
    """The name of the parameter, if the rule takes it as a block."""


def _segments(rule: Rule, parameters: Parameters) -> list[_Segment]:
    """Return the parameters in runs that the rule treats alike."""
    penalised = bool(rule.l1 or rule.l2 or rule.weight_decay)
    each = []
    for name, buffer in parameters.buffers.items():
        declared = parameters.declared[name]
        decays = penalised and (rule.decay_all or declared.decays)
        end = buffer.offset + buffer.size
        block = name if rule.takes_block(name, declared) else None
        each.append(_Segment(buffer.offset, end, decays, rule.factor_of(name), block))
    runs = [list(run) for _, run in groupby(each, lambda s: (s.decays, s.factor, s.block))]
    return [r[0]._replace(stop=r[-1].stop) for r in runs]


def _parts(whole: Buffer, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Buffer]:
    """Return the parts of a vector that holds an array for each block."""
    found, start = {}, 0
    for name, shape in shapes.items():
        found[name] = Buffer(f"{whole.name} of {name}", shape, "f", whole.block, start)
        start += prod(shape)
    return found


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

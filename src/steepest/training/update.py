"""The update of θ from a gradient: clip, penalise, decay, step, average.

Parameters that a rule treats alike and that lie side by side are updated by one instruction; those
that it takes as blocks one by one. Of a large table it may be only the rows that a batch touches
(`steepest.training.touched`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
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
from .touched import TouchedRows

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
    touched : TouchedRows, optional
        The tables that are updated by rows.
    """

    def __init__(
        self,
        rule: Rule,
        parameters: Parameters,
        gradient: Array,
        slots: Mapping[str, Array],
        touched: TouchedRows | None = None,
    ) -> None:
        self.rule, memory, self._touched = rule, memory_of(rule), touched
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
        self._segments = _segments(rule, parameters, {} if touched is None else touched.tables)
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
            if segment.table is not None:
                self._by_rows(low, segment, eta, common)
                continue
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

    def _by_rows(
        self, low: Lowering, segment: _Segment, eta: Buffer, common: Mapping[str, Any]
    ) -> None:
        """Emit the steps of the rows of a table that the batch touches."""
        assert self._touched is not None
        assert segment.table is not None
        own = self._touched.take(low, segment.table)
        size, entries = own["theta"].size, self._touched.entries(segment.table)
        names = {**own, "eta": _scaled(low, eta, segment.factor), "entries": entries}
        if self.rule.decays_itself:
            names["weight_decay"] = low.number(0.0)
        self.rule.lower(low, {**names, **common}, size)
        self._touched.put(low, segment.table)

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
        rule, pieces = self.rule, self._gradients(low)
        if rule.clip_value is not None:
            for g in pieces:
                own = {"g": g, "entries": low.share(g.size, 16)}
                low.emit(clip_value, {**own, "limit": rule.clip_value})
        if rule.clip_norm is not None:
            counts = [block_count(g.size) for g in pieces]
            norms, start = low.arena.array("norms", sum(counts)), 0
            for g, blocks in zip(pieces, counts, strict=True):
                own = {"g": g, "norms": norms.part(start, blocks), "blocks": Share(blocks)}
                low.emit(block_norms, own, flops=2 * g.size)
                start += blocks
            for g in pieces:
                own = {"g": g, "norms": norms, "entries": low.share(g.size, 16)}
                low.emit(clip_norm, {**own, "limit": rule.clip_norm}, flops=g.size)

    def _gradients(self, low: Lowering) -> list[Buffer]:
        """Return the gradient in pieces: of a table that is updated by rows, of those alone."""
        pieces = []
        for by_rows, run in groupby(self._segments, lambda s: s.table):
            segments = list(run)
            if by_rows is None:
                whole = segments[0]._replace(stop=segments[-1].stop)
                pieces.append(self._part(whole)["g"])
            else:
                assert self._touched is not None
                pieces.append(self._touched.take_gradient(low, by_rows))
        return pieces

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
    table: str | None = None
    """The name of the parameter, if it is updated by rows."""


def _segments(rule: Rule, parameters: Parameters, tables: Container[str]) -> list[_Segment]:
    """Return the parameters in runs that the rule treats alike."""
    penalised = bool(rule.l1 or rule.l2 or rule.weight_decay)
    each = []
    for name, buffer in parameters.buffers.items():
        declared = parameters.declared[name]
        decays = penalised and (rule.decay_all or declared.decays)
        end = buffer.offset + buffer.size
        block = name if rule.takes_block(name, declared) else None
        table = name if name in tables else None
        each.append(_Segment(buffer.offset, end, decays, rule.factor_of(name), block, table))
    runs = [list(run) for _, run in groupby(each, lambda s: s[2:])]
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

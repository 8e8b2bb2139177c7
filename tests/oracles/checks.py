"""Compares Steepest with an oracle on as many problems as Hypothesis is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from ours import Arrays, Masks, gradient, network_of, parameters, ten_steps
from problems import RECURRENT, Problem, image_problems, kinds, problems, sequence_problems

from steepest import layers
from steepest.checking import catalogue

TOLERANCE = 1e-6
MAGNIFIED, MOST = 1e6, 1e-4
"""Where gradients differ by rounding, steps of rules that divide by their size may differ by
``MAGNIFIED`` times that, but not by more than ``MOST``: behind a saturated tanh gradients of 1e-4
have eleven digits."""
ARCHITECTURES = 200
EXAMPLES = 320  # some draw the same network twice
OF_IMAGES = (
    layers.Conv1D, layers.Conv2D, layers.MaxPool, layers.AveragePool, layers.GlobalAveragePool,
    layers.BatchNorm, layers.GroupNorm, layers.RMSNorm, layers.ZeroPad, layers.Residual,
)  # fmt: skip
OF_SEQUENCES = (*RECURRENT, layers.Attention)


def difference(found: Arrays, expected: Arrays) -> float:
    """Return the largest difference of two entries, relative to the largest of their array.

    An array that is far smaller than the others is compared on the scale at which their rounding
    ends: 1e-8 of the largest. Where all of them cancel, nothing but rounding is left: 1e-9 is the
    least scale.
    """
    assert found.keys() == expected.keys()
    largest = {name: np.abs(value).max(initial=0) for name, value in expected.items()}
    floor = max(1e-8 * max(largest.values()), 1e-9)
    return max(
        float(np.abs(found[name] - expected[name]).max(initial=0) / max(largest[name], floor))
        for name in expected
    )


class Agreement:
    """How far Steepest and an oracle have been apart so far."""

    def __init__(self, oracle: ModuleType) -> None:
        self.oracle = oracle
        self.worst: dict[str, float] = {}
        self.seen: set[str] = set()
        self.architectures: set[str] = set()

    def note(
        self, what: str, found: Arrays, expected: Arrays, tolerance: float = TOLERANCE
    ) -> float:
        apart = difference(found, expected)
        self.worst[what] = max(apart, self.worst.get(what, 0.0))
        assert apart <= tolerance, f"{what}: {apart:.2g} apart"
        return apart

    def check(self, problem: Problem) -> None:
        """Compare loss, all gradients, and ten steps of every rule."""
        masks, start = Masks(problem), parameters(network_of(problem))
        oracle = self.oracle.Oracle(problem, start)
        loss, found, dx = gradient(problem)
        expected_loss, expected, expected_dx = oracle.gradient(masks.at(0, len(problem.x)))
        self.note("loss", {"loss": np.array(loss)}, {"loss": np.array(expected_loss)})
        if dx is not None:
            found, expected = found | {"x": dx}, expected | {"x": expected_dx}
        apart = self.note("gradient", found, expected)
        tolerance = max(TOLERANCE, min(MOST, MAGNIFIED * apart))
        norm = float(np.sqrt(sum((g**2).sum() for g in expected.values())))

        batches = list(problem.batches())
        drawn = [masks.at(step, len(rows)) for step, rows in enumerate(batches)]
        sizes = np.array([len(rows) for rows in batches])
        per_epoch = -(-len(problem.x) // problem.batch)
        for rule in problem.rules(norm):
            if not self.oracle.knows(rule):
                continue
            what = f"ten steps of {type(rule).__name__}"
            objectives, end = ten_steps(problem, rule)
            expected_steps, expected_end = oracle.ten_steps(rule, drawn)
            averages = np.average(
                np.reshape(expected_steps, (-1, per_epoch)), axis=1, weights=sizes[:per_epoch]
            )
            self.note(f"objectives in {what}", {"": objectives}, {"": averages}, tolerance)
            self.note(what, end, expected_end, tolerance)
            self.seen.add(type(rule).__name__)
        self.seen |= kinds(network_of(problem).layer) | {type(problem.loss).__name__}
        self.architectures.add(repr(problem.layers))


def agree(oracle: ModuleType) -> Agreement:
    """Compare Steepest and ``oracle``, until everything has been seen often enough."""
    rules = [rule for rule in catalogue.RULES if oracle.knows(rule)]
    listed = {type(each) for each in (*catalogue.LAYERS, *catalogue.LOSSES, *rules)}
    return agree_on(problems(), oracle, listed.difference(RECURRENT, OF_IMAGES))


def agree_on_images(oracle: ModuleType) -> Agreement:
    """The same of networks that begin with a convolution, and of all layers for images."""
    return agree_on(image_problems(), oracle, OF_IMAGES)


def agree_on_sequences(oracle: ModuleType) -> Agreement:
    """The same of networks of attention and recurrence."""
    return agree_on(sequence_problems(), oracle, OF_SEQUENCES)


def agree_on(
    drawn: SearchStrategy[Problem],
    oracle: ModuleType,
    listed: Iterable[type],
) -> Agreement:
    """Compare Steepest and ``oracle`` on problems that are drawn, among them all that is listed."""
    found = Agreement(oracle)

    # Without shrinking, which would take longer than everything else together.
    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(drawn)
    def check(problem: Problem) -> None:
        found.check(problem)

    check()
    print(f"\n{oracle.__name__}: {len(found.architectures)} architectures; furthest apart:")
    print("\n".join(f"  {apart:.1e}  {what}" for what, apart in found.worst.items()))
    assert len(found.architectures) >= ARCHITECTURES
    assert not {kind.__name__ for kind in listed} - found.seen
    return found

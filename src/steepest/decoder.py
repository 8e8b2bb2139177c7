"""A network of sequences, one step after the other: what earlier steps leave is remembered.

Of every new step only the step itself is computed; causal attention keeps the keys and values of
those before it. So writing T tokens takes T steps of one token, and not T sequences. They are drawn
within the compiled program. Most of the time of a step goes into reading the parameters; where they
are many, two threads read half of them each.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np

from .arrays import Array
from .engine.arena import Arena
from .engine.driver import Control, Engine, straight
from .engine.operands import Buffer
from .engine.program import Program
from .engine.team_size import TeamSize
from .errors import InputError
from .kernels.drawing import draw_tokens
from .lowering.lowering import Lowering
from .network import Network
from .parameters import walk
from .shape import check_inputs
from .system.cores import idle_cores, threads_for, usual_threads
from .system.threads import room_for_threads
from .validate import instance, number, positive_count
from .validate import seed as checked_seed

__all__ = ["Decoder"]

_DRAWN = 64  # tokens of one run: between two, Python can be interrupted
_WORTH_SHARING = 1 << 20  # bytes of parameters that a second thread pays for


class Decoder:
    """Computes a network of sequences step by step.

    Its layers must let every step depend on earlier ones alone: those that act on rows, causal
    `Attention`, `TokenEmbedding` and positions do. The network's parameters are read where they
    lie, so further training is followed.

    Parameters
    ----------
    network : Network
        Built for sequences: of tokens (T,), or of rows (T, p).
    examples : int
        How many sequences go on side by side.
    window : int, optional
        How many steps are remembered: attention sees the last ``window``. T by default.
    threads : int, optional
        How many threads `generate` uses at most; by default as many as pay. Results do not depend
        on it.

    Attributes
    ----------
    position : int
        How many steps have been taken.

    Raises
    ------
    InputError
        If the network is not built, or a layer needs a whole sequence at once.

    Examples
    --------
    >>> from steepest import Attention, Decoder, Dense, Network, TokenEmbedding
    >>> layers = TokenEmbedding(5, 8), Attention(2, causal=True, rotary=10000.0), Dense(5)
    >>> decoder = Decoder(Network(*layers, inputs=16))
    >>> decoder.step([3]).shape
    (1, 5)
    >>> decoder.generate([0, 1], 20).shape
    (1, 20)
    """

    def __init__(
        self,
        network: Network,
        examples: int = 1,
        window: int | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        instance("Decoder", "network", network, Network, "Network(TokenEmbedding(…), …, inputs=T)")
        positive_count("Decoder", "examples", examples)
        if network.input_shape is None:
            raise InputError("Decoder: the network is not built; give Network(…, inputs=T)")
        steps, *row = network.input_shape
        if window is not None:
            positive_count("Decoder", "window", window)
        if threads is not None:
            positive_count("Decoder", "threads", threads)
        self.network, self.examples, self.position = network, examples, 0
        self.window = steps if window is None else window
        self._most, self._shortest = _most_steps(network)
        self._shape = (examples, 1, *row)
        self._team = self._team_for(threads)
        self._lower(self._team.most)

    def _team_for(self, threads: int | None) -> TeamSize:
        """Return what decides how many threads draw tokens."""
        if threads is not None:
            most = threads_for(self.examples, 0, threads)
            return TeamSize(most, most)
        nbytes = sum(array.nbytes for array in self.network.parameters.values())
        most = min(usual_threads(), 2 if nbytes >= _WORTH_SHARING else 1)
        return TeamSize(most, most, idle=idle_cores() if most > 1 else math.inf)

    def _lower(self, threads: int) -> None:
        """Make the program of one step, and that which also draws the next token."""
        n, control = self.examples, Control()
        self._number = Buffer.number("t")
        drawing = Program("draw", n, self.network.dtype, threads)
        arena = Arena(self.network.dtype)
        low = Lowering(drawing, arena, self.network.built, control, self._number)
        low.window = self.window
        x = arena.array("x", *self._shape)
        z, _ = self.network.layer.lower(low, x)
        step = list(drawing.instructions)
        names = {
            "z": z.as_rows(),
            "p": arena.array("p", n, z.shape[-1]),
            "u": arena.array("u", _DRAWN, n, kind="i"),
            "found": arena.array("found", _DRAWN, n, kind="i"),
            "x": x.as_vector(),
            "drawn": arena.array("drawn", 1, kind="i"),
            "position": self._number.as_vector(),
            "temperature": arena.array("temperature"),
            "best": arena.array("best", kind="i"),
        }
        low.emit(draw_tokens, names)
        low.barrier()
        arena.allocate()
        drawing.assemble()
        # A single step is too brief for several threads to begin.
        self.program = Program("step", n, self.network.dtype, threads, step)
        self.program.assemble()
        self._run = straight(self.program)
        self._drawing = {k: dataclasses.replace(drawing, threads=k) for k in range(1, threads + 1)}
        self._engine = Engine(self._drawing[1], None, 1, control)
        self._x, self._z = x.array, z.array
        self._u, self._found, self._drawn, self._temperature, self._best = (
            names[k].array for k in ("u", "found", "drawn", "temperature", "best")
        )

    def reset(self) -> None:
        """Begin anew: forget all steps."""
        self.position = 0

    def step(self, x: Any) -> Array:
        """Take the next step of each sequence.

        Parameters
        ----------
        x : array-like, (examples,) or (examples, p)
            A token for each sequence, or a row.

        Returns
        -------
        ndarray, (examples, q)
            What the network makes of it, after all steps before.

        Raises
        ------
        InputError
            If x is of another shape, holds a token that there is none of, or comes after the last
            position of a layer that has so many.
        """
        given = self._checked(x)
        self._expect(1)
        return self._take(given)

    def _checked(self, x: Any) -> Array:
        """Return a step of each sequence as the network's input."""
        try:
            given = np.asarray(x, self.network.dtype).reshape(self._shape)
        except (TypeError, ValueError) as error:
            wanted = ", ".join(map(str, (self.examples, *self._shape[2:])))
            raise InputError(f"Decoder: a step must be of shape ({wanted}): {error}") from error
        check_inputs(self.network.layer, given)
        return given

    def _expect(self, steps: int) -> None:
        """Make sure that there are positions for so many steps."""
        if self.position + steps > self._most:
            raise InputError(
                f"Decoder: {self._shortest} has {self._most:g} positions, and {self.position} are "
                f"taken, so that {steps} more don't fit; reset() begins anew, and Attention(…, "
                "rotary=10000.0) needs no positions"
            )

    def _take(self, x: Array) -> Array:
        self._x[...] = x
        self._number.array[()] = self.position
        self._run()
        self.position += 1
        return self._z[:, 0].copy()

    def generate(
        self,
        start: Any,
        steps: int,
        *,
        temperature: float = 1.0,
        best: int | None = None,
        seed: int = 0,
    ) -> Array:
        """Go on with tokens that the network finds likely, each drawn by the outputs before it.

        Parameters
        ----------
        start : array-like of int, (t,) or (examples, t)
            Tokens to begin with, at least one. They follow the steps taken before, if there are any
            (`reset`).
        steps : int
            How many tokens to draw.
        temperature : float
            Outputs are divided by it before they become probabilities: below 1 likely tokens become
            likelier. At 0 it is always the likeliest.
        best : int, optional
            Draw from so many of the likeliest tokens alone.
        seed : int
            Of what is drawn.

        Returns
        -------
        ndarray of int64, (examples, steps)
            The tokens that were drawn, without ``start``.
        """
        positive_count("Decoder.generate", "steps", steps)
        number("Decoder.generate", "temperature", temperature, least=0)
        if best is not None:
            positive_count("Decoder.generate", "best", best)
        rng = np.random.default_rng(checked_seed("Decoder.generate", seed))
        given = [self._checked(x) for x in self._tokens(start)]
        self._expect(len(given) - 1 + steps)
        for x in given[:-1]:
            self._take(x)
        self._x[...] = given[-1]
        self._number.array[()] = self.position
        self._temperature[...] = temperature
        self._best[...] = self._z.shape[-1] if best is None else best
        found = np.empty((steps, self.examples), np.int64)
        numbers = (rng.random(found.shape) * 2**53).astype(np.int64)
        with self._engine:
            for begin in range(0, steps, _DRAWN):
                part = slice(begin, begin + _DRAWN)
                self._draw(numbers[part], found[part])
        return np.ascontiguousarray(found.T)

    def _draw(self, u: Array, found: Array) -> None:
        """Take a step for each row of numbers u, multiples of 2⁻⁵³, and draw tokens by them."""
        self._team.allow(room_for_threads())
        self._engine.use(self._drawing[self._team.threads], None)
        self._u[: len(u)], self._drawn[:] = u, 0
        began = time.perf_counter()
        self._engine.run(0, len(u))
        self._team.took(len(u), time.perf_counter() - began, self._engine.lacked)
        self.position += len(u)
        found[:] = self._found[: len(u)]

    def _tokens(self, start: Any) -> Array:
        """Return the tokens to begin with, (t, examples)."""
        try:
            tokens = np.asarray(start, self.network.dtype)
            tokens = np.broadcast_to(tokens, (self.examples, tokens.shape[-1]))
        except (TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"Decoder.generate: start must be tokens, (t,) or ({self.examples}, t): {error}"
            ) from error
        if not tokens.size:
            raise InputError("Decoder.generate: start is empty; give at least one token")
        return tokens.T


def _most_steps(network: Network) -> tuple[float, str]:
    """Return how many steps the layers can take one by one, and the layer that can take fewest."""
    assert network.input_shape is not None
    most, shortest = float("inf"), ""
    for path, layer, _ in walk(network.layer, network.input_shape):
        if layer.knows_shapes and layer.most_steps == 0:
            hint = "; it must be causal" if hasattr(layer, "causal") else ""
            raise InputError(
                f"Decoder: layer {path}, {layer!r}, needs a whole sequence at once{hint}"
            )
        if layer.knows_shapes and layer.most_steps < most:
            most, shortest = layer.most_steps, f"layer {path}, {layer!r},"
    return most, shortest

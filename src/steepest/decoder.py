"""A network of sequences, one step after the other: what earlier steps leave is remembered.

Of every new step only the step itself is computed; causal attention keeps the keys and values of
those before it. So writing T tokens takes T steps of one token, and not T sequences.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array
from .engine.arena import Arena
from .engine.driver import Control, straight
from .engine.operands import Buffer
from .engine.program import Program
from .errors import InputError
from .lowering.lowering import Lowering
from .network import Network
from .parameters import walk
from .shape import check_inputs
from .validate import instance, number, positive_count
from .validate import seed as checked_seed

__all__ = ["Decoder"]


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

    def __init__(self, network: Network, examples: int = 1, window: int | None = None) -> None:
        instance("Decoder", "network", network, Network, "Network(TokenEmbedding(…), …, inputs=T)")
        positive_count("Decoder", "examples", examples)
        if network.input_shape is None:
            raise InputError("Decoder: the network is not built; give Network(…, inputs=T)")
        steps, *row = network.input_shape
        if window is not None:
            positive_count("Decoder", "window", window)
        self.network, self.examples, self.position = network, examples, 0
        self.window = steps if window is None else window
        self._most, self._shortest = _most_steps(network)
        self._shape = (examples, 1, *row)
        self._run = self._lowered()

    def _lowered(self) -> Any:
        """Return what runs the program of one step."""
        self._number = Buffer.number("t")
        program = Program("step", self.examples, self.network.dtype, 1)
        arena = Arena(self.network.dtype)
        low = Lowering(program, arena, self.network.built, Control(), self._number)
        low.window = self.window
        x = arena.array("x", *self._shape)
        z, _ = self.network.layer.lower(low, x)
        arena.allocate()
        program.assemble()
        self.program, self._x, self._z = program, x.array, z.array
        return straight(program)

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
        try:
            given = np.asarray(x, self.network.dtype).reshape(self._shape)
        except (TypeError, ValueError) as error:
            wanted = ", ".join(map(str, (self.examples, *self._shape[2:])))
            raise InputError(f"Decoder: a step must be of shape ({wanted}): {error}") from error
        check_inputs(self.network.layer, given)
        return self._take(given)

    def _take(self, x: Array) -> Array:
        if self.position >= self._most:
            raise InputError(
                f"Decoder: {self._shortest} has {self._most:g} positions, and all are taken; "
                "reset() begins anew, and Attention(…, rotary=10000.0) needs no positions"
            )
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
        for x in self._tokens(start):
            z = self.step(x)
        found = np.empty((self.examples, steps), np.int64)
        for t, u in enumerate(rng.random((steps, self.examples))):
            found[:, t] = drawn(z, u, temperature, best)
            if t < steps - 1:
                z = self._take(found[:, t].reshape(self._shape))
        return found

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


def drawn(z: Array, u: Array, temperature: float, best: int | None) -> Array:
    """Return for each row of outputs z (n, q) the place that a number u (n,) in [0, 1) falls on."""
    if temperature == 0:
        likeliest: Array = z.argmax(axis=1)
        return likeliest
    z = z.astype(np.float64)
    if temperature != 1:
        z /= temperature
    if best is not None and best < z.shape[1]:
        least = np.partition(z, -best, axis=1)[:, -best, None]
        z = np.where(z < least, -np.inf, z)
    z -= np.maximum.reduce(z, axis=1, keepdims=True)
    sums = np.add.accumulate(np.exp(z, out=z), axis=1)
    places: Array = np.add.reduce(sums <= u[:, None] * sums[:, -1:], axis=1)
    return places


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

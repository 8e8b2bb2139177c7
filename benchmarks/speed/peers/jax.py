"""JAX with the whole loop in one scan."""

from __future__ import annotations

import numpy as np

from .. import race
from .. import work as works

BETA1, BETA2, EPS, MOMENTUM = 0.9, 0.999, 1e-8, 0.9


def logits(theta, x):
    import jax

    for A, b in theta[:-1]:
        x = jax.nn.relu(x @ A + b)
    A, b = theta[-1]
    return x @ A + b


def objective(theta, x, labels):
    import jax
    import jax.numpy as jnp

    z = jax.nn.log_softmax(logits(theta, x))
    return -jnp.take_along_axis(z, labels[:, None], axis=1).mean()


def sgd(theta, gradient, slots, t, lr):
    import jax

    return jax.tree.map(lambda p, g: p - lr * g, theta, gradient), slots


def momentum(theta, gradient, slots, t, lr):
    import jax

    (v,) = slots
    v = jax.tree.map(lambda v, g: MOMENTUM * v - lr * g, v, gradient)
    return jax.tree.map(lambda p, v: p + v, theta, v), (v,)


def adam(theta, gradient, slots, t, lr):
    import jax
    import jax.numpy as jnp

    m, v = slots
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, gradient)
    size, root = lr / (1 - BETA1**t), 1 / jnp.sqrt(1 - BETA2**t)
    move = lambda p, m, v: p - size * m / (root * jnp.sqrt(v) + EPS)  # noqa: E731
    return jax.tree.map(move, theta, m, v), (m, v)


RULES = {"SGD": (sgd, 0), "momentum": (momentum, 1), "Adam": (adam, 2)}
"""Each rule, and how many arrays like theta it remembers."""


def start_of(parameters, rule):
    """Return theta, with matrices as JAX multiplies them, and what the rule remembers."""
    import jax
    import jax.numpy as jnp

    theta = [(jnp.asarray(A.T), jnp.asarray(b)) for A, b in parameters]
    return theta, tuple(jax.tree.map(jnp.zeros_like, theta) for _ in range(RULES[rule][1]))


class Scan:
    """Takes dense rows, also of sparse data: for these widths that is its faster way."""

    name, module, ours, comparable = "JAX scan", "jax", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Training) and not work.bf16

    def __init__(self, work, problem):
        import jax
        import jax.numpy as jnp

        X = jnp.asarray(problem.X.toarray() if work.sparse else problem.X)
        y, n, batch, lr = jnp.asarray(problem.y), work.rows, work.batch, work.lr
        update, _ = RULES[work.rule]

        def step(carry, _):
            theta, slots, t = carry
            at = t * batch % n
            x = jax.lax.dynamic_slice_in_dim(X, at, batch)
            labels = jax.lax.dynamic_slice_in_dim(y, at, batch)
            loss, gradient = jax.value_and_grad(objective)(theta, x, labels)
            theta, slots = update(theta, gradient, slots, (t + 1).astype(jnp.float32), lr)
            return (theta, slots, (t + 1) % (1 << 24)), loss

        self.many = jax.jit(
            lambda carry, steps: jax.lax.scan(step, carry, length=steps),
            static_argnums=1,
            donate_argnums=0,
        )
        self.carry = *start_of(problem.parameters, work.rule), jnp.int32(0)

    def run(self, count):
        self.carry, losses = self.many(self.carry, count)
        self.losses = np.asarray(losses)

    def found(self):
        return self.losses


class Race(race.EpochRacer):
    """An epoch is one scan."""

    name, module = "JAX scan", "jax"

    def prepare(self, setting):
        import jax
        import jax.numpy as jnp

        X, y = jnp.asarray(self.X), jnp.asarray(self.y)
        unseen, labels = map(jnp.asarray, self.work.unseen)
        update, _ = RULES[setting.rule]

        def step(carry, now):
            theta, slots, t = carry
            rows, lr = now
            gradient = jax.grad(objective)(theta, X[rows], y[rows])
            return (*update(theta, gradient, slots, t + 1, lr), t + 1), None

        self.rule = setting.rule
        self.scan = jax.jit(
            lambda carry, order, rates: jax.lax.scan(step, carry, (order, rates))[0],
            donate_argnums=0,
        )
        self.right = jax.jit(lambda theta: (logits(theta, unseen).argmax(1) == labels).mean())

    def begin(self, parameters):
        import jax.numpy as jnp

        self.carry = *start_of(parameters, self.rule), jnp.float32(0)

    def epoch(self, order, rates):
        self.carry = self.scan(self.carry, order, rates)

    def accuracy(self):
        return float(self.right(self.carry[0]))

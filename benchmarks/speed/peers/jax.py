"""JAX with the whole loop in one scan."""

from __future__ import annotations

import numpy as np

from .. import work as works

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


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

        def objective(theta, x, labels):
            for A, b in theta[:-1]:
                x = jax.nn.relu(x @ A + b)
            A, b = theta[-1]
            z = jax.nn.log_softmax(x @ A + b)
            return -jnp.take_along_axis(z, labels[:, None], axis=1).mean()

        def sgd(theta, gradient, slots, t):
            return jax.tree.map(lambda p, g: p - lr * g, theta, gradient), slots

        def adam(theta, gradient, slots, t):
            m, v = slots
            m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradient)
            v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, gradient)
            size, root = lr / (1 - BETA1**t), 1 / jnp.sqrt(1 - BETA2**t)
            move = lambda p, m, v: p - size * m / (root * jnp.sqrt(v) + EPS)  # noqa: E731
            return jax.tree.map(move, theta, m, v), (m, v)

        update = {"SGD": sgd, "Adam": adam}[work.rule]

        def step(carry, _):
            theta, slots, t = carry
            at = t * batch % n
            x = jax.lax.dynamic_slice_in_dim(X, at, batch)
            labels = jax.lax.dynamic_slice_in_dim(y, at, batch)
            loss, gradient = jax.value_and_grad(objective)(theta, x, labels)
            theta, slots = update(theta, gradient, slots, (t + 1).astype(jnp.float32))
            return (theta, slots, (t + 1) % (1 << 24)), loss

        self.many = jax.jit(
            lambda carry, steps: jax.lax.scan(step, carry, length=steps),
            static_argnums=1,
            donate_argnums=0,
        )
        theta = [(jnp.asarray(A.T), jnp.asarray(b)) for A, b in problem.parameters]
        count = 2 if work.rule == "Adam" else 0
        slots = tuple(jax.tree.map(jnp.zeros_like, theta) for _ in range(count))
        self.carry = theta, slots, jnp.int32(0)

    def run(self, count):
        self.carry, losses = self.many(self.carry, count)
        self.losses = np.asarray(losses)

    def found(self):
        return self.losses

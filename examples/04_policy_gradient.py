"""A policy gradient: a network learns to balance a pole, and no loss function is anywhere.

    python examples/04_policy_gradient.py

The network says how likely a push to the right is (a logit). Many carts play at once; what was
done before a good end becomes likelier (REINFORCE, Williams 1992, with the mean return of that
moment as the baseline): ∂ℓ/∂z = −(a − p)·advantage is all that the trainer is told.
"""

import numpy as np

from steepest import Adam, Dense, Network, Tanh, Trainer

CARTS, MOMENTS, DECAY = 48, 200, 0.98
rng = np.random.default_rng(0)


class Carts:
    """Carts with a pole on each: position, speed, angle, angular speed (Barto, Sutton & Anderson
    1983: 1 kg, a pole of 0.1 kg and 1 m, pushes of 10 N, 20 ms a moment).
    """

    def __init__(self, count):
        self.state = rng.uniform(-0.05, 0.05, (count, 4)).astype(np.float32)
        self.up = np.ones(count, bool)

    def push(self, right):
        """Push each cart to the right or to the left; say which still stand."""
        _, v, angle, turn = self.state.T
        sine, cosine = np.sin(angle), np.cos(angle)
        pull = (np.where(right, 10, -10) + 0.05 * turn**2 * sine) / 1.1
        bend = (9.8 * sine - cosine * pull) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
        speed = pull - 0.05 * bend * cosine / 1.1
        self.state += 0.02 * np.stack([v, speed, turn, bend], axis=1)
        self.up &= (abs(self.state[:, 0]) < 2.4) & (abs(self.state[:, 2]) < 0.2095)
        return self.up


def play(network):
    """Play one game on all carts: states (T, n, 4), actions (T, n), and who stood (T, n)."""
    carts, seen, done, stood = Carts(CARTS), [], [], []
    while carts.up.any() and len(seen) < MOMENTS:
        right = rng.random(CARTS) < 1 / (1 + np.exp(-network.predict(carts.state)[:, 0]))
        seen.append(carts.state.copy())
        stood.append(carts.up.copy())
        done.append(right)
        carts.push(right)
    return np.array(seen), np.array(done), np.array(stood)


network = Network(Dense(32), Tanh(), Dense(1), inputs=4)
trainer = Trainer(network, rule=Adam(lr=0.02))
for game in range(41):
    states, actions, stood = play(network)
    returns = np.zeros(stood.shape)
    for t in reversed(range(len(stood))):
        returns[t] = stood[t] + (DECAY * returns[t + 1] if t + 1 < len(stood) else 0)
    mean = (returns * stood).sum(1, keepdims=True) / stood.sum(1, keepdims=True)
    advantage = (returns - mean)[stood]

    z = trainer.forward(states[stood])
    p = 1 / (1 + np.exp(-z[:, 0]))
    trainer.backward(-((actions[stood] - p) * advantage / len(p))[:, None])
    if game % 8 == 0:
        moments = stood.sum(0).mean()
        print(f"game {game:2}: poles stand for {moments:5.1f} moments  {'#' * round(moments / 5)}")

"""One step of gradient descent by hand: two layers' own kernels, as plain Python, on NumPy arrays.

Then the same step by the compiled engine, which must come to the same numbers.

    python examples/01_by_hand.py
"""

import numpy as np

from steepest import SGD, Dense, Network, Squared, Tanh, Trainer

n, p, q, eta = 6, 3, 16, 0.1
rng = np.random.default_rng(0)
x, target = rng.standard_normal((n, p)), rng.standard_normal((n, q))

network = Network(Dense(q), Tanh(), Dense(q), inputs=p, dtype="float64")
theta = {name: array.copy() for name, array in network.parameters.items()}
At1, b1, At2, b2 = theta["0.A"].T.copy(), theta["0.b"], theta["2.A"].T.copy(), theta["2.b"]
rows, units, inputs = range(n), range(q), range(q)
y1, y2, z, dz, dy2, dy1 = (np.zeros((n, q)) for _ in range(6))
loss, ones, blas = np.zeros(n), np.ones(n), 0

# Forward: y_k = f_k(y_{k−1}).
Dense.forward(x, At1, b1, y1, blas, units)
Tanh.forward(y1, y2, rows, units)
Dense.forward(y2, At2, b2, z, blas, units)

# ℓ, and ∂ℓ/∂z of the average over the examples.
Squared.gradient(z, target, ones, loss, dz, 1 / n, rows)

# Backward: Φ_k turns ∂ℓ/∂y_k into ∂ℓ/∂y_{k−1}, and adds −η ∂ℓ/∂θ_k to θ_k, which is the step.
Dense.backward_x(y2, At2, dz, dy2, blas, inputs)
Dense.backward_theta(-eta, y2, z, dz, At2, b2, blas, units)
Tanh.backward_x(y2, dy2, dy1, rows, units)
Dense.backward_theta(-eta, x, y1, dy1, At1, b1, blas, units)

history = Trainer(network, Squared(), SGD(lr=eta), sampling="full").fit(x, target, epochs=1)

print(f"loss by hand {loss.mean():.12f}, by the engine {history['loss'][0]:.12f}")
for name, by_hand in {"0.A": At1.T, "0.b": b1, "2.A": At2.T, "2.b": b2}.items():
    difference = np.abs(by_hand - network.parameters[name]).max()
    moved = np.abs(by_hand - theta[name]).max() if ".A" in name else np.abs(by_hand).max()
    print(f"{name}: moved by up to {moved:.4f}, by hand and by the engine within {difference:.1e}")
    assert difference < 1e-12

"""Gradients made visible: by layer while training, and of single examples.

    python examples/10_gradients.py

One label of twenty is wrong on purpose: the largest gradients find them.
"""

import numpy as np
from sklearn.datasets import load_digits

from steepest import (
    Adam,
    Dense,
    Network,
    ReLU,
    SoftmaxCrossEntropy,
    Trainer,
    Watch,
    example_norms,
    gradient,
)

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
rng = np.random.default_rng(0)
wrong = rng.permutation(len(y))[:90]  # one label of twenty is a lie
y[wrong] = (y[wrong] + rng.integers(1, 10, len(wrong))) % 10

network, loss, watch = Network(Dense(64), ReLU(), Dense(10)), SoftmaxCrossEntropy(), Watch()
Trainer(network, loss, Adam(lr=0.003), batch=32).fit(X, y, epochs=8, callbacks=[watch])
print(watch)

found = gradient(network, loss, X, y)
for path, dy in found.dy.items():  # in the order in which backpropagation goes
    print(f"layer {path}: ‖∇_y ℓ‖ = {np.linalg.norm(dy):.4f}")

norms = example_norms(network, loss, X, y).total
hardest = np.argsort(-norms)[: len(wrong)]
share = np.isin(hardest, wrong).mean()
print(f"of the {len(wrong)} examples with the largest gradients, {share:.0%} have a wrong label")

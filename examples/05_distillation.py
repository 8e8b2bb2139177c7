"""Distillation: a small network learns from what a large one says, and from few labels.

    python examples/05_distillation.py

The student sees the logits t of a teacher (Hinton, Vinyals & Dean 2015): what it minimises, with
a temperature T, is a mixture of two losses, of which only the derivative by its logits is needed,

    ∂ℓ/∂z = soft·T (softmax(z/T) − softmax(t/T)) + (1 − soft)(softmax(z) − onehot(y)).
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from steepest import Adam, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer

TEMPERATURE, SOFT, BATCH, STEPS = 4, 0.9, 64, 3000


def softmax(z):
    """Return the shares that logits stand for."""
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split((X / 16).astype(np.float32), y, random_state=0)
labelled = 150  # of the others nobody but the teacher knows what they are

teacher = Trainer(Network(Dense(256), ReLU(), Dense(256), ReLU(), Dense(10)),
                  SoftmaxCrossEntropy(), Adam())  # fmt: skip
teacher.fit(X, y, epochs=30)
logits = teacher.network.predict(X)


def student(soft):
    """Train a network of 12 units; return its accuracy on the test rows."""
    network = Network(Dense(12), ReLU(), Dense(10), inputs=64)
    trainer, rng = Trainer(network, rule=Adam(lr=0.003)), np.random.default_rng(0)
    for _ in range(STEPS):
        rows = rng.integers(0, len(X) if soft else labelled, BATCH)
        known = (rows < labelled)[:, None]
        z = trainer.forward(X[rows])
        hard = (softmax(z) - np.eye(10)[y[rows]]) * known
        like = TEMPERATURE * (softmax(z / TEMPERATURE) - softmax(logits[rows] / TEMPERATURE))
        trainer.backward((soft * like + (1 - soft) * hard) / BATCH)
    return (network.predict(X_test).argmax(1) == y_test).mean()


print(f"the teacher, {teacher.network.theta.size:,} parameters: "
      f"{(teacher.predict(X_test) == y_test).mean():.1%} of the digits right")  # fmt: skip
print(f"a student of 910 parameters, from {labelled} labels: {student(0):.1%}")
print(f"the same student, from the teacher: {student(SOFT):.1%}")

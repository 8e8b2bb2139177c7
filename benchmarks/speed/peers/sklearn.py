"""scikit-learn: its network, and its linear model, which is a compiled loop over CSR rows."""

from __future__ import annotations

import numpy as np

from .. import work as works


class Network:
    """Its loss is an average over a pass; two classes get one logistic output: less work."""

    name, module, ours = "scikit-learn", "sklearn", False

    @staticmethod
    def takes(work):
        return isinstance(work, works.Training) and not work.bf16

    def __init__(self, work, problem):
        from sklearn.neural_network import MLPClassifier

        self.X, self.y, parameters = problem
        outputs, batch = work.sizes[-1], work.batch
        self.per_fit = work.unit
        self.model = MLPClassifier(
            work.sizes[1:-1], solver=work.rule.lower(), momentum=0.0, nesterovs_momentum=False,
            alpha=0.0, batch_size=batch, learning_rate_init=work.lr, shuffle=False, max_iter=1,
        )  # fmt: skip
        some = slice(max(batch, 2))
        self.model.partial_fit(self.X[some], self.y[some], classes=np.arange(outputs))
        self.comparable = outputs > 2
        if outputs == 2:
            parameters = [*parameters[:-1], (parameters[-1][0][:1], parameters[-1][1][:1])]
        self.model.coefs_ = [A.T.copy() for A, _ in parameters]
        self.model.intercepts_ = [b.copy() for _, b in parameters]
        rule = self.model._optimizer
        if work.rule == "Adam":  # forgets the step in which it was made
            rule.t, rule.ms, rule.vs = 0, *([np.zeros_like(m) for m in rule.ms] for _ in "mv")

    def run(self, count):
        self.losses = []
        for _ in range(max(1, count // self.per_fit)):
            self.model.partial_fit(self.X, self.y)
            self.losses.append(self.model.loss_)

    def found(self):
        return np.array(self.losses)


class Linear:
    """`SGDClassifier`: a compiled loop."""

    name, module, ours, comparable = "SGDClassifier", "sklearn", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Stream)

    def __init__(self, work, problem):
        from sklearn.linear_model import SGDClassifier

        self.X, self.y, _ = problem
        self.model = SGDClassifier(
            loss="log_loss", alpha=0.0, learning_rate="constant", eta0=work.lr, shuffle=False,
            fit_intercept=False,
        )  # fmt: skip

    def run(self, count):
        for _ in range(count // len(self.y)):
            self.model.partial_fit(self.X, self.y, classes=(0, 1))

    def found(self):
        return self.model.coef_[0]

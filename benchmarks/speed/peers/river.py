"""river: logistic regression, one dictionary at a time."""

from __future__ import annotations

import numpy as np

from .. import work as works


class Logistic:
    name, module, ours, comparable = "river", "river", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Stream)

    def __init__(self, work, problem):
        from river import linear_model, optim

        X = problem.X
        self.rows = [
            (dict(zip(X.indices[a:b].tolist(), X.data[a:b].tolist(), strict=True)), bool(label))
            for a, b, label in zip(X.indptr, X.indptr[1:], problem.y, strict=False)
        ]
        self.columns = work.columns
        self.model = linear_model.LogisticRegression(optim.SGD(work.lr), intercept_lr=0)

    def run(self, count):
        for _ in range(count // len(self.rows)):
            for x, label in self.rows:
                self.model.learn_one(x, label)

    def found(self):
        theta = np.zeros(self.columns)
        weights = self.model.weights
        theta[list(weights)] = list(weights.values())
        return theta

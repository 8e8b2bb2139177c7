"""PyTorch: eager, compiled, and with products in bfloat16 where the processor has them."""

from __future__ import annotations

import os

from .. import race
from .. import work as works

SMALL = 50_000  # rows times width of a batch below which a second thread slows PyTorch down


def network_of(parameters):
    import torch

    layers = []
    for k, (A, b) in enumerate(parameters):
        layer = torch.nn.Linear(A.shape[1], A.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(A))
            layer.bias.copy_(torch.from_numpy(b))
        layers += [layer] if k == len(parameters) - 1 else [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers)


def set_threads(rows, sizes):
    import torch

    torch.set_num_threads(1 if rows * sum(sizes) < SMALL else os.cpu_count())


class Eager:
    """Takes dense rows, also of sparse data: for these widths that is its faster way."""

    name, module, ours, comparable = "PyTorch", "torch", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Training)

    def __init__(self, work, problem):
        import torch

        self.torch, self.batch = torch, work.batch
        set_threads(work.batch, work.sizes)
        X = problem.X.toarray() if work.sparse else problem.X
        self.X, self.y, self.at = torch.from_numpy(X), torch.from_numpy(problem.y), 0
        self.network = network_of(problem.parameters)
        kind = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}[work.rule]
        self.rule = kind(self.network.parameters(), lr=work.lr, fused=True)
        self.loss = torch.nn.CrossEntropyLoss()

    def objective(self, x, y):
        return self.loss(self.network(x), y)

    def run(self, count):
        losses = []
        for _ in range(count):
            rows = slice(self.at, self.at + self.batch)
            self.rule.zero_grad()
            loss = self.objective(self.X[rows], self.y[rows])
            loss.backward()
            self.rule.step()
            losses.append(loss.detach())
            self.at = (self.at + self.batch) % len(self.y)
        self.losses = self.torch.stack(losses).numpy()

    def found(self):
        return self.losses


class Compiled(Eager):
    name = "torch.compile"

    def __init__(self, work, problem):
        super().__init__(work, problem)
        self.objective = self.torch.compile(super().objective, dynamic=False)


class Autocast(Eager):
    name = "PyTorch bf16"

    @staticmethod
    def takes(work):
        return isinstance(work, works.Training) and work.bf16

    def objective(self, x, y):
        with self.torch.autocast("cpu", self.torch.bfloat16):
            return super().objective(x, y)


class Prediction:
    name, module, ours, comparable = "PyTorch", "torch", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Prediction)

    def __init__(self, work, problem):
        import torch

        self.torch, self.network = torch, network_of(problem.parameters)
        set_threads(work.rows, work.sizes)
        self.X = problem.X

    def run(self, count):
        with self.torch.inference_mode():
            for _ in range(count):
                self.z = self.network(self.torch.from_numpy(self.X)).numpy()

    def found(self):
        return self.z


class Race(race.EpochRacer):
    name, module, compiles, rounds = "PyTorch", "torch", False, True

    def prepare(self, setting):
        import torch

        set_threads(setting.batch, self.work.sizes)
        self.torch, self.setting_now = torch, setting
        self.images, self.labels = torch.from_numpy(self.X), torch.from_numpy(self.y)
        self.unseen, self.truth = map(torch.from_numpy, self.work.unseen)
        self.loss = torch.nn.CrossEntropyLoss()

    def begin(self, parameters):
        optim, setting = self.torch.optim, self.setting_now
        self.network = network_of(parameters)
        theta = self.network.parameters()
        if setting.rule == "Adam":
            self.rule = optim.Adam(theta, lr=setting.lr, fused=True)
        else:
            momentum = 0.9 if setting.rule == "momentum" else 0.0
            self.rule = optim.SGD(theta, lr=setting.lr, momentum=momentum, fused=True)

    def epoch(self, order, rates):
        (group,) = self.rule.param_groups
        for rows, lr in zip(self.torch.from_numpy(order), rates.tolist(), strict=True):
            group["lr"] = lr
            self.rule.zero_grad()
            with self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.setting_now.bf16):
                found = self.loss(self.network(self.images[rows]), self.labels[rows])
            found.backward()
            self.rule.step()

    def accuracy(self):
        with self.torch.inference_mode():
            return float((self.network(self.unseen).argmax(1) == self.truth).float().mean())

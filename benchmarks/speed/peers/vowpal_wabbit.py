"""Vowpal Wabbit: plain SGD, its own driver reading its own binary cache."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from .. import work as works


class Cached:
    """Reading the cache, which a thread of its own does, is part of the time: it has no other form
    of the data that is as fast. (Examples kept in memory and learned from Python take longer.)
    """

    name, module, ours, comparable = "Vowpal Wabbit", "vowpalwabbit", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Stream)

    def __init__(self, work, problem):
        X, y, _ = problem
        self.folder, self.columns, self.unit = (
            tempfile.TemporaryDirectory(),
            work.columns,
            work.unit,
        )
        text = Path(self.folder.name) / "rows.txt"
        with text.open("w") as out:
            for a, b, label in zip(X.indptr, X.indptr[1:], y, strict=False):
                pairs = zip(X.indices[a:b].tolist(), X.data[a:b].tolist(), strict=True)
                words = " ".join(f"{column}:{value:.9g}" for column, value in pairs)
                out.write(f"{2 * label - 1} | {words}\n")
        bits = int(np.ceil(np.log2(work.columns)))  # enough for no two columns to meet
        self.settings = (
            f"--quiet --noconstant --loss_function logistic --sgd --power_t 0 -l {work.lr} "
            f"-b {bits} --cache_file {self.folder.name}/rows.cache"
        )
        self.model = self._open(f"-k -d {text}")
        self.model.run_parser()

    def _open(self, more=""):
        from vowpalwabbit import Workspace

        return Workspace(f"{self.settings} {more}")

    def run(self, count):
        for _ in range(count // self.unit):
            self.model.finish()
            self.model = self._open()
            self.model.run_parser()

    def found(self):
        return np.array([self.model.get_weight(k) for k in range(self.columns)])

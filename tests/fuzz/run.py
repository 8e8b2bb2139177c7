"""Fuzz the loaders: mutated files, then a coverage-guided fuzzer.

    python tests/fuzz/run.py --files 10000 --minutes 20

Each target runs in a process of its own under a limit of its address space. First every target
reads its share of mutated files; then Atheris (``pip install atheris``), which sees which lines of
the loaders an input reaches, gets its share of the minutes. What comes out of a loader other than a
`SteepestError`, or ends its process, is kept with its traceback in --out; put it into
``tests/fuzz/seeds/TARGET/`` once it is mended.
"""

import argparse
import collections
import inspect
import math
import os
import random
import resource
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
LOADERS = ("interchange", "pipeline.model", "records", "saved", "tables", "training.checkpoint")
"""The modules of which the fuzzer sees what is reached. It can't be those with kernels."""


class Judge:
    """Runs inputs, counts the outcomes, and keeps each new finding."""

    def __init__(self, target, name, out):
        self.target, self.name, self.out = target, name, out
        self.counts = collections.Counter()
        self.seen = set()
        self.current = out / f"{name}.current"

    def __call__(self, data):
        self.current.write_bytes(data)  # what to look at if the process dies
        began, before = time.process_time(), peak_memory()
        try:
            self.counts[self.target.outcome(data)] += 1
        except Exception as error:
            self.counts["FOUND"] += 1
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
            if where not in self.seen:
                self.seen.add(where)
                self.keep(data, where, traceback.format_exc())
        if time.process_time() - began > 10:
            self.keep(data, f"slow-{len(data)}", "took more than 10 s of processor time")
        if peak_memory() - before > 1 << 31:
            self.keep(data, f"large-{len(data)}", "took more than 2 GiB of memory")

    def keep(self, data, where, text):
        (self.out / f"{self.name}-{where}").write_bytes(data)
        (self.out / f"{self.name}-{where}.txt").write_text(text)

    def report(self):
        peak = peak_memory() / (1 << 20)
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(self.counts.items()))
        total = sum(self.counts.values())
        print(f"{self.name}: {total:,} inputs: {counts}; peak memory {peak:,.0f} MiB", flush=True)


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def try_files(judge, number, seed):
    draw = random.Random(f"{judge.name} {seed}")
    pool = judge.target.seeds()
    for _ in range(number):
        data = draw.choice(pool)
        for _ in range(draw.choice((1, 1, 2, 3))):
            data = judge.target.mutate(data, draw)
        judge(data)
    judge.report()


def guide(judge, seconds, seed):
    import atheris

    corpus = judge.out / f"{judge.name}.corpus"
    corpus.mkdir(exist_ok=True)
    seeds = judge.target.seeds()
    for k, data in enumerate(seeds):
        (corpus / f"seed{k}").write_bytes(data)

    def mutator(data, most, number):
        draw = random.Random(number)
        start = bytes(data) if draw.random() < 0.7 else draw.choice(seeds)
        return judge.target.mutate(start, draw)[:most]

    end = time.monotonic() + seconds

    def one(data):
        judge(data)
        if time.monotonic() > end:
            judge.report()
            os._exit(0)  # libFuzzer's own end would run no finally clauses either

    options = [
        f"-seed={seed + 1}",
        "-max_len=65536",
        "-rss_limit_mb=0",
        "-timeout=100000",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutator)
    atheris.Fuzz()


def instrument():
    import atheris

    for name, module in list(sys.modules.items()):
        if name.startswith(tuple(f"steepest.{part}" for part in LOADERS)):
            for item in vars(module).values():
                methods = vars(item).values() if isinstance(item, type) else (item,)
                for one in methods:
                    function = getattr(one, "__func__", getattr(one, "fget", one))
                    if inspect.isfunction(function) and function.__module__ == name:
                        atheris.instrument_func(function)


def child(options):
    name, what, amount = options.child
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "src")]
    from targets import TARGETS

    if what == "minutes":
        instrument()
    resource.setrlimit(resource.RLIMIT_AS, (options.gigabytes << 30,) * 2)
    judge = Judge(TARGETS[name], name, options.out)
    if what == "minutes":
        guide(judge, 60 * float(amount), options.seed)
    else:
        try_files(judge, int(amount), options.seed)


def main():
    parser = argparse.ArgumentParser(description="Fuzz the loaders.")
    parser.add_argument("--files", type=int, default=10_000, help="mutated files in all")
    parser.add_argument("--minutes", type=float, default=20, help="of the guided fuzzer in all")
    parser.add_argument("--targets", help="some of them, with commas between")
    parser.add_argument("--out", type=Path, default=Path("fuzz-found"), help="for what is found")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gigabytes", type=int, default=6, help="limit of the address space")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.child:
        child(options)
        return
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "src")]
    from targets import TARGETS

    names = options.targets.split(",") if options.targets else list(TARGETS)
    for what, amount in (("files", options.files), ("minutes", options.minutes)):
        for name in names:
            share = amount / len(names)
            if share:
                run_child(options, name, what, math.ceil(share) if what == "files" else share)
    found = sorted(path.name for path in options.out.glob("*.txt"))
    print(f"{len(found)} findings in {options.out}", *found, sep="\n  ")
    sys.exit(bool(found))


def run_child(options, name, what, amount):
    """Run a child; after one that died, another for what is left of the minutes."""
    end, tries = time.monotonic() + 60 * amount, 0
    while True:
        done = subprocess.run(
            [sys.executable, __file__, "--child", name, what, str(amount), "--out", options.out,
             "--seed", str(options.seed + tries), "--gigabytes", str(options.gigabytes)],
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if not done.returncode:
            return
        tries += 1
        text = f"the process ended with {done.returncode}\n{done.stderr[-4000:]}"
        current = options.out / f"{name}.current"
        (options.out / f"{name}-died-{tries}").write_bytes(current.read_bytes())
        (options.out / f"{name}-died-{tries}.txt").write_text(text)
        print(f"{name}: {text}")
        amount = (end - time.monotonic()) / 60
        if what == "files" or amount <= 0 or tries == 10:
            return


if __name__ == "__main__":
    main()

"""Saves a model again and again in processes that are killed: MODEL PLACE KILLS [two-steps].

The n-th save has all parameters n, and seed n. A line of the output says how far each process got.
After KILLS processes it goes on until its input ends, which the reader closes when it has seen
more than one model; but for 50 times as many at most.
"""

import os
import random
import select
import signal
import sys
import time

from steepest.pipeline.model import Model
from steepest.saved import folder

model, place, kills = Model.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if "two-steps" in sys.argv:
    folder.exchange = lambda first, second: False


def save(n):
    model.network.theta[:] = n
    model.about["seed"] = n
    model.save(place)


def told_to_stop():
    return bool(select.select([sys.stdin], [], [], 0)[0])


draw = random.Random(0)
began = time.perf_counter()
save(0)
takes = time.perf_counter() - began  # disks differ: a kill comes within the first few saves
k = 0
while k < kills or not (told_to_stop() or k == 50 * kills):
    pid = os.fork()
    if pid == 0:
        for n in range(1000 * k, 1000 * (k + 1)):
            save(n)
    time.sleep(draw.uniform(0, max(0.03, 3 * takes)))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(k, flush=True)
    k += 1

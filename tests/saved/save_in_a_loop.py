"""Saves a model again and again in processes that are killed: MODEL PLACE KILLS [two-steps].

The n-th save has all parameters n, and seed n. A line of the output says how far each process got.
"""

import os
import random
import signal
import sys
import time

from steepest.model import Model
from steepest.saved import folder

model, place, kills = Model.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if "two-steps" in sys.argv:
    folder._exchange = lambda first, second: False


def save(n):
    model.network.theta[:] = n
    model.about["seed"] = n
    model.save(place)


draw = random.Random(0)
save(0)
for k in range(kills):
    pid = os.fork()
    if pid == 0:
        for n in range(1000 * k, 1000 * (k + 1)):
            save(n)
    time.sleep(draw.uniform(0, 0.03))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(k, flush=True)

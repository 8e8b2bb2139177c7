"""A lock that is held at fork."""

import os
import threading
import time

import pytest

from steepest.system.forks import lock_held_at_fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_waits_until_a_guarded_change_is_whole_and_the_child_can_make_another():
    lock = lock_held_at_fork()
    halves = [0, 0]
    inside = threading.Event()

    def change():
        with lock:
            halves[0] += 1
            inside.set()
            time.sleep(0.2)  # time for the fork to come
            halves[1] += 1

    thread = threading.Thread(target=change)
    thread.start()
    assert inside.wait(30)
    child = os.fork()
    if child == 0:
        got = lock.acquire(timeout=20)
        os._exit(0 if got and halves == [1, 1] else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert lock.acquire(timeout=20)
    lock.release()

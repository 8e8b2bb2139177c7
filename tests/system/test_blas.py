"""The product that kernels call, and keeping BLAS on one thread."""

import os
import subprocess
import sys
import threading
from contextlib import nullcontext

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info

from helpers import run_kernel
from steepest import SGD, Dense, Network, ReLU, Squared, Trainer
from steepest.compiler import gemm as gemm_module
from steepest.compiler.gemm import gemm_address
from steepest.kernels.gemm import gemm
from steepest.system.blas import blas_address, is_blas, one_thread, single_threaded


def test_products_of_blas_are_known_by_their_addresses():
    assert is_blas({7, blas_address("float32")})
    assert not is_blas({7})


def plain(x, b, y, blas, alpha, beta):
    """y = alpha x b + beta y"""
    gemm(blas, alpha, x, b, beta, y)


def left(x, b, y, blas, alpha, beta):
    """y = alpha xᵀ b + beta y"""
    gemm(blas, alpha, x.T, b, beta, y)


def right(x, b, y, blas, alpha, beta):
    """y = alpha x bᵀ + beta y"""
    gemm(blas, alpha, x, b.T, beta, y)


def both_turned(x, b, y, blas, alpha, beta):
    """y = alpha xᵀ bᵀ + beta y"""
    gemm(blas, alpha, x.T, b.T, beta, y)


FORMS = {plain: (0, 0), left: (1, 0), right: (0, 1), both_turned: (1, 1)}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_transposition(form, compiled, own, dtype):
    rng = np.random.default_rng(0)
    address = gemm_address(dtype, 1) if own else blas_address(dtype)
    for m, k, n in ((1, 1, 1), (1, 5, 3), (4, 1, 3), (3, 5, 1), (7, 18, 33)):
        for alpha, beta in ((1.0, 0.0), (-0.5, 1.0), (2.0, 0.25)):
            a, b = rng.standard_normal((m, k)), rng.standard_normal((k, n))
            y = rng.standard_normal((m, n)).astype(dtype)
            expected = alpha * (a @ b) + beta * y
            turned_a, turned_b = FORMS[form]
            x = np.ascontiguousarray(a.T if turned_a else a, dtype)
            other = np.ascontiguousarray(b.T if turned_b else b, dtype)
            run_kernel(
                form, dtype, compiled, x=x, b=other, y=y, blas=address, alpha=alpha, beta=beta
            )
            tolerance = 2e-5 if dtype == "float32" else 1e-13
            np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)


def threads_of_blas():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_the_first_to_enter_sets_the_limit_and_the_last_to_leave_lifts_it():
    blas_address("float32")
    limits = ThreadpoolController().limit(limits=2, user_api="blas")
    try:
        before = threads_of_blas()
        assert max(before) == 2
        entered, leave = threading.Event(), threading.Event()

        def other():
            with single_threaded:
                entered.set()
                leave.wait(30)

        thread = threading.Thread(target=other)
        with single_threaded:
            with single_threaded:
                thread.start()
                assert entered.wait(30)
                assert set(threads_of_blas()) == {1}
            assert set(threads_of_blas()) == {1}
        assert set(threads_of_blas()) == {1}  # the other thread is still inside
        leave.set()
        thread.join()
        assert threads_of_blas() == before
    finally:
        limits.restore_original_limits()


def test_only_products_of_blas_ask_for_the_limit():
    address = blas_address("float32")
    assert one_thread([gemm_address("float32", 1), address]) is single_threaded
    assert isinstance(one_thread([gemm_address("float32", 1)]), nullcontext)


@pytest.mark.parametrize(("own_rows", "expected"), [(0, {1}), (1000, {2})])
def test_a_fit_keeps_blas_on_one_thread_if_a_product_is_left_to_it(monkeypatch, own_rows, expected):
    monkeypatch.setattr(gemm_module, "OWN_ROWS", own_rows)
    blas_address("float32")
    limits = ThreadpoolController().limit(limits=2, user_api="blas")
    seen = set()
    try:
        network = Network(Dense(20), ReLU(), Dense(20), inputs=20)
        X = np.ones((64, 20), np.float32)
        Trainer(network, Squared(), SGD(lr=0.01), batch=32).fit(
            X, X, epochs=1, callbacks=[lambda _: seen.update(threads_of_blas())]
        )
        assert seen == expected
        assert set(threads_of_blas()) == {2}
    finally:
        limits.restore_original_limits()


FORKS = """
import os, signal, threading
from threadpoolctl import ThreadpoolController
from steepest.system.blas import blas_address, single_threaded

blas_address("float32")
ThreadpoolController().limit(limits=2, user_api="blas")
going = threading.Event()

def enter_and_leave():
    going.set()
    while going.is_set():
        with single_threaded:
            pass

thread = threading.Thread(target=enter_and_leave)
thread.start()
going.wait()
statuses = []
for k in range(40):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends the process, with another status than 0
        with single_threaded:
            pass
        os._exit(0)
    statuses.append(os.waitpid(child, 0)[1])
    if statuses[-1]:
        break
going.clear()
thread.join()
raise SystemExit(any(statuses))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_forked_while_another_thread_sets_the_limit_can_set_it():
    done = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

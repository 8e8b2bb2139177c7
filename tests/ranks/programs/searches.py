"""A grid search by joblib's processes and by a Dask cluster: the same scores as one by one."""

import os
import sys

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV

from steepest import MLPClassifier
from steepest.system.cores import usual_threads


def search(**more):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4)).astype(np.float32)
    model = MLPClassifier(max_iter=200, tol=0.1, n_iter_no_change=2, random_state=0)
    grid = {"hidden_layer_sizes": [(4,), (8,)], "alpha": [0.0, 0.1]}
    found = GridSearchCV(model, grid, cv=2, **more).fit(X, (X[:, 0] > 0).astype(int))
    return found.cv_results_["mean_test_score"], found.best_estimator_.loss_


def main(kind):
    alone = search()
    if kind == "dask":
        from distributed import Client, LocalCluster

        settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**settings) as cluster, Client(cluster) as client:
            assert set(client.run(usual_threads).values()) == {1}
            with joblib.parallel_config(backend="dask"):
                together = search()
    else:
        with joblib.parallel_config(backend="loky", n_jobs=2, inner_max_num_threads=1):
            assert joblib.Parallel()(joblib.delayed(usual_threads)() for _ in range(2)) == [1, 1]
            together = search()
    np.testing.assert_array_equal(together[0], alone[0])
    assert together[1] == alone[1]
    print("done")


if __name__ == "__main__":
    os.environ.pop("OMP_NUM_THREADS", None)
    main(sys.argv[1])

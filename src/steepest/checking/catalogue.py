"""Everything that Steepest brings, with settings that between them reach every kernel.

This is the one list that the tests and `steepest check` walk and that `steepest warmup` compiles.
Whatever `steepest.layers`, `losses`, `rules` and `schedules` export must stand in it.
"""

from __future__ import annotations

from .. import layers as _l
from .. import losses as _o
from .. import rules as _r
from .. import schedules as _s
from ..layer import Layer
from ..loss import Loss
from ..rule import Rule

__all__ = ["LAYERS", "LOSSES", "RULES", "SCHEDULES"]

LAYERS: tuple[Layer, ...] = (
    _l.Average(3),
    _l.Dense(3),  # A by rows
    _l.Dense(33),  # A by columns
    _l.Dense(3, bias=False),
    _l.Dense(33, bias=False),
    _l.ELU(),
    _l.ELU(1.5),
    _l.GELU(),
    _l.Identity(),
    _l.LeakyReLU(),
    _l.LeakyReLU(0.3),
    _l.Mish(),
    _l.ReLU(),
    _l.SELU(),
    _l.Sigmoid(),
    _l.SiLU(),
    _l.Softmax(),
    _l.Softplus(),
    _l.Tanh(),
    _l.Dropout(0.5),
    _l.Dropout(0.0),
    _l.Dropout(_s.FlatCosine(0.5)),
    _l.Embedding(4, 3),
    _l.Embedding(7, 1),
    _l.LayerNorm(),
    _l.LayerNorm(eps=0.1),
    _l.Parametric(_l.SELU()),
    _l.Parametric(_l.Parametric(_l.Sequential(_l.Dense(17), _l.Dense(5)))),
    _l.Periodic(),
    _l.Periodic(5, 2),
    _l.RootScale(),
    _l.Scale(),
    _l.Sequential(_l.Dense(17), _l.Tanh(), _l.Dropout(0.3), _l.Dense(4)),
    _l.Residual(_l.Dense(17), _l.Tanh(), _l.Dense(5)),
    _l.Concat(_l.Identity(), _l.Dense(4), _l.Sequential(_l.Dense(18), _l.SiLU())),
    _l.Parallel((3, _l.Identity()), (2, _l.Embedding(5, 3))),
    _l.Sequential(
        _l.Dense(8),
        _l.Residual(
            _l.Concat(_l.Residual(_l.Dense(8), _l.Tanh()), _l.Identity()), _l.LayerNorm(),
            _l.Dense(8),
        ),
        _l.Parallel((3, _l.Dense(4)), (5, _l.Sequential(_l.Identity(), _l.Dense(17)))),
    ),
)  # fmt: skip

LOSSES: tuple[Loss, ...] = (
    _o.Absolute(),
    _o.Hinge(),
    _o.Huber(),
    _o.Huber(0.3),
    _o.Logistic(),
    _o.Logistic(label_smoothing=0.2),
    _o.Poisson(),
    _o.Quantile(),
    _o.Quantile((0.1, 0.5, 0.8)),
    _o.SoftmaxCrossEntropy(),
    _o.SoftmaxCrossEntropy(label_smoothing=0.2),
    _o.Squared(),
)

RULES: tuple[Rule, ...] = (
    _r.SGD(),
    _r.SGD(momentum=0.9),
    _r.SGD(momentum=0.8, nesterov=True),
    _r.Adagrad(),
    _r.RMSprop(),
    _r.RMSprop(rho=0.8, eps=1e-3),
    _r.Adam(),
    _r.Adam(eps=0.1),
    _r.Adam(eps=0.1, epsilon_hat=True),
    _r.Adam(beta1=0.0, beta2=0.5),
    _r.AdamW(),
    _r.AdamW(weight_decay=_s.FlatCosine(0.1)),
)

SCHEDULES: tuple[_s.Schedule, ...] = (
    _s.Constant(0.1),
    _s.InverseScaling(0.1),
    _s.Step(0.1, 10),
    _s.Exponential(0.1, 0.99),
    _s.Cosine(0.1),
    _s.Cosine(0.1, warmup=10, floor=0.01),
    _s.OneCycle(0.1),
    _s.CosLog4(0.1),
    _s.FlatCosine(0.1),
    _s.ReduceOnPlateau(0.1),
)

"""The layers. `steepest.layer` has the contract that they all follow."""

from .average import Average
from .concat import Concat
from .dense import Dense
from .dropout import Dropout
from .elu import ELU
from .embedding import Embedding
from .gelu import GELU
from .identity import Identity
from .layer_norm import LayerNorm
from .leaky_relu import LeakyReLU
from .mish import Mish
from .parallel import Parallel
from .parametric import Parametric
from .periodic import Periodic
from .relu import ReLU
from .residual import Residual
from .root_scale import RootScale
from .scale import Scale
from .selu import SELU
from .sequential import Sequential
from .sigmoid import Sigmoid
from .silu import SiLU
from .softmax import Softmax
from .softplus import Softplus
from .tanh import Tanh

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Average",
    "Concat",
    "Dense",
    "Dropout",
    "Embedding",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Mish",
    "Parallel",
    "Parametric",
    "Periodic",
    "ReLU",
    "Residual",
    "RootScale",
    "Scale",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]

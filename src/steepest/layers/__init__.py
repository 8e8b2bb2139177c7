"""The layers. `steepest.layer` has the contract that they all follow.

Every file here is imported, and its classes are exported. Type checkers and editors don't run code:
for them alone each class has a line here too.
"""

from typing import TYPE_CHECKING

from ..collect import collect
from ..layer import Layer

if TYPE_CHECKING:
    from .adapters import Adapters as Adapters
    from .affine import Affine as Affine
    from .attention import Attention as Attention
    from .average import Average as Average
    from .average_pool import AveragePool as AveragePool
    from .batch_norm import BatchNorm as BatchNorm
    from .concat import Concat as Concat
    from .conv1d import Conv1D as Conv1D
    from .conv2d import Conv2D as Conv2D
    from .convex_concave import ConvexConcave as ConvexConcave
    from .dense import Dense as Dense
    from .dropout import Dropout as Dropout
    from .elu import ELU as ELU
    from .embedding import Embedding as Embedding
    from .embedding_bag import EmbeddingBag as EmbeddingBag
    from .flatten import Flatten as Flatten
    from .gelu import GELU as GELU
    from .global_average_pool import GlobalAveragePool as GlobalAveragePool
    from .group_norm import GroupNorm as GroupNorm
    from .gru import GRU as GRU
    from .hardsigmoid import Hardsigmoid as Hardsigmoid
    from .hardswish import Hardswish as Hardswish
    from .hardtanh import Hardtanh as Hardtanh
    from .heads import Heads as Heads
    from .identity import Identity as Identity
    from .layer_norm import LayerNorm as LayerNorm
    from .leaky_relu import LeakyReLU as LeakyReLU
    from .learned_positions import LearnedPositions as LearnedPositions
    from .log_softmax import LogSoftmax as LogSoftmax
    from .lstm import LSTM as LSTM
    from .max_pool import MaxPool as MaxPool
    from .member_mean import MemberMean as MemberMean
    from .mish import Mish as Mish
    from .monotone_dense import MonotoneDense as MonotoneDense
    from .parallel import Parallel as Parallel
    from .parametric import Parametric as Parametric
    from .periodic import Periodic as Periodic
    from .permute import Permute as Permute
    from .piecewise_linear import PiecewiseLinear as PiecewiseLinear
    from .prelu import PReLU as PReLU
    from .recurrent import Recurrent as Recurrent
    from .relu import ReLU as ReLU
    from .reshape import Reshape as Reshape
    from .residual import Residual as Residual
    from .rms_norm import RMSNorm as RMSNorm
    from .root_scale import RootScale as RootScale
    from .scale import Scale as Scale
    from .selu import SELU as SELU
    from .sequential import Sequential as Sequential
    from .sigmoid import Sigmoid as Sigmoid
    from .silu import SiLU as SiLU
    from .sinusoidal_positions import SinusoidalPositions as SinusoidalPositions
    from .softmax import Softmax as Softmax
    from .softplus import Softplus as Softplus
    from .standardise import Standardise as Standardise
    from .sum import Sum as Sum
    from .swiglu import SwiGLU as SwiGLU
    from .tanh import Tanh as Tanh
    from .tied_embedding import TiedEmbedding as TiedEmbedding
    from .token_embedding import TokenEmbedding as TokenEmbedding
    from .zero_pad import ZeroPad as ZeroPad
else:
    _found = collect(__name__, Layer)
    globals().update(_found)
    __all__ = [*_found]

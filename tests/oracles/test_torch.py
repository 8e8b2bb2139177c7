"""The same networks in PyTorch."""

import torch_oracle
from checks import agree


def test_torch_computes_the_same():
    agree(torch_oracle)

"""The same networks in PyTorch."""

import torch_oracle
from checks import agree, agree_on_images, agree_on_recurrence


def test_torch_computes_the_same():
    agree(torch_oracle)


def test_torch_computes_the_same_of_images():
    agree_on_images(torch_oracle)


def test_torch_computes_the_same_of_recurrent_networks():
    agree_on_recurrence(torch_oracle)

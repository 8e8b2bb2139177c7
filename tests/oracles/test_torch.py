"""The same networks in PyTorch."""

import torch_oracle
from checks import agree, agree_on_images, agree_on_sequences


def test_torch_computes_the_same():
    agree(torch_oracle)


def test_torch_computes_the_same_of_images():
    agree_on_images(torch_oracle)


def test_torch_computes_the_same_of_networks_for_sequences():
    agree_on_sequences(torch_oracle)

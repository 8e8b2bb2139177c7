"""The same networks in JAX."""

import jax_oracle
from checks import agree, agree_on_images, agree_on_sequences


def test_jax_computes_the_same():
    agree(jax_oracle)


def test_jax_computes_the_same_of_images():
    agree_on_images(jax_oracle)


def test_jax_computes_the_same_of_networks_for_sequences():
    agree_on_sequences(jax_oracle)

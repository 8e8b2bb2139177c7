"""The same networks in JAX."""

import jax_oracle
from checks import agree


def test_jax_computes_the_same():
    agree(jax_oracle)

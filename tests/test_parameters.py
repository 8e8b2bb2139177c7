"""θ: one vector, and every parameter a view into it."""

import numpy as np

from steepest import Concat, Dense, Identity, LayerNorm, ReLU, Residual, Sequential
from steepest.parameters import Parameters, leaves, walk

LAYER = Sequential(
    Dense(16), Residual(LayerNorm(), Dense(16, bias=False)), Concat(Identity(), ReLU()), Dense(2)
)


def built():
    return Parameters(LAYER, (3,), "float64")


def test_every_number_of_theta_belongs_to_one_parameter():
    parameters = built()
    parameters.theta[:] = np.arange(parameters.theta.size)
    seen = np.concatenate([array.reshape(-1) for array in parameters.arrays.values()])
    assert sorted(seen) == list(range(parameters.theta.size))
    assert parameters.theta.ctypes.data % 64 == 0
    assert (parameters.input_shape, parameters.output_shape) == ((3,), (2,))


def test_views_have_the_declared_shapes_and_operands_those_in_memory():
    parameters = built()
    assert parameters.arrays["0.A"].shape == parameters.declared["0.A"].shape == (16, 3)
    assert parameters.buffers["0.A"].shape == (3, 16)  # column after column
    assert parameters.buffers["0.A"].name == "A0ᵀ"
    parameters.arrays["0.A"][5, 2] = 7.0
    assert parameters.buffers["0.A"].array[2, 5] == 7.0


def test_operands_in_another_vector_lie_as_in_theta():
    parameters = built()
    gradient = np.arange(float(parameters.theta.size))
    for name, buffer in parameters.like(gradient).items():
        own = parameters.buffers[name]
        assert (buffer.name, buffer.offset, buffer.shape) == ("d" + own.name, own.offset, own.shape)
        np.testing.assert_array_equal(buffer.array.reshape(-1)[0], own.offset)
    views = parameters.views(gradient)
    np.testing.assert_array_equal(views["0.A"].T.reshape(-1), gradient[: 3 * 16])


def test_the_same_seed_draws_the_same():
    one, two, other = built(), built(), built()
    for parameters, seed in ((one, 4), (two, 4), (other, 5)):
        parameters.draw(seed)
    np.testing.assert_array_equal(one.theta, two.theta)
    assert (one.theta != other.theta).any()


def test_layers_are_walked_depth_first_with_the_shapes_of_their_inputs():
    for shape in ((3,), (7, 3)):
        *several, _ = shape
        found = {path: (type(layer).__name__, at) for path, layer, at in walk(LAYER, shape)}
        assert found["0"] == ("Dense", (*several, 3))
        assert found["1.1"] == ("Dense", (*several, 16))
        assert found["3"] == ("Dense", (*several, 32))
    assert [path for path, *_ in leaves(LAYER, (3,))] == ["0", "1.0", "1.1", "3"]

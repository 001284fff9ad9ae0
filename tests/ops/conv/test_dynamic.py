"""Conv and ConvTranspose whose kernels are inputs, or doubles."""

from __future__ import annotations

import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, named, node, symbolic

LINE, IMAGE, VOLUME = floats(2, 4, 9), floats(2, 4, 7, 6), floats(1, 2, 4, 5, 6)
KERNEL, BIAS = floats(6, 4, 3, 2, seed=3), floats(6, seed=4)
OPTIONS = {
    "plain": {},
    "strides": {"strides": [2, 3]},
    "dilations": {"dilations": [2, 3]},
    "pads": {"pads": [1, 0, 2, 1], "strides": [2, 1]},
    "same": {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
}

TABLE_NAME = "dynamic_conv"
NODES = {
    **{f"conv_{name}": node("Conv", symbolic(IMAGE, 0), KERNEL, BIAS, **options) for name, options in OPTIONS.items()},
    "conv_line": node("Conv", LINE, floats(3, 4, 3), pads=[1, 1]),
    "conv_volume": node("Conv", VOLUME, floats(3, 2, 2, 3, 2), strides=[1, 2, 2], pads=[1, 0, 1, 0, 1, 1]),
    "conv_groups": node("Conv", IMAGE, floats(6, 2, 3, 3), group=2),
    "conv_each_channel": node("Conv", IMAGE, floats(8, 1, 3, 3), group=4),
    "conv_free": node("Conv", symbolic(IMAGE, 0, 2, 3), KERNEL, auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv_given_bias": node("Conv", IMAGE, const(KERNEL, "float32"), BIAS),
    "conv_doubles": node(
        "Conv", IMAGE.astype("float64"), KERNEL.astype("float64"), BIAS.astype("float64"), by_reference=True
    ),
    "conv_of_constant_doubles": node("Conv", IMAGE.astype("float64"), const(KERNEL, "float64"), by_reference=True),
    **{
        f"transposed_{name}": node("ConvTranspose", symbolic(IMAGE, 0), floats(4, 3, 3, 2), floats(3), **options)
        for name, options in OPTIONS.items()
    },
    "transposed_line": node("ConvTranspose", LINE, floats(4, 3, 3), strides=[2], output_padding=[1]),
    "transposed_volume": node("ConvTranspose", VOLUME, floats(2, 3, 2, 3, 2), strides=[1, 2, 2]),
    "transposed_groups": node("ConvTranspose", IMAGE, floats(4, 3, 3, 2), group=2, strides=[2, 2]),
    "transposed_shape": node("ConvTranspose", IMAGE, floats(4, 3, 3, 2), strides=[2, 2], output_shape=[15, 13]),
    "transposed_padding": node(
        "ConvTranspose", IMAGE, floats(4, 3, 3, 2), strides=[1, 2], dilations=[3, 1], output_padding=[0, 1]
    ),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_dynamic_conv(key: str, results: Results) -> None:
    check_node(results[key])

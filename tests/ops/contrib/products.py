"""Fused convolutions and products of ONNX Runtime's domain."""

from __future__ import annotations

import numpy as np

from tests.ops.nodes import Node, const, floats, node, symbolic

IMAGES = symbolic(floats(2, 3, 7, 6), 0)
LAST = symbolic(floats(2, 7, 6, 3), 0)
KERNEL = const(floats(4, 3, 3, 3, seed=2), "float32")
BIAS = const(floats(4, seed=3), "float32")
A, B = floats(2, 3, 4, 5), floats(2, 3, 5, 6, seed=2)
ROWS = symbolic(floats(4, 5), 0)
WEIGHTS = const(floats(5, 6, seed=2), "float32")


def channels_last_conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The convolution with strides 2 and 1 of a channels-last x, which ONNX Runtime lacks on CPUs."""
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), axis=(1, 2))[:, ::2]
    return (np.einsum("nhwcij,fcij->nhwf", windows, kernel) + bias).astype(np.float32)


CASES: dict[str, Node] = {
    "fused_conv": node("com.microsoft:FusedConv", IMAGES, KERNEL, BIAS, activation="Relu", pads=[1, 1, 1, 1]),
    "fused_conv_of_a_sum": node(
        "com.microsoft:FusedConv",
        IMAGES,
        KERNEL,
        BIAS,
        symbolic(floats(2, 4, 3, 2, seed=5), 0),
        activation="Relu",
        strides=[2, 2],
    ),
    **{
        f"fused_conv_{kind}": node(
            "com.microsoft:FusedConv",
            IMAGES,
            KERNEL,
            activation=kind,
            **({"activation_params": parameters} if parameters else {}),
        )
        for kind, parameters in {
            "Clip": [-0.5, 2.0],
            "HardSigmoid": [0.3, 0.4],
            "LeakyRelu": [0.3],
            "Sigmoid": [],
            "Tanh": [],
        }.items()
    },
    "nhwc_conv": node("com.microsoft:NhwcConv", LAST, KERNEL, BIAS, strides=[2, 1], exact=channels_last_conv),
    "nhwc_fused_conv": node(
        "com.microsoft:NhwcFusedConv",
        *(LAST, KERNEL, BIAS, symbolic(floats(2, 3, 4, 4, seed=5), 0)),
        strides=[2, 1],
        activation="Relu",
        exact=lambda *arrays: np.maximum(channels_last_conv(*arrays[:3]) + arrays[3], 0),
    ),
    "fused_matmul": node("com.microsoft:FusedMatMul", A, np.swapaxes(B, 2, 3).copy(), transB=1, alpha=0.25),
    "fused_matmul_transposed": node("com.microsoft:FusedMatMul", np.swapaxes(A, 2, 3).copy(), B, transA=1),
    "fused_matmul_batch": node(
        "com.microsoft:FusedMatMul",
        floats(4, 2, 3, 5),
        floats(5, 2, 3, 6, seed=2),
        transBatchA=1,
        transBatchB=1,
    ),
    "fused_matmul_all": node(
        "com.microsoft:FusedMatMul",
        floats(5, 2, 3, 4),
        floats(6, 2, 3, 5, seed=2),
        transBatchA=1,
        transBatchB=1,
        transA=1,
        transB=1,
        alpha=2.0,
    ),
    "fused_matmul_with_weights": node("com.microsoft:FusedMatMul", ROWS, WEIGHTS, alpha=0.5),
    "transpose_matmul": node("com.microsoft:TransposeMatMul", A, np.swapaxes(B, 2, 3).copy(), transB=1),
    "fused_gemm": node("com.microsoft:FusedGemm", ROWS, WEIGHTS, const(floats(6), "float32"), activation="Relu"),
    "fused_gemm_leaky": node(
        "com.microsoft:FusedGemm",
        ROWS,
        const(floats(6, 5, seed=2), "float32"),
        const(floats(6), "float32"),
        activation="LeakyRelu",
        activation_alpha=0.2,
        alpha=0.5,
        beta=2.0,
        transB=1,
    ),
}

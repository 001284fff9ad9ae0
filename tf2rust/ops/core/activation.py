"""Activation functions: their names, their Rust, and their computation in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tf2rust.rust.literals import rust_f32
from tf2rust.rust.tree import Expr, Item

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + e), e / (1 + e)))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _erf(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.asarray(np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))


def _threshold(x: np.ndarray, theta: float, value: float) -> np.ndarray:
    return np.asarray(np.where(x > theta, x, value))


# Name -> (variant of tf_layers::Activation, names of its parameters if there are several, the function in float64).
FUNCTIONS: dict[str, tuple[str, tuple[str, ...], Callable[..., np.ndarray]]] = {
    "linear": ("Linear", (), lambda x: x),
    "relu": ("Relu", (), lambda x: np.maximum(x, 0)),
    "leaky_relu": ("LeakyRelu", (), lambda x, a: np.where(x >= 0, x, a * x)),
    "thresholded_relu": ("ThresholdedRelu", (), lambda x, t: np.where(x > t, x, 0)),
    "clip": ("Clip", ("min", "max"), lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi)),
    "elu": ("Elu", (), _elu),
    "celu": ("Celu", (), lambda x, a: np.maximum(x, 0) + np.minimum(0, a * np.expm1(x / a))),
    "selu": ("Selu", (), lambda x: _SELU_SCALE * _elu(x, _SELU_ALPHA)),
    "sigmoid": ("Sigmoid", (), _sigmoid),
    "hard_sigmoid": ("HardSigmoid", ("alpha", "beta"), lambda x, a, b: np.clip(a * x + b, 0, 1)),
    "hard_swish": ("HardSwish", (), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "softplus": ("Softplus", (), _softplus),
    "softsign": ("Softsign", (), lambda x: x / (1 + np.abs(x))),
    "tanh": ("Tanh", (), np.tanh),
    "exponential": ("Exp", (), np.exp),
    "silu": ("Silu", (), lambda x: x * _sigmoid(x)),
    "gelu": ("Gelu", (), lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2)))),
    "gelu_tanh": ("GeluTanh", (), lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "mish": ("Mish", (), lambda x: x * np.tanh(_softplus(x))),
    "log_sigmoid": ("LogSigmoid", (), lambda x: -_softplus(-x)),
    "relu_with": (
        "ReluWith",
        ("max", "slope", "theta"),
        lambda x, high, slope, t: np.clip(np.where(x > t, x, 0), 0, high) - slope * np.maximum(t - x, 0),
    ),
    "threshold": ("Threshold", ("theta", "value"), _threshold),
    "hard_shrink": ("HardShrink", (), lambda x, size: np.where(np.abs(x) > size, x, 0)),
    "soft_shrink": ("SoftShrink", (), lambda x, size: x - np.clip(x, -size, size)),
    "tanh_shrink": ("TanhShrink", (), lambda x: x - np.tanh(x)),
    "squareplus": ("Squareplus", (), lambda x, b: (x + np.sqrt(x * x + b)) / 2),
    "sparse_plus": ("SparsePlus", (), lambda x: np.where(x > 1, x, np.clip(x + 1, 0, None) ** 2 / 4)),
}


@dataclass(frozen=True)
class Activation:
    """An elementwise activation function and its parameters, in the order of the table above."""

    name: str = "linear"
    args: tuple[float, ...] = ()

    @property
    def is_linear(self) -> bool:
        return self.name == "linear"

    @property
    def is_rectifier(self) -> bool:
        """Whether the kernels apply it while they store results; other functions need a second pass over the output."""
        return self.name in ("linear", "relu", "clip", "leaky_relu")

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the greatest result of a clamp; None for other functions."""
        if self.name == "clip":
            low, high = self.args
            return low, high
        return {"linear": (-math.inf, math.inf), "relu": (0.0, math.inf)}.get(self.name)

    def rust(self) -> Expr:
        """The value of ``tf_layers::nn::Activation``."""
        variant = Item("tf_layers::nn::Activation").of(FUNCTIONS[self.name][0])
        return variant(*map(rust_f32, self.args)) if self.args else variant

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The function of ``x``, computed in float64 and rounded to float32."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(FUNCTIONS[self.name][2](x.astype(np.float64), *self.args)).astype(np.float32)

    def plain(self) -> str:
        """The function as text for messages and JSON: ``leaky_relu(0.2)``."""
        return self.name + (f"({', '.join(f'{a:g}' for a in self.args)})" if self.args else "")


LINEAR = Activation()

"""Finds the layers to keep in float until the loss of a quantized model is small enough."""

from __future__ import annotations

from dataclasses import replace

from tf2rust.errors import ConversionError
from tf2rust.quantization.candidate import Candidate
from tf2rust.quantization.settings import MaxLoss


def within(best: Candidate, wanted: MaxLoss) -> Candidate:
    """``best`` with as few layers in float as the loss allows.

    The layers are tried in the order of the error that each causes if only it is quantized. The loss is taken to fall
    with every further layer in float, so that the number of layers can be found by bisection. Raises ConversionError if
    no layer could be quantized, or if there is no output whose loss can be measured.
    """
    if missing := wanted.missing(best.agreements):
        advice = "give another kind, or remove --max_loss" if best.agreements else "remove --max_loss"
        raise ConversionError(f"--max_loss {wanted} cannot be measured, because {missing}; {advice}.")
    if best.loss(wanted) <= wanted.value:
        return best
    order = by_sensitivity(best)
    low, high, found = 0, len(order), None
    while high - low > 1:
        middle = (low + high) // 2
        candidate = best.keeping(order[:middle])
        if candidate.loss(wanted) <= wanted.value:
            high, found = middle, candidate
        else:
            low = middle
    if found is None:
        raise ConversionError(
            f"--max_loss {wanted} cannot be reached: the loss is {best.loss(wanted):.2g} with all layers on "
            f"integers, and still {best.keeping(order[:-1]).loss(wanted):.2g} with only `{order[-1]}` on "
            "integers; allow a larger loss, give more calibration samples, or convert the model without --quantize."
        )
    return found


def by_sensitivity(best: Candidate) -> list[str]:
    """The products on integers, those first that cause the largest error if only they are quantized.

    The first batch measures it: each product takes a run of its own.
    """
    labels = [product.label for product in best.placement.products]
    quick = replace(best, judge=best.judge.brief)
    errors = {label: quick.keeping([other for other in labels if other != label]).error for label in labels}
    return sorted(labels, key=lambda label: -errors[label])

"""The names of symbolic dimensions: maps the model's names to distinct identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import onnx_ir as ir

from tf2rust.errors import UsageError
from tf2rust.ops.core.dims import Dim, DimExpr, Size, Symbol
from tf2rust.ops.core.layer import Dims
from tf2rust.stages import brief

BATCH = "n"
"""The default name of an input's leading dimension."""
_ANONYMOUS = re.compile(r"unk__\d+|unk_\d+|\?|None|")


def identifier(name: str) -> str:
    """The name of a dimension in Rust and in ``--dim``."""
    folded = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    return folded if folded and not folded[0].isdigit() else f"d{folded}"


class Dimensions:
    """The symbolic dimensions of a model's inputs. Dimensions with different names stay different.

    A name becomes an identifier: ``Time Steps`` becomes ``time_steps``. If several names have the same identifier, the
    name that equals it keeps it, and the others get a number: ``t`` and ``T`` become ``t`` and ``t_2``.
    """

    def __init__(self, inputs: Iterable[ir.Value]) -> None:
        self.inputs = list(inputs)
        self.symbolic: list[str] = []
        """The identifiers of the dimensions without a size, in the order of the inputs."""
        self._names: dict[str | tuple[str, int], str] = {}
        """The identifiers by the model's names; for unnamed dimensions, by their input and axis."""
        leading = [_key(v, 0) for v in self.inputs if v.shape]
        # An unnamed leading dimension is the batch, and so is a leading dimension with the same name.
        batch = next((key for key in leading if isinstance(key, str) and identifier(key) == BATCH), None)
        taken = {BATCH} if batch or any(isinstance(key, tuple) for key in leading) else set()
        keys = [key for v in self.inputs for axis in range(len(v.shape or ())) if (key := _key(v, axis)) is not None]
        for key in sorted(keys, key=lambda key: isinstance(key, tuple) or identifier(key) != key):
            if key in self._names:
                continue
            if key == batch or (isinstance(key, tuple) and key[1] == 0):
                self._names[key] = BATCH
                continue
            name = wanted = identifier(key if isinstance(key, str) else f"{key[0]}_{key[1]}")
            number = 1
            while name in taken:
                number += 1
                name = f"{wanted}_{number}"
            self._names[key] = name
            taken.add(name)

    def identifier(self, name: str) -> str:
        """The identifier of a dimension, given by its name in the model or by its identifier."""
        return self._names.get(name, name)

    @property
    def renamed(self) -> dict[str, str]:
        """The identifiers with a number, and the model's names of these dimensions."""
        return {own: name for name, own in self._names.items() if isinstance(name, str) and own != identifier(name)}

    def shapes(self, bind: Mapping[str, Size]) -> dict[ir.Value, Dims]:
        """Returns the shapes of the inputs; ``bind`` sets dimensions, by the model's names or by identifiers.

        A pair of sizes is the range of a dimension that stays symbolic.

        Raises UsageError if a name does not exist, or if a dimension gets two sizes.
        """
        sizes: dict[str, Size] = {}
        for name, size in bind.items():
            if sizes.setdefault(self._names.get(name, name), size) != size:
                raise UsageError(
                    f"--dim {brief(name)}: this dimension is bound twice, by its name in the model and by its "
                    "identifier, to different sizes; give one size"
                )
        used = set()
        found = {}
        for value in self.inputs:
            dims: list[Dim] = []
            for axis, dim in enumerate(value.shape or ()):
                key = _key(value, axis)
                own = None if key is None else self._names[key]
                if own is None:
                    assert isinstance(dim, int)
                    dims.append(dim)
                    continue
                used.add(own)
                bound = sizes.get(own)
                if isinstance(bound, int):
                    dims.append(bound)
                    continue
                self.symbolic += [own] if own not in self.symbolic else []
                dims.append(DimExpr.symbol(own if bound is None else Symbol(own, *bound)))
            found[value] = tuple(dims)
        if unused := [name for name in bind if self._names.get(name, name) not in used]:
            raise UsageError(
                f"--dim {brief(min(unused))}: the model has no such symbolic dimension; "
                f"its symbolic dimensions are: {self}"
            )
        return found

    def __str__(self) -> str:
        known = self.renamed
        names = [
            f"`{own}`" + (f" (`{brief(known[own])}` in the model)" if own in known else "") for own in self.symbolic
        ]
        return ", ".join(names) or "none"


def _key(value: ir.Value, axis: int) -> str | tuple[str, int] | None:
    """The model's name of a dimension; its input and axis if it has no name, and None if it has a size."""
    assert value.shape is not None
    dim = value.shape[axis]
    if isinstance(dim, int) and dim >= 0:
        return None
    given = "" if isinstance(dim, int) else str(dim.value or "")
    return (value.name or "", axis) if _ANONYMOUS.fullmatch(given) else given

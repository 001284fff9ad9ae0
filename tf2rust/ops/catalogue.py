"""Generates the page of all layers: ``python -m tf2rust.ops.catalogue > docs/layers.md``.

All contents come from the code: kinds and options from the layer classes, ONNX operators from the rules.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields
from types import ModuleType

from tf2rust.ops.contrib.call import Definition, definitions
from tf2rust.ops.core import activation
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.registry import Rule, load_ops, rules_by_op

_HEAD = """\
# Layers

The layers of generated crates by family, with their options and the ONNX patterns that produce them. `A(B(x), 2)` is
an A node that reads a B node and the number 2. Parts in brackets are optional, and `…` stands for further inputs.
tf2rust refuses nodes that no pattern matches, with the reason; `tf2rust patterns MODEL` lists the layer of every node
of a model.

`python -m tf2rust.ops.catalogue` writes this page.
"""


def page() -> str:
    """The whole page."""
    families: dict[str, list[str]] = {}
    for module in load_ops():
        if text := _section(module):
            families.setdefault(module.__name__.rpartition(".")[0], []).append(text)
    parts = [part for name, sections in sorted(families.items()) for part in (_family(name), *sections)]
    return "\n".join([_HEAD, *parts, _activations()])


def _title(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ").capitalize()


def _family(name: str) -> str:
    """The heading of a package."""
    return "\n".join([f"## {_title(name)}", "", _text(sys.modules[name]), ""])


def _section(module: ModuleType) -> str:
    """A module's heading, layers, rules and definitions; empty for a module without them."""
    layers = _layers_of(module)
    rules = _rules_of(module)
    defined = _definitions_of(module)
    if not layers and not rules and not defined:
        return ""
    lines = [f"### {_title(module.__name__)}", "", _text(module), ""]
    for layer in layers:
        lines += [f"- **{layer.__name__}**: {_text(layer)}", *_options(layer)]
    lines += [""] * bool(layers)
    lines += [f"- `{rule.name}`: {_shape(rule)}" + _remark(rule) for rule in rules]
    lines += [f"- `{op}`" + (f": {_text(make)}" if _text(make) else "") for op, make in defined]
    return "\n".join([*lines, ""])


def _layers_of(module: ModuleType) -> list[type[Layer]]:
    """The layers that a module defines, without base classes."""
    classes = [item for item in vars(module).values() if isinstance(item, type) and issubclass(item, Layer)]
    own = [item for item in classes if item.__module__ == module.__name__ and not item.__name__.startswith("_")]
    return [item for item in own if item is not Layer and ("kind" in vars(item) or not item.__subclasses__())]


def _rules_of(module: ModuleType) -> list[Rule]:
    found = {rule.name: rule for rules in rules_by_op().values() for rule in rules}
    own = [rule for rule in found.values() if rule.build.__module__ == module.__name__]
    return sorted(own, key=lambda rule: rule.name)


def _definitions_of(module: ModuleType) -> list[tuple[str, Definition]]:
    """ONNX Runtime's operators that a module defines."""
    return sorted((op, make) for op, make in definitions().items() if make.__module__ == module.__name__)


def _text(item: object) -> str:
    return " ".join((inspect.getdoc(item) or "").split())


def _options(layer: type[Layer]) -> list[str]:
    base = {f.name for f in fields(Layer)}
    names = [f.name for f in fields(layer) if f.name not in base]
    return [f"  Options: {', '.join(f'`{name}`' for name in names)}."] if names else []


def _shape(rule: Rule) -> str:
    return f"`{rule.pattern.outline()}`"


def _remark(rule: Rule) -> str:
    text = _text(rule.build)
    return f" – {text}" if text and not text.startswith("_") else ""


def _activations() -> str:
    lines = [
        "## Activation functions",
        "",
        "An activation is a layer of its own, or fused with the Dense or convolution in front of it.",
        "",
    ]
    for name, (variant, parameters, _) in activation.FUNCTIONS.items():
        given = f" ({', '.join(parameters)})" if parameters else ""
        lines.append(f"- `{name}`{given}: `Activation::{variant}`")
    return "\n".join([*lines, ""])


def main() -> None:
    """Writes the page to standard output."""
    sys.stdout.write(page())


if __name__ == "__main__":
    main()

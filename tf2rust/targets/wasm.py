"""The npm package of a generated crate: WebAssembly with and without SIMD, JavaScript glue, TypeScript types."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tf2rust.codegen.interface import Interface, Tensor
from tf2rust.codegen.render import render_templates
from tf2rust.ops.core.dtypes import shown
from tf2rust.targets.c_abi import Parameter, c_abi


def npm_package(interface: Interface) -> dict[str, str]:
    """The files of the package."""
    abi = c_abi(interface)
    inputs, outputs = abi["inputs"], abi["outputs"]
    context = {
        **abi,
        "is_wasm": True,
        "inputs_json": _ports(interface.inputs, inputs),
        "outputs_json": _ports(interface.outputs, outputs),
        "arrays": sorted({tensor.array for tensor in (*inputs, *outputs)}),
        "longest_shape": max(1, *(tensor.rank for tensor in outputs)) if outputs else 1,
    }
    templates = {
        "Cargo.toml": "targets/wasm/Cargo.toml",
        "package.json": "targets/wasm/package.json",
        "README.md": "targets/wasm/README.md",
        "rustfmt.toml": "rustfmt.toml",
        "src/lib.rs": "targets/c/src/lib.rs",
        "build.mjs": "targets/wasm/build.mjs",
        "index.js": "targets/wasm/index.js",
        "index.d.ts": "targets/wasm/index.d.ts",
        "example.html": "targets/wasm/example.html",
    }
    return render_templates(templates, context)


def _ports(tensors: Sequence[Tensor], parameters: Sequence[Parameter]) -> str:
    ports = [
        {
            "name": tensor.name,
            "field": parameter.parameter,
            "dtype": shown(tensor.dtype),
            "shape": tensor.shape,
            "array": parameter.array,
        }
        for tensor, parameter in zip(tensors, parameters, strict=True)
    ]
    return json.dumps(ports, indent=2)

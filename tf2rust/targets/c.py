"""The C library of a generated crate: a header, a static and a shared library, CMake and pkg-config files."""

from __future__ import annotations

from tf2rust.codegen.interface import Interface
from tf2rust.codegen.render import render_templates
from tf2rust.targets.c_abi import c_abi


def c_library(interface: Interface) -> dict[str, str]:
    """The files of the library."""
    context = {**c_abi(interface), "is_wasm": False}
    library = context["library"]
    templates = {
        "Cargo.toml": "targets/c/Cargo.toml",
        "CMakeLists.txt": "targets/c/CMakeLists.txt",
        "README.md": "targets/c/README.md",
        "rustfmt.toml": "rustfmt.toml",
        "src/lib.rs": "targets/c/src/lib.rs",
        f"include/{library}.h": "targets/c/include.h",
        f"{library}.pc.in": "targets/c/library.pc.in",
        "example/example.c": "targets/c/example/example.c",
    }
    return render_templates(templates, context)

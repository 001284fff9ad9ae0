"""``python wasi.py FILE.wasm [ARGUMENT…]``: runs a WebAssembly program, which sees no files."""

from __future__ import annotations

import sys

from wasmtime import Engine, ExitTrap, Linker, Module, Store, Trap, WasiConfig


def main(path: str, *arguments: str) -> int:
    """Runs the program and returns its exit code. A panic ends in a trap, whose message goes to stderr."""
    engine = Engine()
    wasi = WasiConfig()
    wasi.argv = [path, *arguments]
    wasi.inherit_env()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store = Store(engine)
    store.set_wasi(wasi)
    linker = Linker(engine)
    linker.define_wasi()
    start = linker.instantiate(store, Module.from_file(engine, path)).exports(store)["_start"]
    try:
        start(store)
    except ExitTrap as done:
        return int(done.code)
    except Trap as trap:
        print(trap, file=sys.stderr)
        return 101
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

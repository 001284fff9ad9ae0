"""Reads the sections and symbols of ELF programs of 32 bits."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_MAGIC = b"\x7fELF\x01\x01"
"""The first bytes of a little-endian file of 32 bits."""
_SYMBOLS, _WITHOUT_CONTENTS = 2, 8
"""Types of sections: a table of symbols, and one that takes no room in the file."""
_EXECUTABLE, _ALLOCATED, _WRITABLE = 4, 2, 1
_KIND, _FUNCTION = 0xF, 2
"""The bits of a symbol that hold its kind, and the kind of functions."""


@dataclass(frozen=True)
class Section:
    """A section; ``is_loaded`` says that the program has it in its memory when it runs."""

    name: str
    size: int
    is_loaded: bool
    is_writable: bool
    is_executable: bool
    has_contents: bool


@dataclass(frozen=True)
class Symbol:
    """A function or a variable, by its mangled name."""

    name: str
    address: int
    size: int
    is_function: bool


@dataclass(frozen=True)
class Program:
    """The sections and symbols of a program."""

    sections: list[Section]
    symbols: list[Symbol]


def read_program(data: bytes) -> Program:
    """Reads an ELF program. Raises ValueError if it is damaged, of 64 bits, or big-endian."""
    if not data.startswith(_MAGIC):
        raise ValueError("not a little-endian ELF program of 32 bits")
    try:
        start, entry_size, count, names = *struct.unpack_from("<I", data, 32), *struct.unpack_from("<3H", data, 46)
        headers = [struct.unpack_from("<10I", data, start + i * entry_size) for i in range(count)]
        texts = _text(data, headers[names])
        sections, symbols = [], []
        for name, kind, flags, _, offset, size, link, *_ in headers:
            loaded, writable, executable = (bool(flags & flag) for flag in (_ALLOCATED, _WRITABLE, _EXECUTABLE))
            found = _name(texts, name)
            sections.append(Section(found, size, loaded, writable, executable, kind != _WITHOUT_CONTENTS))
            if kind == _SYMBOLS:
                strings = _text(data, headers[link])
                for at in range(offset, offset + size, 16):
                    symbol, address, length, info = struct.unpack_from("<3IB", data, at)
                    symbols.append(Symbol(_name(strings, symbol), address, length, info & _KIND == _FUNCTION))
    except (struct.error, IndexError) as error:
        raise ValueError("the ELF program is truncated") from error
    return Program(sections, symbols)


_SKIPPED = re.compile(r"[BGL][0-9A-Za-z]*_|s[0-9A-Za-z]*_|K(?:p|[a-z]n?[0-9a-f]*_)")
"""Parts of a mangled name that contain digits but no names: back references, lifetimes, hashes and constants."""
_LENGTH = re.compile(r"\d+")


def names_in(symbol: str) -> list[str]:
    """The names in a symbol of Rust in their order, such as crate, module, type and function; empty for others.

    This is not a demangler: it finds the names of RFC 2603 ("v0") by their lengths, and ignores how they are nested.
    """
    if not symbol.startswith("_R"):
        return []
    found, at = [], 2
    while at < len(symbol):
        if skipped := _SKIPPED.match(symbol, at):
            at = skipped.end()
        elif length := _LENGTH.match(symbol, at):
            start = length.end() + symbol.startswith("_", length.end())
            at = start + int(length[0])
            found.append(symbol[start:at])
        else:
            at += 1
    return [name for name in found if name]


def _text(data: bytes, header: tuple[int, ...]) -> bytes:
    return data[header[4] : header[4] + header[5]]


def _name(texts: bytes, start: int) -> str:
    return texts[start:].partition(b"\0")[0].decode("utf-8", "replace")

"""Any text as text that the renderer can show, and that fits."""

from __future__ import annotations

# More letters than any line has room for, at either end of a text.
_MAX_END = 500


def html(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """``text`` made printable, shortened to ``width`` points and escaped for an HTML-like label."""
    short = fitted(printable(text), width / (1.1 if bold else 1), size) or " "
    # A lone backslash would start one of Graphviz' own escapes, such as \N for the name of the node.
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\\", "&#92;&#92;")):
        short = short.replace(plain, escaped)
    return short


def printable(text: str) -> str:
    """``text`` in the letters that the renderer's fonts have; others are written as ``\\u4e2d``."""
    return "".join(_character(char) for char in " ".join(_capped(text).split()))


def _capped(text: str) -> str:
    """``text`` with a long middle cut out, before work is done on each letter: a name may be megabytes long."""
    return text if len(text) <= 2 * _MAX_END else f"{text[:_MAX_END]}…{text[-_MAX_END:]}"


def _character(char: str) -> str:
    code = ord(char)
    # ASCII; Latin, Greek and Cyrillic without soft hyphen and combining marks; our own typographic signs.
    if 0x20 <= code < 0x7F or (0xA0 < code < 0x530 and code != 0xAD and not 0x250 <= code < 0x370) or char in "…→“”":
        return char
    return f"\\u{code:04x}"


def fitted(text: str, width: float, size: float) -> str:
    """``text`` without as much of its middle as it takes to fit: beginnings and ends of names tell layers apart."""
    if _width(text, size) <= width:
        return text
    kept = min(len(text), int(width / (_NARROWEST_EM * size)))
    while kept > 2:
        short = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if _width(short, size) <= width:
            return short
        kept -= 1
    return "…"


def _width(text: str, size: float) -> float:
    """An upper estimate of the width of ``text`` in points: Arial's letters, rounded up to a few classes."""
    return size * sum(_EMS.get(char, 0.6 if char < "\x7f" else 1.0) for char in text)


_NARROWEST_EM = 0.29
_EMS = dict.fromkeys("ijl.,:;'|!It[]/ f", _NARROWEST_EM)
_EMS |= dict.fromkeys('r-()`"*', 0.4) | dict.fromkeys("mMW@%", 0.95) | dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZw&", 0.78)

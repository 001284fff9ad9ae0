"""Shortens text and replaces characters that the renderer cannot show."""

from __future__ import annotations

# More characters than fit on any line, at either end of a text.
_MAX_END = 500


def html(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """``text`` made printable, shortened to ``width`` points and escaped for an HTML-like label."""
    short = fitted(printable(text), width / (1.1 if bold else 1), size) or " "
    # A lone backslash would start a Graphviz escape, such as \N for the name of the node.
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\\", "&#92;&#92;")):
        short = short.replace(plain, escaped)
    return short


def printable(text: str) -> str:
    """``text`` in characters that the renderer's fonts contain; others become escapes such as ``\u4e2d``."""
    return "".join(_character(char) for char in " ".join(_capped(text).split()))


def _capped(text: str) -> str:
    """``text`` without the middle if it is very long: names can have megabytes."""
    return text if len(text) <= 2 * _MAX_END else f"{text[:_MAX_END]}…{text[-_MAX_END:]}"


def _character(char: str) -> str:
    code = ord(char)
    # ASCII; Latin, Greek and Cyrillic without soft hyphen and combining marks; typographic signs used here.
    if 0x20 <= code < 0x7F or (0xA0 < code < 0x530 and code != 0xAD and not 0x250 <= code < 0x370) or char in "…→“”":
        return char
    return f"\\u{code:04x}"


def fitted(text: str, width: float, size: float) -> str:
    """Removes as much of the middle of ``text`` as needed: beginnings and ends of names distinguish layers."""
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
    """An upper bound of the width of ``text`` in points, from rounded-up widths of Arial."""
    return size * sum(_EMS.get(char, 0.6 if char < "\x7f" else 1.0) for char in text)


_NARROWEST_EM = 0.29
_EMS = dict.fromkeys("ijl.,:;'|!It[]/ f", _NARROWEST_EM)
_EMS |= dict.fromkeys('r-()`"*', 0.4) | dict.fromkeys("mMW@%", 0.95) | dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZw&", 0.78)

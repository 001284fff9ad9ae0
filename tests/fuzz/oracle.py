"""Decides whether the result of a case is a finding."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.limits import OutOfTimeError
from tf2rust.errors import ConversionError, InternalError, UsageError

LONGEST_SENTENCE = 2000
"""The maximum length of a sentence in characters; the names that it quotes come from the file."""
MOST_SENTENCES = 2000

# What Python or NumPy say of their own objects is no reason that a user can act on.
_INTERNAL = re.compile(
    r"Traceback|(list|tuple|string|deque) (index|assignment)|has no attribute|NoneType|not subscriptable|unhashable"
    r"|values to unpack|takes \d+ positional|missing \d+ required|unexpected keyword"
    r"|object is not (callable|iterable)|dictionary changed"
    r"|0x[0-9a-f]{8,}|\.py\b.*\bline \d+|recursion depth"
)
# … unless it stands in brackets behind the name of the exception, as a hint for whoever reads a report.
_QUOTED_ERROR = re.compile(r"\(\w+(Error|Exception|Warning)?: .*\)")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_SHOWN_FRAMES = 6
ISOLATED = ("crash", "hang")
REFUSED = "refused"
CONVERTED = "converted"


@dataclass(frozen=True)
class Finding:
    """A case whose result is not allowed.

    ``kind`` is ``exception``, ``sentence``, ``time``, ``memory``, ``crash`` or ``hang``. A crash or a hang is native
    code that died by a signal or did not return; the command survives both, because it runs models in a child process
    with a time limit. ``where`` is the same for all cases with the same cause; ``detail`` is for the reader.
    """

    kind: str
    stage: str
    where: str
    detail: str

    @property
    def key(self) -> str:
        return f"{self.kind} {self.stage} {self.where}"


def judge(work: Callable[[Callable[[str], None]], None], report: Callable[[str], None]) -> str | Finding:
    """Runs ``work``, which reports each stage that it enters. Returns ``CONVERTED``, ``REFUSED`` or a finding."""
    stage = ""

    def enter(name: str) -> None:
        nonlocal stage
        stage = name
        report(name)

    try:
        work(enter)
    except InternalError as error:
        cause = error.__cause__ or error
        return Finding("exception", stage, f"{type(cause).__name__} {_place(cause)}", _text(cause))
    except ConversionError as error:
        return _judged(error.reasons, stage) or REFUSED
    except UsageError as error:
        return _judged((str(error),), stage) or REFUSED
    except OutOfTimeError as error:
        return Finding("time", stage, _place(error), _text(error))
    except MemoryError as error:
        return Finding("memory", stage, _place(error), _text(error))
    except BaseException as error:
        return Finding("exception", stage, f"{type(error).__name__} {_place(error)}", _text(error))
    return CONVERTED


def _judged(sentences: tuple[str, ...], stage: str) -> Finding | None:
    if not sentences or len(sentences) > MOST_SENTENCES:
        return Finding("sentence", stage, "count", f"{len(sentences)} sentences")
    for sentence in sentences:
        for wrong, why in (
            (not sentence.strip(), "empty"),
            (len(sentence) > LONGEST_SENTENCE, "long"),
            (CONTROL.search(sentence), "control characters"),
        ):
            if wrong:
                return Finding("sentence", stage, f"{why}: {_masked(sentence)}", sentence[:500])
        if found := _INTERNAL.search(_QUOTED_ERROR.sub("", sentence)):
            return Finding("sentence", stage, f"internal: {found.group()[:40]} {_masked(sentence)}", sentence[:500])
    return None


def _masked(sentence: str) -> str:
    """The first words of a sentence, without quoted names, to tell kinds of sentences apart."""
    plain = re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"|\([^)]*\)|\[[^\]]*\]|\S*[^a-zA-Z\s.,:;]\S*", "", sentence[:600])
    return " ".join(plain.split()[:6])


def _text(error: BaseException) -> str:
    """The error and its last frames, without those of the fuzzer."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}fuzz{os.sep}" not in f.filename]
    lines = [f"{_module(f.filename)}:{f.lineno} {f.name}: {f.line}" for f in frames[-_SHOWN_FRAMES:]]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])[-4000:]


def _place(error: BaseException) -> str:
    """The deepest function of tf2rust, and of any package, in the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    names = [f"{_module(frame.filename)}:{frame.name}" for frame in frames]
    own = next((n for n, f in zip(reversed(names), reversed(frames), strict=True) if "tf2rust" in f.filename), "")
    return own if not names or own == names[-1] else f"{own} > {names[-1]}"


def _module(path: str) -> str:
    return "/".join(path.split(os.sep)[-2:]).removesuffix(".py")

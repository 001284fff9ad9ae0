"""Mutations of any protocol-buffer message, by its descriptor."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message

from tests.fuzz.raw import mutate_bytes
from tests.fuzz.values import floating, integer, text

_RANGES = {
    Field.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    Field.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    Field.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    Field.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
_FLOATS = (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE)


def mutate_message(rng: Random, root: Message, donor: Message) -> None:
    """Changes one field in ``root``. Whole messages may be copied from another place in it or from ``donor``."""
    message = rng.choice(list(messages(root)))
    present = [field for field, _ in message.ListFields()]
    field = rng.choice(present if present and rng.random() < 0.8 else list(message.DESCRIPTOR.fields))
    if is_map(field):
        _mutate_map(rng, message, field, root)
    elif _repeated(field):
        _mutate_repeated(rng, getattr(message, field.name), field, root, donor)
    elif rng.random() < 0.15:
        message.ClearField(field.name)
    elif field.cpp_type == Field.CPPTYPE_MESSAGE:
        _replace(rng, getattr(message, field.name), field, root, donor)
    else:
        setattr(message, field.name, _scalar(rng, field, getattr(message, field.name), root))


def messages(root: Message) -> Iterator[Message]:
    """``root`` and all messages inside it."""
    yield root
    for field, value in root.ListFields():
        if field.cpp_type != Field.CPPTYPE_MESSAGE or (is_map(field) and not _holds_messages(field)):
            continue
        for inner in (value.values() if is_map(field) else value) if _repeated(field) else (value,):
            yield from messages(inner)


def texts(root: Message) -> list[str]:
    """All non-empty texts in a message."""
    found = []
    for message in messages(root):
        for field, value in message.ListFields():
            if field.cpp_type == Field.CPPTYPE_STRING and field.type == Field.TYPE_STRING:
                found += list(value) if _repeated(field) else [value]
    return [t for t in found if t]


def is_map(field: Any) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _holds_messages(field: Any) -> bool:
    return bool(field.message_type.fields_by_name["value"].cpp_type == Field.CPPTYPE_MESSAGE)


def _repeated(field: Any) -> bool:
    return bool(field.is_repeated) if hasattr(field, "is_repeated") else field.label == Field.LABEL_REPEATED


def _mutate_map(rng: Random, message: Message, field: Any, root: Message) -> None:
    entries = getattr(message, field.name)
    if not entries:
        return
    key = rng.choice(sorted(entries))
    if rng.random() < 0.4:
        del entries[key]
    elif _holds_messages(field) and isinstance(key, str):
        entries[text(rng, texts(root))].CopyFrom(entries[rng.choice(sorted(entries))])


def _mutate_repeated(rng: Random, items: Any, field: Any, root: Message, donor: Message) -> None:
    choice = rng.randrange(6)
    at = rng.randrange(len(items)) if items else 0
    whole = field.cpp_type == Field.CPPTYPE_MESSAGE
    if choice == 0 and items:
        del items[at]
    elif choice == 1 and items and whole:
        items.add().CopyFrom(items[at])
    elif choice == 2 and len(items) > 1:
        kept = list(items) if not whole else [_copied(item) for item in items]
        rng.shuffle(kept)
        del items[:]
        items.extend(kept)
    elif choice == 3 and whole:
        _replace(rng, items.add(), field, root, donor)
    elif choice == 3:
        items.append(_scalar(rng, field, items[at] if items else None, root))
    elif items and whole:
        _replace(rng, items[at], field, root, donor)
    elif items:
        items[at] = _scalar(rng, field, items[at], root)


def _copied(message: Message) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _replace(rng: Random, target: Message, field: Any, root: Message, donor: Message) -> None:
    wanted = field.message_type.full_name
    found = [m for source in (root, donor) for m in messages(source) if m.DESCRIPTOR.full_name == wanted]
    if found:
        # A message must not be copied into one that it holds.
        target.CopyFrom(_copied(rng.choice(found)))


def _scalar(rng: Random, field: Any, near: Any, root: Message) -> Any:
    if field.cpp_type == Field.CPPTYPE_ENUM:
        known = [value.number for value in field.enum_type.values]
        return rng.choice(known)
    if field.cpp_type == Field.CPPTYPE_BOOL:
        return not near
    if field.cpp_type in _FLOATS:
        return floating(rng, near or 0.0)
    if field.cpp_type in _RANGES:
        return integer(rng, *_RANGES[field.cpp_type], near or 0)
    if field.type == Field.TYPE_BYTES:
        return mutate_bytes(rng, near or b"")
    return text(rng, texts(root))

"""What an HDF5 file may hold: groups and arrays, all of them in the file itself.

HDF5 can also point at other files: by links to objects in them, by arrays whose numbers lie in them, and by arrays that
are put together from arrays in them.
"""

from __future__ import annotations

from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.runtime import library

# What gzip can make of a byte, and what an array may claim beside: an array that was never written has no bytes at all.
_MAX_EXPANSION = 1032
_MAX_UNWRITTEN_BYTES = 16 << 20


def check_hdf5(file: Any, shown: str) -> None:
    """Raise ``ConversionError`` unless everything in an open ``h5py.File`` lies in it and has a plausible size.

    ``shown`` is what reasons call the file.
    """
    h5py = library("h5py")
    waiting, seen = [(file.id, "")], set()
    while waiting:
        group, path = waiting.pop()
        for name in group:
            where = f"{path}/{name.decode('utf-8', 'replace')}"
            if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise ConversionError(
                    f"{shown} holds a link, {where!r}, to another place or file where an array belongs; "
                    "save the model again with everything in one file."
                )
            child = h5py.h5o.open(group, name)
            if isinstance(child, h5py.h5d.DatasetID):
                _check_array(child, f"{shown} holds the array {where!r}, which")
            elif isinstance(child, h5py.h5g.GroupID):
                address = h5py.h5o.get_info(child).addr
                if address not in seen:
                    seen.add(address)
                    waiting.append((child, where))


def _check_array(array: Any, subject: str) -> None:
    h5d = library("h5py").h5d
    properties = array.get_create_plist()
    if properties.get_external_count() or properties.get_layout() == h5d.VIRTUAL:
        raise ConversionError(
            f"{subject} keeps its numbers in another file; save the model again with everything in one file."
        )
    claimed = array.get_type().get_size()
    for size in array.shape:
        claimed *= size
    stored = array.get_storage_size()
    if claimed > _MAX_UNWRITTEN_BYTES + _MAX_EXPANSION * stored:
        raise ConversionError(
            f"{subject} claims {claimed} bytes and stores {stored}, which no compression can do; "
            "the file is damaged or hostile."
        )

"""Checks that an HDF5 file contains all its groups and arrays itself.

HDF5 files can also refer to other files: by links to objects in them, by arrays with external storage, and by virtual
arrays.
"""

from __future__ import annotations

from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.runtime import library

# The maximum ratio of gzip, and the size that an array can claim in addition: an array that was never written has no
# bytes.
_MAX_EXPANSION = 1032
_MAX_UNWRITTEN_BYTES = 16 << 20


def check_hdf5(file: Any, shown: str) -> None:
    """Raises ``ConversionError`` unless an open ``h5py.File`` contains everything itself, with plausible sizes.

    ``shown`` is the name of the file in messages.
    """
    h5py = library("h5py")
    waiting, seen = [(file.id, "")], set()
    while waiting:
        group, path = waiting.pop()
        for name in group:
            where = f"{path}/{name.decode('utf-8', 'replace')}"
            if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise ConversionError(
                    f"{shown} has a link {where!r} to another location or file instead of an array; save the model "
                    "again with everything in one file."
                )
            child = h5py.h5o.open(group, name)
            if isinstance(child, h5py.h5d.DatasetID):
                _check_array(child, f"{shown} has the array {where!r}, which")
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
            f"{subject} stores its data in another file; save the model again with everything in one file."
        )
    claimed = array.get_type().get_size()
    for size in array.shape:
        claimed *= size
    stored = array.get_storage_size()
    if claimed > _MAX_UNWRITTEN_BYTES + _MAX_EXPANSION * stored:
        raise ConversionError(
            f"{subject} claims {claimed} bytes but stores {stored}, which no compression achieves; the file is "
            "damaged or malicious: save the model again."
        )

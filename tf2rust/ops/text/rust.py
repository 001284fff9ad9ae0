"""The Rust of layers that work with strings."""

from __future__ import annotations

from tf2rust.ops.core.emit import DimValues, LayerField, Site, Weights, data_dependent_dims, layer_call, layer_field
from tf2rust.ops.elementwise.comparison import EqualStrings
from tf2rust.ops.text.borders import ReadStrings, StringConstant, WriteStrings
from tf2rust.ops.text.lookup import NumberLookup, StringLookup, StringsAt
from tf2rust.ops.text.operators import StringConcat, StringNormalizer, StringSplit
from tf2rust.ops.text.tensorflow import (
    AsString,
    ChangeCase,
    Fingerprint,
    HashBucket,
    HashedCross,
    RaggedBincount,
    RaggedSplit,
    RaggedToDense,
    ReplaceCharacters,
    StringNGrams,
    characters_as_bits,
)
from tf2rust.ops.text.tf_idf import TfIdf
from tf2rust.rust.literals import rust_number, rust_type
from tf2rust.rust.tree import Expr, Item, Prefix, Token, array, ref, some, string, struct

_TEXT = "tf_layers::text"
_ARENA = Token("workspace").field("strings")
"""The strings of the run."""


def _table(weights: Weights, role: str) -> Expr:
    parts = {part: weights.get(f"{role}_{part}") for part in ("bytes", "ends")}
    return struct(Item(f"{_TEXT}::StringTable"), **parts)


def _read(function: str, site: Site) -> Expr:
    """A call of the function that reads strings."""
    return Item(f"{_TEXT}::{function}")(ref(_ARENA), *site.inputs, *site.outputs)


def _add(function: str, site: Site) -> Expr:
    """A call of the function that adds strings."""
    return Item(f"{_TEXT}::{function}")(Prefix("&mut ", _ARENA), *site.inputs, *site.outputs)


@layer_call.register
def _(layer: ReadStrings, site: Site) -> Expr:
    return _add("read_strings", site)


@layer_call.register
def _(layer: WriteStrings, site: Site) -> Expr:
    return _read("write_strings", site)


@layer_field.register
def _(layer: StringConstant, weights: Weights) -> LayerField:
    return LayerField(Item(f"{_TEXT}::StringTable").generic("'w"), _table(weights, "strings"))


@layer_call.register
def _(layer: StringConstant, site: Site) -> Expr:
    return site.field.method("write", Prefix("&mut ", _ARENA), *site.outputs)


@layer_field.register
def _(layer: StringLookup, weights: Weights) -> LayerField:
    lookup, dtype = Item(f"{_TEXT}::StringLookup"), layer.y.dtype
    default = rust_number(layer.default, dtype)
    value = struct(lookup, keys=_table(weights, "keys"), values=weights.get("values"), default=default)
    return LayerField(lookup.generic(f"'w, {rust_type(dtype)}"), value)


@layer_call.register
def _(layer: StringLookup, site: Site) -> Expr:
    return site.field.method("run", ref(_ARENA), *site.inputs, *site.outputs)


@layer_field.register
def _(layer: NumberLookup, weights: Weights) -> LayerField:
    lookup, dtype = Item(f"{_TEXT}::NumberLookup"), layer.y.dtype
    default = rust_number(layer.default, dtype)
    value = struct(lookup, keys=weights.get("keys"), values=weights.get("values"), default=default)
    return LayerField(lookup.generic(f"'w, {rust_type(layer.x.dtype)}, {rust_type(dtype)}"), value)


@layer_field.register
def _(layer: StringsAt, weights: Weights) -> LayerField:
    return LayerField(Item(f"{_TEXT}::StringTable").generic("'w"), _table(weights, "strings"))


@layer_call.register
def _(layer: StringsAt, site: Site) -> Expr:
    arguments = (Prefix("&mut ", _ARENA), string(layer.x.name), *site.inputs, *site.outputs)
    return site.field.method("gather", *arguments)


@layer_call.register
def _(layer: EqualStrings, site: Site) -> Expr:
    return _read("equal_strings", site)


@layer_call.register
def _(layer: StringConcat, site: Site) -> Expr:
    return _add("concat_strings", site)


@layer_field.register
def _(layer: StringNormalizer, weights: Weights) -> LayerField:
    normalizer = Item(f"{_TEXT}::StringNormalizer")
    value = struct(
        normalizer,
        stop_words=_table(weights, "stop_words"),
        is_case_sensitive=str(layer.is_case_sensitive).lower(),
        case=Item(f"{_TEXT}::LetterCase").of(layer.letter_case),
    )
    return LayerField(normalizer.generic("'w"), value)


@data_dependent_dims.register
def _(layer: StringNormalizer, site: Site) -> DimValues:
    if not layer.stop_words:
        return {}
    return {str(layer.y.shape[-1]): site.field.method("count", ref(_ARENA), *site.inputs).tried()}


@layer_call.register
def _(layer: StringNormalizer, site: Site) -> Expr:
    return site.field.method("run", Prefix("&mut ", _ARENA), *site.inputs, *site.outputs)


@layer_field.register
def _(layer: StringSplit, weights: Weights) -> LayerField:
    return _split(layer.delimiter, layer.max_splits, "Whitespace")


def _split(delimiter: str | None, max_splits: int | None, whitespace: str) -> LayerField:
    """A split at a delimiter, at white space if it is empty, or between all characters if it is None."""
    split, separator = Item(f"{_TEXT}::StringSplit"), Item(f"{_TEXT}::Separator")
    if delimiter:
        at: Expr = separator.of("Delimiter")(string(delimiter))
    else:
        at = separator.of("Nothing" if delimiter is None else whitespace)
    return LayerField(split, struct(split, at=at, max_splits="usize::MAX" if max_splits is None else max_splits))


@data_dependent_dims.register
def _(layer: StringSplit, site: Site) -> DimValues:
    return {str(layer.y.shape[-1]): site.field.method("width", ref(_ARENA), *site.inputs).tried()}


@layer_call.register
def _(layer: StringSplit, site: Site) -> Expr:
    return site.field.method("run", ref(_ARENA), *site.inputs, *site.outputs)


@layer_call.register
def _(layer: ChangeCase, site: Site) -> Expr:
    case = Item(f"{_TEXT}::LetterCase").of(layer.letter_case)
    return case.method("run", Prefix("&mut ", _ARENA), *site.inputs, *site.outputs)


@layer_field.register
def _(layer: ReplaceCharacters, weights: Weights) -> LayerField:
    replace, bits = Item(f"{_TEXT}::ReplaceCharacters"), characters_as_bits(layer.characters)
    value = struct(replace, set=f"0x{bits:x}", runs=str(layer.runs).lower(), by=string(layer.by))
    return LayerField(replace, value)


@layer_call.register
def _(layer: ReplaceCharacters, site: Site) -> Expr:
    return site.field.method("run", Prefix("&mut ", _ARENA), *site.inputs, *site.outputs)


@layer_field.register
def _(layer: HashBucket, weights: Weights) -> LayerField:
    bucket = Item(f"{_TEXT}::HashBucket")
    key = some(array([str(part) for part in layer.key]) if layer.key else None)
    return LayerField(bucket, struct(bucket, buckets=layer.buckets, key=key))


@layer_call.register
def _(layer: HashBucket, site: Site) -> Expr:
    return site.field.method("run", ref(_ARENA), *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Fingerprint, site: Site) -> Expr:
    return Item(f"{_TEXT}::fingerprints")(ref(_ARENA), *site.inputs, *site.outputs)


@layer_field.register
def _(layer: HashedCross, weights: Weights) -> LayerField:
    cross = Item(f"{_TEXT}::HashedCross")
    return LayerField(cross, struct(cross, key=layer.key, buckets=layer.buckets))


@layer_call.register
def _(layer: HashedCross, site: Site) -> Expr:
    return site.field.method("run", ref(array(site.inputs)), *site.outputs)


@layer_call.register
def _(layer: AsString, site: Site) -> Expr:
    return _add("format_integers", site)


@layer_field.register
def _(layer: RaggedSplit, weights: Weights) -> LayerField:
    return _split(layer.delimiter, layer.max_splits, "AsciiWhitespace")


@data_dependent_dims.register
def _(layer: RaggedSplit, site: Site) -> DimValues:
    return {str(layer.y.shape[0]): site.field.method("total", ref(_ARENA), *site.inputs).tried()}


@layer_call.register
def _(layer: RaggedSplit, site: Site) -> Expr:
    return site.field.method("run_ragged", ref(_ARENA), *site.inputs, *site.outputs)


@layer_field.register
def _(layer: StringNGrams, weights: Weights) -> LayerField:
    ngrams = Item(f"{_TEXT}::StringNGrams")
    widths = ref(array([str(width) for width in layer.widths]))
    return LayerField(ngrams, struct(ngrams, widths=widths, separator=string(layer.separator)))


@data_dependent_dims.register
def _(layer: StringNGrams, site: Site) -> DimValues:
    return {str(layer.y.shape[0]): site.field.method("total", site.inputs[0]).tried()}


@layer_call.register
def _(layer: StringNGrams, site: Site) -> Expr:
    return site.field.method("run", Prefix("&mut ", _ARENA), *site.inputs, *site.outputs)


@data_dependent_dims.register
def _(layer: RaggedToDense, site: Site) -> DimValues:
    width = layer.y.shape[1]
    return {} if isinstance(width, int) else {str(width): Item(f"{_TEXT}::ragged_width")(site.inputs[0]).tried()}


@layer_call.register
def _(layer: RaggedToDense, site: Site) -> Expr:
    return Item(f"{_TEXT}::ragged_to_dense")(*site.inputs, *site.outputs)


@layer_field.register
def _(layer: RaggedBincount, weights: Weights) -> LayerField:
    bincount = Item(f"{_TEXT}::RaggedBincount")
    return LayerField(bincount, struct(bincount, is_binary=str(layer.is_binary).lower()))


@layer_call.register
def _(layer: RaggedBincount, site: Site) -> Expr:
    return site.field.method("run", *site.inputs, *site.outputs)


@layer_field.register
def _(layer: TfIdf, weights: Weights) -> LayerField:
    ngrams, tf_idf = Item(f"{_TEXT}::NGrams"), Item(f"{_TEXT}::TfIdf")
    parts = [
        struct(ngrams, len=length, symbols=weights.get(f"symbols_{length}"), columns=weights.get(f"columns_{length}"))
        for length in layer.lengths
    ]
    value = struct(
        tf_idf,
        ngrams=array(parts),
        max_skips=layer.max_skips,
        weights=weights.optional("factors"),
        is_binary=str(layer.is_binary).lower(),
    )
    return LayerField(tf_idf.generic(f"'w, {len(parts)}"), value)

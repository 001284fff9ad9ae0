"""Renders the crate's text files from templates."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from tf2rust import __version__
from tf2rust.classifier.scoring import Scoring
from tf2rust.codegen.agreement import limits
from tf2rust.codegen.architecture import architecture
from tf2rust.codegen.control_flow import ModelField
from tf2rust.codegen.model import Model
from tf2rust.codegen.names import crate_name, pascal_case, snake_case
from tf2rust.codegen.ports import ports, typed_inputs
from tf2rust.codegen.profile import profile_code
from tf2rust.codegen.row import Row
from tf2rust.codegen.states import new_state, state_sizes, swap
from tf2rust.codegen.variables import Port
from tf2rust.codegen.vendor import package_name, resource, tf_layers_version
from tf2rust.ops.core.dims import DimExpr, format_shape
from tf2rust.ops.core.dtypes import TEXT, is_float, shown
from tf2rust.ops.core.layer import Dims, LayerGraph
from tf2rust.proof.proof import Proof, features_key
from tf2rust.rust import printer
from tf2rust.rust.literals import RUST_TYPES, own_type, rust_comment, rust_list, rust_str
from tf2rust.rust.tree import (
    Expr,
    ExprStmt,
    Item,
    Stmt,
    Struct,
    Token,
    Tuple,
    array,
    expr,
    items_in,
    let,
    ref,
    string,
    struct,
)

_TEMPLATES = (
    "Cargo.toml",
    "README.md",
    "build.rs",
    ".cargo/config.toml",
    ".gitignore",
    "rustfmt.toml",
    "src/lib.rs",
    "src/model.rs",
    "src/ports.rs",
    "src/weights.rs",
    "tests/predictions.rs",
    "benches/benchmarks.rs",
    "benches/harness/mod.rs",
    "examples/predict.rs",
)

_EXAMPLE, _STEPS_EXAMPLE = "examples/predict.rs", "examples/steps.rs"
"""The example, and its template for a model with states."""
_PART_TEMPLATES = ("Cargo.toml", "build.rs", "src/lib.rs")
_SHORT_BATCH = 12
_GROUP = 32
"""The maximum number of fields initialised in one function; compile time grows faster than quadratically."""
_MOST_EMBEDDED = 3 << 29
"""The maximum bytes of weights that a crate embeds; linkers place code and constants within 2 GB of each other."""
_PART_BYTES = 24 << 20
"""The maximum bytes of weights embedded by one crate; the compiler needs 5 to 12 times as much memory."""


@dataclass(frozen=True)
class CrateOptions:
    """The name and the source of the crate.

    ``tf_layers`` is a path dependency, instead of a copy of tf-layers in the crate. ``license`` is the SPDX expression
    of the licence; without one, the crate cannot be published.
    """

    model_name: str
    source_name: str
    source_sha256: str
    tf_layers: Path | None = None
    license: str | None = None


@dataclass(frozen=True)
class WeightsPart:
    """A separate crate for some of the weights: its name, its folder in the crate, and its tf-layers dependency."""

    crate: str
    folder: str
    entries: range
    tf_layers: str

    @property
    def module(self) -> str:
        return self.crate.replace("-", "_")


@dataclass(frozen=True)
class FieldGroup:
    """Fields of the model that one function initialises, and whether that reads weights."""

    fields: tuple[ModelField, ...]
    needs_blob: bool

    @property
    def names(self) -> Expr:
        """The pattern of the variables that hold them."""
        return Tuple(tuple(Token(item.name) for item in self.fields))


@cache
def environment() -> jinja2.Environment:
    """The templates, with filters that print Rust."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Rust is not HTML; names pass through rust_str, rust_comment or snake_case.
    )
    environment.filters["rust"] = _inline
    environment.filters["layout"] = lambda value, indent, before="", after="": _joined(
        printer.layout(expr(value), indent, before, after), indent
    )
    environment.filters["const"] = lambda value, pattern, indent: _joined(
        printer.bound("const", Token(pattern), expr(value), indent), indent
    )
    environment.filters["let"] = lambda pattern, value: [let(pattern, expr(value))]
    environment.filters["total"] = printer.total
    environment.filters["constant"] = printer.constant
    environment.filters["imports"] = lambda names, before="": "\n".join(
        before + line for line in _import_lines({f"tf_layers::{name}" for name in names if name})
    )
    environment.filters["use"] = lambda names, path: printer.use(path, [name for name in names if name])
    environment.filters["is_float"] = is_float
    environment.filters["snake"] = snake_case
    environment.filters["shown"] = shown
    environment.filters["listed"] = format_shape
    environment.filters["cell"] = lambda text: rust_comment(text).replace("|", r"\|")
    environment.filters["documented"] = lambda text: _each_line(text, lambda line: f"//! {line}".rstrip())
    environment.filters["visible"] = lambda text: _each_line(text, lambda line: line, hidden="# ")
    return environment


def render_templates(templates: Mapping[str, str], context: Mapping[str, object]) -> dict[str, str]:
    """The text of every file in ``templates``, which maps paths to names of templates without their suffix."""
    return {path: environment().get_template(f"{name}.j2").render(context) for path, name in templates.items()}


def _inline(stmts: Sequence[Stmt], indent: int) -> str:
    """Statements for a template position at ``indent``."""
    return "\n".join(printer.lines(stmts, indent))[indent:]


def _each_line(text: str, change: Callable[[str], str], hidden: str | None = None) -> str:
    """The changed lines of ``text``, without those that begin with ``hidden``, as in an example of rustdoc."""
    kept = [line for line in text.splitlines() if hidden is None or not line.startswith(hidden)]
    return "".join(f"{change(line)}\n" for line in kept)


def _joined(lines: Sequence[str], indent: int) -> str:
    return f"\n{' ' * indent}".join(lines)


def render_crate(
    model: Model,
    graph: LayerGraph,
    proof: Proof,
    scoring: Scoring,
    options: CrateOptions,
    only: Sequence[str] = (),
) -> dict[str, str]:
    """Renders the crate's text files, by path; ``only`` limits them to some."""
    context = _context(model, graph, proof, scoring, options)
    left_out = {_EXAMPLE, *([] if context["embeds"] or context["binary"] else ["build.rs"])}
    names = [name for name in _TEMPLATES if name not in left_out]
    names += [_STEPS_EXAMPLE if model.states else _EXAMPLE]
    names += ["src/blob.rs"] if context["embeds"] else []
    names += ["src/prediction.rs"] if context["predicts_from"] else []
    names += ["src/thresholds.rs"] if context["binary"] else []
    names += ["src/labels.rs"] if scoring.labels else []
    names += ["src/parallel.rs"] if model.chunks else []
    names += ["src/profile.rs"] if model.timed else []
    texts = render_templates({name: name for name in names if not only or name in only}, context)
    if _STEPS_EXAMPLE in texts:
        texts[_EXAMPLE] = texts.pop(_STEPS_EXAMPLE)
    for part in () if only else context["parts"]:
        templates = {f"{part.folder}/{name}": f"weights/{name}" for name in _PART_TEMPLATES}
        texts |= render_templates(templates, {**context, "part": part})
    return texts


def struct_name(model_name: str) -> str:
    """The name of the struct of a model: ``mnist-v2`` becomes ``MnistV2Model``."""
    return f"{pascal_case(model_name, 'M')}Model"


def _context(model: Model, graph: LayerGraph, proof: Proof, scoring: Scoring, options: CrateOptions) -> dict[str, Any]:
    crate = crate_name(options.model_name)
    digest = architecture_hash(model, graph)
    embeds = embeds_weights(model)
    parts = _parts(model, crate, options.tf_layers) if embeds else []
    struct = struct_name(options.model_name)
    used, groups = model.used, _groups(model.fields)
    whole = set(model.variables) if model.chunks else used
    fields = [*(f"b{i}" for i in range(len(model.buffers))), *(["strings"] if model.has_text else []), "scratch"]
    terms = [f"self.{name}.capacity_bytes()" for name in fields]
    row = Row.of(model)
    batch = "" if model.chunks is None else model.chunks.batch
    # The line that begins the closure has room for a short name.
    chunk_batch = batch if len(batch) <= _SHORT_BATCH else "count"
    chunk_sizes = [chunk_batch if name == batch else name for name in model.variables]
    # Axis 0 is the step if there are any.
    sample = {name: list(array.shape[1 if model.states else 0 :]) for name, array in proof.inputs.items()}
    sizes = state_sizes(model.states)
    variables = dict(zip(model.symbolic, model.variables, strict=True))
    return {
        "version": __version__,
        "crate": crate,
        "module": crate.replace("-", "_"),
        "struct": struct,
        "embeds": embeds,
        "opened": _opened(struct, embeds),
        "model": model,
        "model_name": options.model_name.replace("\\", "/").replace('"', "'")
        if options.model_name.isprintable()
        else crate,
        "model_comment": rust_comment(options.model_name),
        "model_literal": rust_str(options.model_name),
        "source_comment": rust_comment(options.source_name),
        "source_sha256": options.source_sha256,
        "tf_layers": tf_layers_dependency(crate, options.tf_layers),
        "license": options.license,
        "vendored": options.tf_layers is None,
        "is_package": options.tf_layers is None and not parts,
        "differences": proof.differences,
        "difference": lambda port: _difference(proof, port.name),
        "tf_layers_package": package_name(crate) if options.tf_layers is None else "tf-layers",
        "architecture_bytes": [", ".join(f"0x{b:02x}" for b in digest[i : i + 16]) for i in (0, 16)],
        "imports": _imports(model),
        "chunks": model.chunks,
        "is_timed": bool(model.timed),
        "profile": (timed := profile_code(model)),
        "profile_imports": _import_lines(timed.imports),
        "chunk_variables": array([name if name in used else "_" for name in model.variables]),
        "all_variables": array([name if name in whole else "_" for name in model.variables]),
        "uses": lambda name: name in used,
        "reads_dims": not used.isdisjoint(model.variables),
        "workspace_terms": terms,
        "field_groups": groups,
        "initialiser": _initialiser(model, bool(groups)),
        "blob_parts": array([Token("&WEIGHTS.0"), *(Token(f"{part.module}::weights")() for part in parts)]),
        "fields_need_blob": bool(groups) or _needs_blob(model.fields),
        "inputs_type": "Inputs<'_>" if model.inputs else "Inputs",
        "own_types": _own_types([*model.all_inputs, *model.all_outputs]),
        "own_input_types": _own_types(model.inputs),
        "own_output_types": _own_types(model.outputs[:1]),
        "memory": model.memory,
        "needs_alloc": model.has_text
        or any(p.is_text for p in (*model.all_inputs, *model.all_outputs))
        or any(item.imported.startswith("tf_layers::text::") for item in model.items()),
        "has_text_outputs": any(p.is_text for p in model.outputs),
        "binary": scoring.column is not None,
        "score_column": scoring.column,
        "row": row,
        "predicts_from": not model.states
        and len(model.outputs) == 1
        and (row is not None or scoring.column is not None),
        "tests_scores": scoring.column is not None and row is not None and proof.batched and embeds,
        "run": "step" if model.states else "predict",
        "proven": [port for port in model.all_outputs if port.name in proof.outputs],
        "chunked_time": _chunked_time(graph, proof),
        "ports": ports,
        "typed_inputs": typed_inputs(model.inputs),
        "state_dims": ref(array([string(name) for name in sizes])),
        "state_variables": array([variables[name] for name in sizes]),
        "state_of_sizes": Token("State::new")(*(variables[name] for name in sizes)),
        "new_state": new_state(model.states, variables),
        "new_state_head": Token("new")(*(f"{variables[name]}: usize" for name in sizes)),
        "swap": swap,
        "state_sizes": ", ".join(str(proof.sizes[name]) for name in sizes) if model.states else "",
        "sizes_of_arrays": ", ".join(_size_of_array(name, proof, model) for name in sizes),
        "example_sizes": ", ".join(str(_example_size(name, proof, model)) for name in sizes) if model.states else "",
        "labels": [string(label) for label in scoring.labels],
        "entries": (entries := [entry.rust() for entry in model.weights.entries]),
        "typed_entries": any(item.path.endswith("::Dtype") for entry in entries for item in items_in(entry)),
        "parts": parts,
        "reference": proof.reference,
        "reference_literal": rust_str(proof.reference),
        "samples": proof.samples,
        "batched": proof.batched,
        "tolerances": proof.tolerances,
        "tolerance": {name: f"{value:e}" for name, value in proof.tolerances.items()},
        "tolerance_reason": proof.reasons,
        "element_tolerances": proof.elements,
        "agreements": {name: limits(proof, name) for name in proof.agreements},
        "sample_shape": {name: rust_list(shape) for name, shape in sample.items()},
        "features_key": lambda port, prefix, ports: rust_str(features_key(prefix, port.name, len(ports))),
        "shape_literal": lambda shape: rust_str(format_shape(shape)),
        "run_chunk": _run_chunk(model, used),
        "chunk_batch": chunk_batch,
        "run_rows": Token("self").method("run_chunk", array(chunk_sizes), "rows", "workspace"),
        "bind": lambda port: _bind(port, model.symbolic),
        "inputs_of": lambda data, shape: _inputs_of(model, data, shape),
        "example_value": lambda dtype: (
            "false"
            if dtype == "bool"
            else '"text"'
            if dtype == TEXT
            else f"{own}::default()"
            if (own := own_type(dtype))
            else "0.0"
            if dtype.startswith("f")
            else f"0_{_suffix(dtype)}"
        ),
        "example_len": lambda shape: str(int(np.prod(_example_shape(shape, sample, model), dtype=object))),
        "example_shape": lambda shape: rust_list(_example_shape(shape, sample, model)),
        "as_f64": lambda name, dtype: (
            f"f64::from(u8::from({name}))"
            if dtype == "bool"
            else name
            if dtype == "float64"
            else f"{name} as f64"
            if dtype.endswith("64")
            else f"f64::from({name})"
        ),
    }


def _initialiser(model: Model, grouped: bool) -> Expr:
    """``Ok(Self { … })``; ``grouped`` fields are variables with the same names."""
    fields: list[tuple[str, Expr]] = [("isa", Item("tf_layers::Isa").of("detect")())]
    fields += [(item.name, Token(item.name) if grouped else item.value) for item in model.fields]
    if not model.borrows:
        fields.append(("weights", Token("core::marker::PhantomData")))
    return Token("Ok")(Struct(Token("Self"), tuple(fields)))


def _run_chunk(model: Model, used: set[str]) -> Expr:
    """The signature of the function that runs the layers for one chunk."""
    # The profile reads the sizes even if no layer does.
    sizes = "sizes" if not used.isdisjoint(model.variables) else "_sizes" if model.timed else "_"
    workspace = "workspace" if used & {"workspace", "cx"} else "_workspace"
    parameters = (
        "&self",
        f"{sizes}: [usize; {len(model.symbolic)}]",
        "rows: Chunk<'_>",
        f"{workspace}: &mut Workspace",
    )
    return Token("run_chunk")(*parameters)


def _inputs_of(model: Model, data: str, shape: str) -> Expr:
    """``Inputs`` of views; ``data`` and ``shape`` are expressions with ``{i}`` for the number of the input."""

    def operand(text: str, i: int) -> Expr:
        name = text.removeprefix("&").format(i=i)
        value = array([]) if name == "[]" else Token(name)
        return ref(value) if text.startswith("&") else value

    if not model.inputs:
        return Token("Inputs")
    new = Token("TensorView::new")
    fields = {
        port.field: new(operand(data, i), operand(shape, i)).tried() for i, port in enumerate(model.inputs, start=1)
    }
    return struct(Token("Inputs"), **fields)


def _bind(port: Port, symbolic: Sequence[str]) -> list[Stmt]:
    """Binds the symbolic dimensions of an input."""
    dim = Item("tf_layers::tensor::Dim")
    dims = [
        dim.of("Fixed")(d) if isinstance(d, int) else dim.of("Symbolic")(symbolic.index(str(d))) for d in port.shape
    ]
    shape = port.place.method("shape")
    arguments = (Token(port.literal), string(format_shape(port.shape)), ref(array(dims)), shape)
    return [ExprStmt(Token("sizes").method("bind", *arguments).tried())]


_ALWAYS = (
    "tf_layers::Context",
    "tf_layers::Isa",
    "tf_layers::Result",
    "tf_layers::io::Blob",
    *(f"tf_layers::tensor::{name}" for name in ("Buffer", "Tensor")),
)


def _imports(model: Model) -> list[str]:
    """The import lines of the model's items."""
    paths = {*_ALWAYS, *(item.imported for item in model.items())}
    if model.all_inputs:
        paths.add("tf_layers::tensor::SymbolicDims")
    if model.inputs:
        paths.add("tf_layers::tensor::TensorView")
    if any(port.shape for port in model.all_inputs):
        paths.add("tf_layers::tensor::Dim")
    types = [*model.buffers, *(p.rust_type for p in (*model.all_inputs, *model.all_outputs))]
    paths |= {f"tf_layers::tensor::{name}" for name in types if name in _OWN_TYPES}
    if model.has_text:
        paths.add("tf_layers::tensor::StringArena")
    return _import_lines(paths)


_OWN_TYPES = frozenset(filter(None, map(own_type, RUST_TYPES)))


def _own_types(ports: Sequence[Port]) -> list[str]:
    """The types of tf-layers that numbers in inputs or outputs have, with their module."""
    return sorted({f"tensor::{own}" for port in ports if not port.is_text and (own := own_type(port.dtype))})


def _import_lines(paths: Iterable[str]) -> list[str]:
    """The import lines of tf-layers items, one per module, with the root module last."""
    modules: dict[str, list[str]] = {}
    for path in sorted(paths):
        module, _, name = path.rpartition("::")
        modules.setdefault(module, []).append(name)
    # rustfmt sorts a list of names after the modules, and a single name before them.
    order = sorted(modules.items(), key=lambda item: (item[0] == "tf_layers" and len(item[1]) > 1, item[0]))
    return [printer.use(module, names) for module, names in order]


def _groups(fields: Sequence[ModelField]) -> list[FieldGroup]:
    """Splits the fields into groups of similar size, one per function; a model with few fields has no groups.

    No group has a single field, because functions would have to return tuples of one.
    """
    if len(fields) <= 2 * _GROUP:
        return []
    count = math.ceil(len(fields) / _GROUP)
    ends = [len(fields) * i // count for i in range(count + 1)]
    parts = [tuple(fields[start:end]) for start, end in pairwise(ends)]
    return [FieldGroup(part, _needs_blob(part)) for part in parts]


def _needs_blob(fields: Sequence[ModelField]) -> bool:
    """Whether an initialiser reads weights."""
    blob = Token("blob")
    return any(node == blob or "blob." in str(node) for item in fields for node in item.value.walk())


def embeds_weights(model: Model) -> bool:
    """Whether the crate embeds its weights; otherwise the caller loads them."""
    return sum(entry.packed_bytes for entry in model.weights.entries) <= _MOST_EMBEDDED


def _opened(struct: str, embeds: bool) -> list[Stmt]:
    """Statements that create ``model``, in a benchmark or an example."""
    if embeds:
        return [let("model", Token(f"{struct}::new")().tried())]
    path = Token('concat!(env!("CARGO_MANIFEST_DIR"), "/model/model_weights.npz")')
    return [
        let("path", path),
        let("arrays", Token("std::fs::read")("path").method("expect", string("the weights of this crate"))),
        let("weights", Token(f"{struct}::pack_weights")("&arrays").tried()),
        let("model", Token(f"{struct}::from_weights")("&weights").tried()),
    ]


def _parts(model: Model, crate: str, tf_layers: Path | None) -> list[WeightsPart]:
    """The parts of the weights except the first, which the crate itself embeds."""
    dependency = tf_layers_dependency(crate, tf_layers, "../../")
    _, *others = model.weights.parts(_PART_BYTES)
    return [
        WeightsPart(f"{crate}-weights-{i}", f"weights/{i}", run, dependency) for i, run in enumerate(others, start=1)
    ]


def tf_layers_dependency(crate: str, tf_layers: Path | None, up: str = "") -> str:
    """The tf-layers dependency of a manifest: the user's path, or the crate's copy at ``up``."""
    if tf_layers is not None:
        return f"path = {rust_str(tf_layers.as_posix())}"
    # Cargo packages a crate only if its dependencies have versions.
    return f'path = "{up}tf-layers", package = "{package_name(crate)}", version = "{tf_layers_version()}"'


def _difference(proof: Proof, output: str) -> str:
    """The distance of an output from the same graph in another framework, for the model's card."""
    found = proof.differences.get(output)
    return "" if found is None else f"{found.largest:.1e} from {found.other}"


def _suffix(dtype: str) -> str:
    return dtype.replace("uint", "u").replace("int", "i")


def _example_shape(shape: Dims, sample: dict[str, list[int]], model: Model) -> list[int]:
    """The shape of a documentation example: one sample, with the other symbolic dimensions of the test data."""
    port = next(p for p in model.inputs if p.shape is shape)
    sizes = sample[port.name]
    return [1 if isinstance(d, DimExpr) and i == 0 else sizes[i] for i, d in enumerate(shape)]


@dataclass(frozen=True)
class _Time:
    """The axis of time in a tensor of the tests, and the product of the dims before it."""

    axis: int
    outer: int


def _chunked_time(graph: LayerGraph, proof: Proof) -> dict[str, _Time]:
    """The time of every input and output if the tests can run chunks of any size; otherwise empty."""
    if graph.stream is None or graph.stream.dimension is None:
        return {}
    shapes = {name: array.shape[1:] for name, array in (*proof.inputs.items(), *proof.outputs.items())}
    return {name: _Time(axis, math.prod(shapes[name][:axis])) for name, axis in graph.stream.axes.items()}


def _size_of_array(name: str, proof: Proof, model: Model) -> str:
    """The size of a dimension of the states in the arrays that ``examples/steps.rs`` reads, as Rust."""
    for i, port in enumerate(model.inputs, start=1):
        for axis, dim in enumerate(port.shape):
            if str(dim) == name:
                element = f"get({axis})" if axis else "first()"
                return f"shape_{i}.{element}.copied().unwrap_or_default()"
    return str(proof.sizes[name])


def _example_size(name: str, proof: Proof, model: Model) -> int:
    """The size of a dimension in a documentation example: 1 if it is the first of an input."""
    return 1 if any(port.shape and str(port.shape[0]) == name for port in model.inputs) else proof.sizes[name]


def architecture_hash(model: Model, graph: LayerGraph) -> bytes:
    """The SHA-256 of the architecture, which must match for weights to be exchanged."""
    return hashlib.sha256(json.dumps(architecture(model, graph), sort_keys=True).encode()).digest()

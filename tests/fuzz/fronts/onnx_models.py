"""ONNX models: changes to protobuf fields, and to nodes, values and tensors."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from tests.crates import ROOT
from tests.fuzz.front import Enter, Front
from tests.fuzz.protos import messages, mutate_message, texts
from tests.fuzz.raw import mutate_bytes
from tests.fuzz.stages import after_opening
from tests.fuzz.values import floating, integer, text

_LARGEST_SEED = 6000
_I64 = (-(1 << 63), (1 << 63) - 1)
_OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""})
_ATTRIBUTES: dict[str, list[tuple[str, int]]] = {}
"""The attributes that each operator has in any version, with their types."""
for _schema in onnx.defs.get_all_schemas_with_history():
    _found = _ATTRIBUTES.setdefault(_schema.name, [])
    _found += [(a.name, a.type.value) for a in _schema.attributes.values() if (a.name, a.type.value) not in _found]
_DTYPES = sorted(TensorProto.DataType.values())


class OnnxModels(Front):
    """Everything from an ``.onnx`` file to the text of the crate."""

    name, suffix = "onnx", ".onnx"

    def prepare(self) -> None:
        from tf2rust.codegen import render  # noqa: F401
        from tf2rust.ops.core.registry import load_ops
        from tf2rust.source import open_onnx  # noqa: F401

        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        load_ops()

    def seeds(self) -> Iterator[bytes]:
        from tests.models import graphs, zoo
        from tests.ops.nodes import Node

        models = [graphs.mlp(), graphs.two_inputs(), graphs.image(), graphs.control(), graphs.hostile()]
        models += [build() for build, _ in zoo.ZOO.values()]
        for path in sorted((ROOT / "tests" / "ops").rglob("test_*.py")):
            tables = vars(importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)))
            nodes = tables.get("NODES", {})
            models += [node.model(name) for name, node in nodes.items() if isinstance(node, Node)]
        contents = [model.SerializeToString(deterministic=True) for model in models]
        contents += [path.read_bytes() for path in sorted((ROOT / "tests" / "zoo" / "models").glob("*.onnx"))]
        yield from (content for content in contents if len(content) <= _LARGEST_SEED)

    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        model = _parsed(data)
        if model is None or rng.random() < 0.03:
            return mutate_bytes(rng, data)
        other = _parsed(donor)
        try:
            if rng.random() < 0.4:
                mutate_message(rng, model, other or model)
            else:
                rng.choice(_MUTATIONS)(rng, model, other or model)
            return model.SerializeToString()
        except Exception:  # the change does not go with this model
            return mutate_bytes(rng, data)

    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        from tf2rust.source import open_onnx

        enter("open")
        after_opening(open_onnx(path), path, enter, rng)

    def parts(self, data: bytes) -> Iterator[bytes]:
        """The model without one of its nodes, weights, attributes, inputs and so on; then with fewer bytes."""
        model = _parsed(data)
        if model is None:
            yield from super().parts(data)
            return
        count = len(list(messages(model)))
        for i in range(count):
            fields = [field for field, _ in list(messages(model))[i].ListFields()]
            for field in fields:
                smaller = onnx.ModelProto()
                smaller.CopyFrom(model)
                target = list(messages(smaller))[i]
                value = getattr(target, field.name)
                if not hasattr(value, "append") and not hasattr(value, "add"):
                    target.ClearField(field.name)
                    yield smaller.SerializeToString()
                    continue
                for at in range(len(value)):
                    if at:
                        smaller = onnx.ModelProto()
                        smaller.CopyFrom(model)
                        value = getattr(list(messages(smaller))[i], field.name)
                    del value[at]
                    yield smaller.SerializeToString()


def _parsed(data: bytes) -> onnx.ModelProto | None:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return None
    return model


Mutation = Callable[[Random, onnx.ModelProto, onnx.ModelProto], None]


def _graph(rng: Random, model: onnx.ModelProto) -> Any:
    """The main graph or, sometimes, the body of a node."""
    found = [m for m in messages(model) if isinstance(m, onnx.GraphProto)]
    return model.graph if rng.random() < 0.7 or not found else rng.choice(found)


def _node(rng: Random, model: onnx.ModelProto) -> Any:
    return rng.choice([m for m in messages(model) if isinstance(m, onnx.NodeProto)])


def _tensor(rng: Random, model: onnx.ModelProto) -> Any:
    return rng.choice([m for m in messages(model) if isinstance(m, TensorProto)])


def _value_names(model: onnx.ModelProto) -> list[str]:
    nodes = [m for m in messages(model) if isinstance(m, onnx.NodeProto)]
    names = [name for node in nodes for name in (*node.input, *node.output)]
    return [*names, *(v.name for v in (*model.graph.input, *model.graph.initializer))]


def _operator(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    _node(rng, model).op_type = rng.choice(_OPERATORS)


def _edge(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    node, names = _node(rng, model), [*_value_names(model), "", "absent"]
    edges = node.input if rng.random() < 0.7 else node.output
    choice = rng.random()
    if choice < 0.6 and edges:
        edges[rng.randrange(len(edges))] = rng.choice(names)
    elif choice < 0.8:
        edges.append(rng.choice(names))
    else:
        del edges[rng.randrange(len(edges))]


def _attribute(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Adds an attribute of the operator to a node, of the right type and with any value."""
    node = _node(rng, model)
    known = [*_ATTRIBUTES.get(node.op_type, ()), *((a.name, int(a.type)) for a in node.attribute)]
    name, kind = rng.choice(known)
    if rng.random() < 0.1:
        kind = rng.choice(known)[1]
    # Copies: what is deleted from a message must not be looked at any more.
    copies = [AttributeProto.FromString(a.SerializeToString()) for a in node.attribute]
    kept = [a for a in copies if a.name != name]
    old = [a for a in copies if a.name == name]
    del node.attribute[:]
    node.attribute.extend(kept)
    if rng.random() < 0.1:
        return
    new = node.attribute.add(name=name, type=kind)
    near = old[0] if old else new
    if kind == AttributeProto.INT:
        new.i = integer(rng, *_I64, near.i)
    elif kind == AttributeProto.FLOAT:
        new.f = floating(rng, near.f)
    elif kind == AttributeProto.STRING:
        new.s = text(rng, _strings(model)).encode()
    elif kind == AttributeProto.INTS:
        new.ints.extend(integer(rng, *_I64, n) if rng.random() < 0.5 else n for n in _lengthened(rng, near.ints, 1))
    elif kind == AttributeProto.FLOATS:
        new.floats.extend(floating(rng, n) if rng.random() < 0.5 else n for n in _lengthened(rng, near.floats, 1.0))
    elif kind == AttributeProto.STRINGS:
        new.strings.extend(text(rng, _strings(model)).encode() for _ in range(rng.randrange(4)))
    elif kind == AttributeProto.TENSOR:
        new.t.ParseFromString(_tensor(rng, rng.choice((model, donor))).SerializeToString())
    elif kind == AttributeProto.GRAPH:
        # A copy: a graph must not be copied into itself.
        new.g.ParseFromString(_graph(rng, rng.choice((model, donor))).SerializeToString())


def _strings(model: onnx.ModelProto) -> list[str]:
    values = [m.s.decode("utf-8", "replace") for m in messages(model) if isinstance(m, AttributeProto) and m.s]
    return [*values, "LINEAR", "SAME_UPPER", "VALID", "linear", "nearest", "reflect", "add", "ij,jk->ik", "...i->i"]


def _lengthened(rng: Random, values: Any, filler: Any) -> list[Any]:
    kept = list(values)
    if rng.random() < 0.4:
        kept = kept[: rng.randrange(len(kept) + 1)] + [filler] * rng.randrange(4)
    return kept


def _declared(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Changes a dim, the rank or the dtype of a declared value."""
    graph = _graph(rng, model)
    info = rng.choice([*graph.input, *graph.input, *graph.output, *graph.value_info])
    tensor = info.type.tensor_type
    choice = rng.random()
    if choice < 0.2:
        tensor.elem_type = rng.choice(_DTYPES)
    elif choice < 0.3:
        info.type.tensor_type.ClearField("shape")
    elif choice < 0.45:
        tensor.shape.dim.add(dim_value=integer(rng, *_I64, 1))
    elif choice < 0.55:
        del tensor.shape.dim[rng.randrange(len(tensor.shape.dim))]
    elif choice < 0.8:
        rng.choice(tensor.shape.dim).dim_value = integer(rng, *_I64, 4)
    else:
        rng.choice(tensor.shape.dim).dim_param = text(rng, ["batch", "n", "time", "s0 + 1", "unk__1", "n*2"])


def _contents(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Replaces a tensor by one of the same size, or changes only its declared shape or dtype."""
    tensor = _tensor(rng, model)
    array = np.array(numpy_helper.to_array(tensor))
    choice = rng.random()
    if choice < 0.5 and array.size and array.dtype.kind in "iuf":
        flat = array.reshape(-1)
        for _ in range(rng.randint(1, 3)):
            value = integer(rng, *_I64, int(flat[0])) if array.dtype.kind in "iu" else floating(rng, 1.0)
            flat[rng.randrange(flat.size)] = np.array(value).astype(array.dtype)
    elif choice < 0.65:
        array = array.reshape(rng.choice(((-1,), (1, -1), (-1, 1), (*array.shape, 1), (1, 1, 1, *array.shape))))
    elif choice < 0.75:
        array = array.astype(helper.tensor_dtype_to_np_dtype(rng.choice(_DTYPES)))
    elif choice < 0.85:
        array = array[..., :0] if array.ndim else array
    else:
        tensor.dims[rng.randrange(len(tensor.dims))] = integer(rng, *_I64, 2)
        return
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(array, name))


def _initializer_and_input(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Turns a weight into an input, or an input into a weight."""
    graph = _graph(rng, model)
    if graph.initializer and rng.random() < 0.6:
        tensor = rng.choice(graph.initializer)
        graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
        if rng.random() < 0.8:
            graph.initializer.remove(tensor)
    else:
        info = rng.choice(graph.input)
        graph.initializer.add().CopyFrom(_tensor(rng, donor))
        graph.initializer[-1].name = info.name
        if rng.random() < 0.5:
            graph.input.remove(info)


def _splice(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Inserts a node of another model, with its weights, behind a value of this one."""
    graph, node = _graph(rng, model), onnx.NodeProto()
    node.CopyFrom(_node(rng, donor))
    weights = {t.name: t for t in donor.graph.initializer}
    for i, name in enumerate(node.input):
        if name in weights:
            graph.initializer.add().CopyFrom(weights[name])
            node.input[i] = graph.initializer[-1].name = f"spliced_{name}"
        elif name:
            node.input[i] = rng.choice(_value_names(model))
    for i, name in enumerate(node.output):
        node.output[i] = f"spliced_{name}" if name else ""
    old = rng.choice(_value_names(model))
    for reader in graph.node:
        reader.input[:] = [node.output[0] if name == old and rng.random() < 0.7 else name for name in reader.input]
    at = rng.randrange(len(graph.node) + 1)
    nodes = [*graph.node[:at], node, *graph.node[at:]]
    kept = [onnx.NodeProto.FromString(n.SerializeToString()) for n in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def _output(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Makes any value an output of the graph."""
    info = model.graph.output.add(name=rng.choice(_value_names(model)))
    if rng.random() < 0.5:
        info.type.tensor_type.elem_type = rng.choice(_DTYPES)


def _opset(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    rng.choice(model.opset_import).version = rng.choice((*range(1, 27), integer(rng, *_I64)))


def _in_a_branch(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Moves a node into both branches of an If, or into the body of a Loop."""
    graph, at = model.graph, rng.randrange(len(model.graph.node))
    node = onnx.NodeProto.FromString(graph.node[at].SerializeToString())
    made = [name for name in node.output if name]
    nodes, names = [node], [f"{name}_inner" for name in made]
    node.output[:] = [f"{name}_inner" if name else "" for name in node.output]
    outputs = [onnx.ValueInfoProto(name=name) for name in names]
    if rng.random() < 0.5:
        body = helper.make_graph(nodes, "branch", [], outputs)
        inputs = [rng.choice(_value_names(model))]
        outer = helper.make_node("If", inputs, made, then_branch=body, else_branch=body)
    else:
        step = helper.make_tensor_value_info("step", TensorProto.INT64, [])
        again = helper.make_tensor_value_info("again", TensorProto.BOOL, [])
        nodes.append(helper.make_node("Identity", ["again"], ["more"]))
        body = helper.make_graph(nodes, "body", [step, again], [onnx.ValueInfoProto(name="more"), *outputs])
        trips = numpy_helper.from_array(np.array(integer(rng, *_I64, 2)), "trips")
        graph.initializer.append(trips)
        outer = helper.make_node("Loop", ["trips", ""], made, body=body)
    graph.node[at].CopyFrom(outer)


def _as_function(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Moves a node into a local function."""
    node = rng.choice(model.graph.node)
    inner = onnx.NodeProto.FromString(node.SerializeToString())
    opsets = [onnx.OperatorSetIdProto.FromString(o.SerializeToString()) for o in model.opset_import]
    name = rng.choice(("Made", "Made", node.op_type))
    domain = rng.choice(("made", "made", ""))
    function = helper.make_function(domain, name, [n for n in node.input if n], list(node.output), [inner], opsets)
    if rng.random() < 0.2:
        function.node.add(op_type=name, domain=domain, input=node.input, output=["again"])
    model.functions.append(function)
    node.op_type, node.domain = name, domain
    del node.attribute[:]
    node.input[:] = [n for n in node.input if n]
    if rng.random() < 0.8:
        model.opset_import.append(helper.make_opsetid("made", 1))


def _external(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Moves a tensor to an external file."""
    tensor = _tensor(rng, model)
    tensor.data_location = TensorProto.EXTERNAL
    if rng.random() < 0.7:
        tensor.ClearField("raw_data")
    places = ("model.onnx", "frames", ".", "..", "../x", "/dev/zero", "/etc/passwd", "a\x00b", "", "absent")
    tensor.external_data.add(key="location", value=rng.choice(places))
    for key in ("offset", "length", "checksum"):
        if rng.random() < 0.4:
            tensor.external_data.add(key=key, value=rng.choice(("0", "4", "-1", "1e3", "9" * 30, "", "²")))


def _names(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    """Renames a node, or a value everywhere."""
    if rng.random() < 0.4:
        _node(rng, model).name = text(rng, texts(model))
        return
    old, new = rng.choice(_value_names(model)), text(rng, texts(model))
    for message in list(messages(model)):
        if isinstance(message, onnx.NodeProto):
            message.input[:] = [new if n == old else n for n in message.input]
            message.output[:] = [new if n == old else n for n in message.output]
        elif isinstance(message, (onnx.ValueInfoProto, TensorProto)) and message.name == old:
            message.name = new


def _metadata(rng: Random, model: onnx.ModelProto, donor: onnx.ModelProto) -> None:
    model.metadata_props.add(key=text(rng, texts(model)), value=text(rng, texts(model)))
    model.ir_version = integer(rng, *_I64, 10)


_MUTATIONS: tuple[Mutation, ...] = (
    *(_operator, _edge, _edge, _attribute, _attribute, _attribute, _declared, _declared, _contents, _contents),
    *(_initializer_and_input, _splice, _splice, _output, _opset, _in_a_branch, _as_function, _external, _names),
    *(_metadata,),
)

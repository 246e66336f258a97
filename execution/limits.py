"""Bounds on a document, counted in one walk over each definition, however deeply fragments nest.

All of it runs before validation, whose own time grows with the square of what is selected. The
order matters: `check_written` takes any document, the other two take those whose fragments were
found to be free of cycles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from graphql.language import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from execution.refusal import BAD_REQUEST, RequestRefused

_INTROSPECTION = frozenset({"__schema", "__type", "_service"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one document may ask for, fragments spelled out from `fields` on."""

    characters: int = 32_768
    tokens: int = 4_000
    operations: int = 20
    fragments: int = 50
    directives: int = 50
    arguments: int = 50
    """Arguments of one field: twice what any field takes."""
    fields: int = 1_000
    aliases: int = 100
    comparisons: int = 5_000
    """Pairs of fields of one name at one place, which validation compares, and fields."""
    introspections: int = 2
    """Selections of `__schema`, `__type` and `_service`."""
    depth: int = 16
    """Fields above one another; the usual introspection query needs 15."""
    nesting: int = 64
    """Selection sets and fragment spreads inside one another."""
    errors: int = 20
    """Errors told in one answer."""
    cost: int = 10_000
    """Fields that an answer may show, full pages assumed (execution/cost.py)."""
    page_default: int = 20
    page_cap: int = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """What a definition selects once its fragments are spelled out."""

    fields: int = 0
    aliases: int = 0
    introspections: int = 0
    depth: int = 0
    nesting: int = 0

    def beside(self, other: "Shape") -> "Shape":
        """Add what stands in the same selection set."""
        return self.around(other, 0, 0)

    def around(self, other: "Shape", depth: int, nesting: int) -> "Shape":
        """Add what stands `depth` fields and `nesting` selection sets further in."""
        return Shape(
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.introspections + other.introspections,
            max(self.depth, depth + other.depth),
            max(self.nesting, nesting + other.nesting),
        )


@dataclass(frozen=True, slots=True)
class _Spread:
    name: str
    depth: int
    nesting: int


@dataclass(frozen=True, slots=True)
class _Written:
    """A definition as it stands: what it selects itself, and the spreads in it."""

    shape: Shape
    spreads: tuple[_Spread, ...]
    directives: int
    arguments: int
    """The most that one of its fields has."""


def check_written(document: DocumentNode, limits: Limits) -> None:
    """Refuse what stands in a document beyond `limits`; cyclic fragments do no harm here."""
    operations, fragments = _operations(document), _fragments(document)
    _bound("operations", len(operations), limits.operations)
    _bound("fragments", len(fragments), limits.fragments)
    written = [_as_written(definition) for definition in (*operations, *fragments)]
    _bound("directives", sum(one.directives for one in written), limits.directives)
    _bound("fields", sum(one.shape.fields for one in written), limits.fields)
    for one in written:
        _bound("arguments of one field", one.arguments, limits.arguments)


def check_spelled_out(document: DocumentNode, limits: Limits) -> None:
    """Refuse what a document without fragment cycles selects beyond `limits`."""
    spelled = _SpelledOut(_fragments(document))
    for name in spelled.written:
        _check(spelled.of(name), limits)
    asked = Shape()
    for definition in _operations(document):
        asked = asked.beside(spelled.completed(_as_written(definition)))
    _check(asked, limits)


def check_overlaps(document: DocumentNode, limits: Limits) -> None:
    """Refuse a document without fragment cycles whose validation would compare too many fields.

    Validation compares every two fields that answer under one name at one place, and all below
    them. So fields are merged here by name as an answer merges them, and the pairs are counted.
    """
    fragments = {node.name.value: node for node in _fragments(document)}
    compared = 0
    for definition in (*_operations(document), *fragments.values()):
        stack = [[definition.selection_set]]
        while stack:
            for fields in _merged(stack.pop(), fragments).values():
                compared += len(fields) * (len(fields) + 1) // 2
                _bound("pairs of fields of one name at one place", compared, limits.comparisons)
                inner = [field.selection_set for field in fields if field.selection_set]
                if inner:
                    stack.append(inner)


def _merged(
    sets: list[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> dict[str, list[FieldNode]]:
    """Group the fields of selection sets at one place by the name they answer under."""
    merged: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()
    stack = list(sets)
    while stack:
        for selection in stack.pop().selections:
            match selection:
                case FieldNode():
                    merged.setdefault((selection.alias or selection.name).value, []).append(
                        selection
                    )
                case InlineFragmentNode():
                    stack.append(selection.selection_set)
                case FragmentSpreadNode():
                    stack += _unseen(selection.name.value, fragments, seen)
    return merged


def _unseen(
    name: str, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> list[SelectionSetNode]:
    if name in seen or name not in fragments:
        return []
    seen.add(name)
    return [fragments[name].selection_set]


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]


def _fragments(document: DocumentNode) -> list[FragmentDefinitionNode]:
    return [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]


def _check(shape: Shape, limits: Limits) -> None:
    _bound("fields", shape.fields, limits.fields)
    _bound("aliases", shape.aliases, limits.aliases)
    _bound("introspections", shape.introspections, limits.introspections)
    _bound("levels of fields", shape.depth, limits.depth)
    _bound("levels of selection sets", shape.nesting, limits.nesting)


def _bound(what: str, count: int, limit: int) -> None:
    if count > limit:
        refuse(f"The document has more than {limit} {what}.")


def refuse(message: str) -> NoReturn:
    """Refuse the whole request as one that asks too much or makes no sense."""
    raise RequestRefused(400, BAD_REQUEST, message)


def _as_written(definition: ExecutableDefinitionNode) -> _Written:
    """Count one definition; with a list as stack, for it may nest deeper than Python calls."""
    shape, directives, spreads = Shape(), _directives_before(definition), list[_Spread]()
    arguments = 0
    stack: list[tuple[SelectionNode, int, int]] = [
        (selection, 1, 1) for selection in definition.selection_set.selections
    ]
    while stack:
        selection, depth, nesting = stack.pop()
        directives += len(selection.directives or ())
        if isinstance(selection, FragmentSpreadNode):
            spreads.append(_Spread(selection.name.value, depth - 1, nesting))
            continue
        if isinstance(selection, FieldNode):
            shape = shape.beside(_of_field(selection, depth, nesting))
            arguments = max(arguments, len(selection.arguments or ()))
        else:
            depth -= 1
        stack += [(inner, depth + 1, nesting + 1) for inner in _inside(selection)]
    return _Written(shape, tuple(spreads), directives, arguments)


def _directives_before(definition: ExecutableDefinitionNode) -> int:
    variables = definition.variable_definitions or ()
    return len(definition.directives or ()) + sum(len(one.directives or ()) for one in variables)


def _of_field(field: FieldNode, depth: int, nesting: int) -> Shape:
    return Shape(
        fields=1,
        aliases=int(field.alias is not None),
        introspections=int(field.name.value in _INTROSPECTION),
        depth=depth,
        nesting=nesting,
    )


def _inside(selection: SelectionNode) -> tuple[SelectionNode, ...]:
    if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
        return selection.selection_set.selections
    return ()


class _SpelledOut:
    """The shapes of fragments, each computed once however often and deeply it is spread."""

    def __init__(self, fragments: list[FragmentDefinitionNode]) -> None:
        self.written = {node.name.value: _as_written(node) for node in fragments}
        self._shapes: dict[str, Shape] = {}

    def of(self, name: str) -> Shape:
        """Give the shape of a fragment, none of an unknown one: validation will name it."""
        if name not in self.written:
            return Shape()
        if name not in self._shapes:
            self._shapes[name] = self.completed(self.written[name])
        return self._shapes[name]

    def completed(self, written: _Written) -> Shape:
        shape = written.shape
        for spread in written.spreads:
            shape = shape.around(self.of(spread.name), spread.depth, spread.nesting)
        return shape

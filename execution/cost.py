"""The static cost of an operation, and what it selects from which type: one typed walk, kept.

Every field costs 1. What stands under a field that takes `first` or `last` counts once per row of
the page asked for, and what stands under one that takes `ids` or `representations` once per item.
Each item of a list in an input (the lines of a cart, the sales of a call) costs 1, each time that
the input is used; not so the lists inside such items. So the cost is at least the number of fields
that the answer shows of connections, and is known before anything is executed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_input_object_type,
    is_interface_type,
    is_list_type,
    is_object_type,
)
from graphql.language import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.type import GraphQLCompositeType, GraphQLField

from execution.limits import Limits

_PAGES = ("first", "last")
_LISTS = ("ids", "representations")
# What Federation's `_service` gives: the whole schema, as introspection does.
_SUBGRAPH = "_Service"
_INTEGER_LENGTH_MAX = 9


class Selected(NamedTuple):
    """A field that an operation selects: the type it stands on, its name, the name of its type."""

    parent: str
    field: str
    returns: str


class Given(NamedTuple):
    kind: GraphQLInputObjectType
    value: object


@dataclass(slots=True)
class Scope:
    """Fields that count equally often: `fields` of them, and others that count once per row."""

    fields: int = 0
    fragments: list["Scope"] = field(default_factory=list)
    # Arguments that are inputs, each with its type.
    inputs: list["Given"] = field(default_factory=list)
    rows: list[tuple["Rows", "Scope"]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the number of rows under a field is said: arguments as written, None if left out."""

    page: tuple[ValueNode, ...] | None
    lists: tuple[ValueNode, ...]


class Walk:
    """Follows one operation of a valid document through the schema, each fragment once.

    `scope` holds what it costs and `selected` what it selects. `__typename` and introspection cost
    as other fields do, but are not in `selected`: everything has the one, `is_introspective` tells
    of the other. `repeated` is a list without pages that stands within itself: each level would
    multiply what is shown by its length, which nobody knows before.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._fragment_scopes: dict[str, tuple[Scope, frozenset[Selected]]] = {}
        self._defaults = {
            one.variable.name.value: one.default_value
            for one in operation.variable_definitions or ()
        }
        self.selected: set[Selected] = set()
        self.is_introspective = False
        self.repeated: Selected | None = None
        self.scope = Scope()
        root = schema.get_root_type(operation.operation)
        if root is not None:
            self._fill(self.scope, operation.selection_set, root)

    def cost(self, variables: Mapping[str, Any], limits: Limits) -> int:
        """Give the cost with these variables, which need not be coerced yet."""
        return _Count(self._defaults, variables, limits).of(self.scope)

    def _fill(
        self, scope: Scope, selections: SelectionSetNode, parent: GraphQLCompositeType
    ) -> frozenset[Selected]:
        """Count what is selected; the lists without pages among it, at whatever depth."""
        lists: set[Selected] = set()
        for selection in selections.selections:
            match selection:
                case FieldNode():
                    lists |= self._field(scope, selection, parent)
                case InlineFragmentNode():
                    narrowed = self._narrowed(selection, parent)
                    lists |= self._fill(scope, selection.selection_set, narrowed)
                case FragmentSpreadNode():
                    fragment, within = self._fragment(selection.name.value)
                    scope.fragments.append(fragment)
                    lists |= within
        return frozenset(lists)

    def _field(
        self, scope: Scope, node: FieldNode, parent: GraphQLCompositeType
    ) -> frozenset[Selected]:
        scope.fields += 1
        definition = self._schema.get_field(parent, node.name.value)
        if definition is None or node.name.value == "__typename":
            return frozenset()
        returned = get_named_type(definition.type)
        selected = Selected(parent.name, node.name.value, returned.name)
        self._note(selected)
        scope.inputs += _inputs(node, definition)
        if node.selection_set is None or not is_composite_type(returned):
            return frozenset()
        inner, rows = scope, _rows(node, definition)
        if rows is not None:
            inner = Scope()
            scope.rows.append((rows, inner))
        within = self._fill(inner, node.selection_set, returned)
        if rows is not None or not self._is_whole_list(selected, definition):
            return within
        if selected in within:
            self.repeated = selected
        return within | {selected}

    def _is_whole_list(self, selected: Selected, definition: GraphQLField) -> bool:
        """Whether all there is stands in it, however much that is."""
        if selected.returns.startswith("__") or selected.parent in _paged_types(self._schema):
            return False
        return is_list_type(get_nullable_type(definition.type))

    def _note(self, selected: Selected) -> None:
        if selected.returns.startswith("__") or selected.returns == _SUBGRAPH:
            self.is_introspective = True
        if not selected.returns.startswith("__"):
            self.selected.add(selected)

    def _fragment(self, name: str) -> tuple[Scope, frozenset[Selected]]:
        known = self._fragment_scopes.get(name)
        if known is None:
            fragment = self._fragments[name]
            parent = self._schema.get_type(fragment.type_condition.name.value)
            scope, lists = Scope(), frozenset[Selected]()
            if is_composite_type(parent):
                lists = self._fill(scope, fragment.selection_set, parent)
            known = self._fragment_scopes[name] = scope, lists
        return known

    def _narrowed(
        self, selection: InlineFragmentNode, parent: GraphQLCompositeType
    ) -> GraphQLCompositeType:
        if selection.type_condition is None:
            return parent
        narrowed = self._schema.get_type(selection.type_condition.name.value)
        return narrowed if is_composite_type(narrowed) else parent


def _rows(node: FieldNode, definition: GraphQLField) -> Rows | None:
    """Find the arguments that say how many rows stand under a field; None where none can."""
    written = {argument.name.value: argument.value for argument in node.arguments or ()}
    paged = any(name in definition.args for name in _PAGES)
    lists = tuple(written[name] for name in _LISTS if name in written)
    if not paged and not lists:
        return None
    pages = tuple(written[name] for name in _PAGES if name in written)
    return Rows(pages if paged else None, lists)


@lru_cache(maxsize=8)
def _paged_types(schema: GraphQLSchema) -> frozenset[str]:
    """Types of what has pages: a list on one of them is a page, and counted as such."""
    return frozenset(
        get_named_type(definition.type).name
        for kind in schema.type_map.values()
        if is_object_type(kind) or is_interface_type(kind)
        for definition in kind.fields.values()
        if any(name in definition.args for name in _PAGES)
    )


def _inputs(node: FieldNode, definition: GraphQLField) -> Iterator[Given]:
    for argument in node.arguments or ():
        kind = definition.args[argument.name.value].type
        named = get_nullable_type(kind)
        if is_input_object_type(named):
            yield Given(named, argument.value)


class _Count:
    """Adds scopes up for one set of variables, each scope once."""

    def __init__(
        self,
        defaults: Mapping[str, ValueNode | None],
        variables: Mapping[str, Any],
        limits: Limits,
    ) -> None:
        self._defaults = defaults
        self._variables = variables
        self._limits = limits
        self._known: dict[int, int] = {}

    def of(self, scope: Scope) -> int:
        known = self._known.get(id(scope))
        if known is None:
            known = scope.fields + sum(map(self.of, scope.fragments))
            known += sum(self._times(rows) * self.of(inner) for rows, inner in scope.rows)
            known += sum(map(self._items, scope.inputs))
            self._known[id(scope)] = known
        return known

    def _times(self, rows: Rows) -> int:
        times = 1 if rows.page is None else self._page(rows.page)
        for node in rows.lists:
            times *= max(1, self._length(node))
        return times

    def _items(self, given: Given) -> int:
        """Items of the lists in an input and in the inputs that it has as members."""
        value = self._known_value(given.value)
        if not isinstance(value, Mapping):
            return 0
        items = 0
        for name, member in given.kind.fields.items():
            kind = get_nullable_type(member.type)
            if name in value and is_list_type(kind):
                items += self._length(value[name])
            elif name in value and is_input_object_type(kind):
                items += self._items(Given(kind, value[name]))
        return items

    def _known_value(self, given: object) -> object:
        """Give a value, a variable's too; an input that is written out as its members."""
        value = self._value(given) if isinstance(given, ValueNode) else given
        if isinstance(value, ObjectValueNode):
            return {member.name.value: member.value for member in value.fields}
        return value

    def _page(self, nodes: tuple[ValueNode, ...]) -> int:
        """Give the rows of a page; what no page allows is left for the field itself to refuse."""
        sizes = [size for node in nodes if (size := _whole(self._value(node))) is not None]
        wanted = max(sizes, default=self._limits.page_default)
        return min(max(1, wanted), self._limits.page_cap)

    def _length(self, node: object) -> int:
        value = self._value(node) if isinstance(node, ValueNode) else node
        if isinstance(value, ListValueNode):
            return len(value.values)
        return len(value) if isinstance(value, list) else 1

    def _value(self, node: ValueNode) -> object:
        """Give a literal as it stands, a variable's value, or its default literal."""
        if not isinstance(node, VariableNode):
            return node
        name = node.name.value
        return self._variables[name] if name in self._variables else self._defaults.get(name)


def _whole(value: object) -> int | None:
    if isinstance(value, IntValueNode):
        digits = value.value
        return int(digits[:_INTEGER_LENGTH_MAX])
    return value if isinstance(value, int) and not isinstance(value, bool) else None

"""The static cost of an operation, and what it selects from which type: one typed walk, kept.

Every field costs 1. What stands under a field that takes `first` or `last` counts once per row of
the page asked for, and what stands under one that takes `ids` or `representations` once per item.
So the cost is at least the number of fields that the answer shows of connections, and is known
before anything is executed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLSchema, get_named_type, is_composite_type
from graphql.language import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
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


@dataclass(slots=True)
class Scope:
    """Fields that count equally often: `fields` of them, and others that count once per row."""

    fields: int = 0
    fragments: list["Scope"] = field(default_factory=list)
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
    of the other.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._scopes: dict[str, Scope] = {}
        self._defaults = {
            one.variable.name.value: one.default_value
            for one in operation.variable_definitions or ()
        }
        self.selected: set[Selected] = set()
        self.is_introspective = False
        root = schema.get_root_type(operation.operation)
        self.scope = self._scope(operation.selection_set, root) if root else Scope()

    def cost(self, variables: Mapping[str, Any], limits: Limits) -> int:
        """Give the cost with these variables, which need not be coerced yet."""
        return _Count(self._defaults, variables, limits).of(self.scope)

    def _scope(self, selections: SelectionSetNode, parent: GraphQLCompositeType) -> Scope:
        scope = Scope()
        self._fill(scope, selections, parent)
        return scope

    def _fill(
        self, scope: Scope, selections: SelectionSetNode, parent: GraphQLCompositeType
    ) -> None:
        for selection in selections.selections:
            match selection:
                case FieldNode():
                    self._field(scope, selection, parent)
                case InlineFragmentNode():
                    self._fill(scope, selection.selection_set, self._narrowed(selection, parent))
                case FragmentSpreadNode():
                    scope.fragments.append(self._fragment(selection.name.value))

    def _field(self, scope: Scope, node: FieldNode, parent: GraphQLCompositeType) -> None:
        scope.fields += 1
        definition = self._schema.get_field(parent, node.name.value)
        if definition is None or node.name.value == "__typename":
            return
        returned = get_named_type(definition.type)
        if returned.name.startswith("__") or returned.name == _SUBGRAPH:
            self.is_introspective = True
        if not returned.name.startswith("__"):
            self.selected.add(Selected(parent.name, node.name.value, returned.name))
        if node.selection_set is None or not is_composite_type(returned):
            return
        rows = _rows(node, definition)
        if rows is None:
            self._fill(scope, node.selection_set, returned)
        else:
            scope.rows.append((rows, self._scope(node.selection_set, returned)))

    def _fragment(self, name: str) -> Scope:
        if name not in self._scopes:
            fragment = self._fragments[name]
            parent = self._schema.get_type(fragment.type_condition.name.value)
            self._scopes[name] = (
                self._scope(fragment.selection_set, parent)
                if is_composite_type(parent)
                else Scope()
            )
        return self._scopes[name]

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
            self._known[id(scope)] = known
        return known

    def _times(self, rows: Rows) -> int:
        times = 1 if rows.page is None else self._page(rows.page)
        for node in rows.lists:
            times *= max(1, self._length(node))
        return times

    def _page(self, nodes: tuple[ValueNode, ...]) -> int:
        """Give the rows of a page; what no page allows is left for the field itself to refuse."""
        sizes = [size for node in nodes if (size := _whole(self._value(node))) is not None]
        wanted = max(sizes, default=self._limits.page_default)
        return min(max(1, wanted), self._limits.page_cap)

    def _length(self, node: ValueNode) -> int:
        value = self._value(node)
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

"""Named statements: a Core construct and the plain value that each of its rows becomes.

A statement is compiled once per kind of engine and run on the driver's own connection; SQLAlchemy's
bind and result processors of its columns are taken once, when it is compiled. Source: engineering
1.4.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Dialect,
    Insert,
    LargeBinary,
    Select,
    String,
    Table,
    Text,
    any_,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

R = TypeVar("R")
Processor = Callable[[Any], Any]

# Key lists are padded to powers of two, so that one construct serves many lengths.
MAXIMUM_KEYS = 512
# More than so many are an array where the engine takes one: a plan that serves any number of keys
# may be far worse for few.
FEW_KEYS = 128
# The same of ids of a card's rows; for fewer, looking them up as an array takes twice as long.
FEW_IDS = 4
# As many as one array has.
MAXIMUM_ARRAY = 10_000
# With fewer names an itemgetter gives no tuple.
_PICKED = 2


@dataclass(frozen=True, eq=False)
class Statement(Generic[R]):
    """`row` makes one value of a row's columns, in their order; a statement without rows takes
    `nothing`.
    """

    construct: Executable
    row: Callable[..., R]


# Parameters, one for each key, or one that is an array of them.
Keys = Sequence[ColumnElement[Any]] | BindParameter[Any]


def among(column: ColumnElement[Any], keys: Keys) -> ColumnElement[bool]:
    """Whether the column is one of the keys that a statement is over."""
    return column == any_(keys) if isinstance(keys, BindParameter) else column.in_(keys)


class KeyedStatement(Generic[R]):
    """A statement over a list of keys: `build` gets them for `among`.

    `together` takes any number of them as an array, `keys`. Where it `probes`, it looks up key by
    key, and the names are those of its order: ids of a card's rows, for a card may have a hundred
    thousand rows, and a plan for the usual few would read them all to find those of a page.
    """

    def __init__(
        self,
        build: Callable[[Keys], Executable],
        row: Callable[..., R],
        key_type: TypeEngine[Any],
        *,
        probes: Sequence[str] | None = None,
    ) -> None:
        self.probes = probes
        self._build = build
        self._row = row
        self._key_type = key_type
        self._sized: dict[int, Statement[R]] = {}

    @cached_property
    def together(self) -> Statement[R]:
        # A text is looked up as it is: the cast to an array of bounded ones would cut it.
        is_text = isinstance(self._key_type, String)
        array = ARRAY(Text()) if is_text else ARRAY(self._key_type)
        keys = bindparam("keys", type_=array)
        build = self._build if self.probes is None else self._probing
        return Statement(build(keys), self._row)

    def _probing(self, keys: BindParameter[Any]) -> Executable:
        key = column("key", self._key_type)
        given = func.unnest(keys).table_valued(key, name="given").render_derived()
        of_key = cast(Select[Any], self._build([given.c.key])).order_by(None)
        # An OFFSET: what is looked up for a key is not joined otherwise.
        found = of_key.offset(literal_column("0")).lateral("found")
        order = [found.c[name] for name in self.probes or ()]
        return select(found).select_from(given.join(found, true())).order_by(*order)

    def over(self, keys: Sequence[Any]) -> tuple[Statement[R], dict[str, Any]]:
        """The statement for this many keys (at most `MAXIMUM_KEYS`), and its parameters."""
        size = 1 << (len(keys) - 1).bit_length()
        statement = self._sized.get(size)
        if statement is None:
            places = [bindparam(f"key_{place}", type_=self._key_type) for place in range(size)]
            statement = self._sized[size] = Statement(self._build(places), self._row)
        padded = [*keys, *[keys[-1]] * (size - len(keys))]
        return statement, {f"key_{place}": key for place, key in enumerate(padded)}


def nothing(*_columns: object) -> None:
    """The row of a statement that returns none."""


@dataclass(frozen=True, eq=False)
class Changes:
    """An update of many rows by key; each row gives the values of `names`, keys first.

    `portable` changes one row, `together` any number: there each parameter is an array.
    """

    names: tuple[str, ...]
    portable: Statement[None]
    together: Statement[None]


def changes(table: Table, keys: Sequence[str], values: Sequence[str]) -> Changes:
    names = (*keys, *values)
    columns = [table.c[name] for name in names]
    one = {name: bindparam(f"of_{name}", type_=table.c[name].type) for name in names}
    portable = (
        update(table)
        .where(*(table.c[name] == one[name] for name in keys))
        .values({name: one[name] for name in values})
    )
    arrays = [bindparam(f"of_{each.name}", type_=ARRAY(each.type)) for each in columns]
    given = (
        func.unnest(*arrays)
        .table_valued(*(column(each.name, each.type) for each in columns), name="given")
        .render_derived()
    )
    together = (
        update(table)
        .where(*(table.c[name] == given.c[name] for name in keys))
        .values({name: given.c[name] for name in values})
    )
    parameters = tuple(f"of_{name}" for name in names)
    return Changes(parameters, write(portable), write(together))


def write(construct: Executable) -> Statement[None]:
    return Statement(construct, nothing)


def write_each(
    build: Callable[[Keys], Executable], key_type: TypeEngine[Any]
) -> KeyedStatement[None]:
    """A write over a list of keys."""
    return KeyedStatement(build, nothing, key_type)


@dataclass(frozen=True)
class Compiled(Generic[R]):
    """A statement for one engine: `sql`, the names of its parameters by place, and the processors
    both ways.
    """

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    binders: tuple[Processor | None, ...]
    readers: tuple[Processor | None, ...]
    # Of the sequence of a row's columns.
    make: Callable[[Sequence[Any]], R]
    takes_lists: bool
    # The table that a plain INSERT of whole rows fills.
    fills: str | None = None

    def all_arguments(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[Any]]:
        """The driver's arguments of many rows; a parameter that is missing is a KeyError."""
        if self.constants or len(self.names) < _PICKED:
            return [self.arguments(row) for row in rows]
        return self._bound(list(map(itemgetter(*self.names), rows)))

    def row_arguments(self, rows: Sequence[NamedTuple]) -> Sequence[Sequence[Any]]:
        """The driver's arguments of rows that have the statement's parameters in their order."""
        if rows[0]._fields != self.names:
            raise TypeError(f"these are no rows for {self.sql}")
        return self._bound(rows)

    def _bound(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        binders = [(place, binder) for place, binder in enumerate(self.binders) if binder]
        if not binders:
            return rows
        bound = [*zip(*rows, strict=True)]
        for place, binder in binders:
            bound[place] = tuple(map(binder, bound[place]))
        return [*zip(*bound, strict=True)]

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The driver's arguments; a parameter that is missing is a KeyError."""
        return [
            binder(value) if binder else value
            for binder, value in zip(
                self.binders,
                (
                    parameters[name] if name in parameters else self.constants[name]
                    for name in self.names
                ),
                strict=True,
            )
        ]

    def values(self, rows: Iterable[Sequence[Any]]) -> list[R]:
        make, readers = self.make, self.readers
        if not any(readers):
            return [make(row) for row in rows]
        return [
            make(
                [
                    reader(column) if reader else column
                    for reader, column in zip(readers, row, strict=True)
                ]
            )
            for row in rows
        ]


# Statements are few and last as long as the process; two engines of a kind compile them alike.
_COMPILED: dict[tuple[str, Statement[Any]], Compiled[Any]] = {}


def compiled_once(statement: Statement[R], dialect: Dialect) -> Compiled[R]:
    key = (dialect.name, statement)
    compiled = _COMPILED.get(key)
    if compiled is None:
        compiled = _COMPILED[key] = compile_statement(statement, dialect)
    return compiled


def compile_statement(statement: Statement[R], dialect: Dialect) -> Compiled[R]:
    compiled = statement.construct.compile(dialect=dialect)  # type: ignore[attr-defined]
    if not isinstance(compiled, SQLCompiler):
        raise TypeError("a statement is a Core construct")
    names = tuple(compiled.positiontup or ())
    columns = getattr(statement.construct, "exported_columns", None)
    types = [column.type for column in columns] if columns is not None else []
    return Compiled(
        sql=str(compiled),
        names=names,
        constants={
            name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required
        },
        binders=tuple(_binder(compiled.binds[name].type, dialect) for name in names),
        readers=tuple(_reader(kind, dialect) for kind in types),
        make=_maker(statement.row),
        takes_lists=any(isinstance(compiled.binds[name].type, ARRAY) for name in names),
        fills=_filled(statement.construct, names),
    )


def _maker(row: Callable[..., R]) -> Callable[[Sequence[Any]], R]:
    made: Any = row
    if isinstance(made, type) and issubclass(made, tuple):
        # A named tuple's own way in takes its members one by one.
        return cast(Callable[[Sequence[Any]], R], partial(tuple.__new__, made))
    return lambda columns: row(*columns)


def _filled(construct: Executable, names: tuple[str, ...]) -> str | None:
    """The table into which a plain INSERT puts whole rows, so that they may be copied as well."""
    if type(construct) is not Insert:
        return None
    table = construct.table
    whole = isinstance(table, Table) and set(names) == {column.key for column in table.columns}
    return table.name if whole else None


def _binder(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    own = kind.dialect_impl(dialect)
    # Every driver takes bytes as they are, and gives them so.
    return None if isinstance(own, LargeBinary) else own.bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    own = kind.dialect_impl(dialect)
    return None if isinstance(own, LargeBinary) else own.result_processor(dialect, None)

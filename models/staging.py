"""A transaction kept in memory: what its statements ask for was read for many items at once, what
they write is kept and reaches the database at the end, in statements for many rows.

The same posting path runs on it for item after item. A statement that memory cannot answer raises
`NotStaged`: such an item is posted the single way. Source: engineering 3.4, performance g.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar, cast

from sqlalchemy import Insert, Table

from models.database import Transaction
from models.statements import KeyedStatement, Statement

R = TypeVar("R")
Key = tuple[Any, ...]
_ABSENT = object()


class NotStaged(Exception):  # noqa: N818 - named for what is wrong
    """The statement asks for, or writes, what is not kept in memory."""


@dataclass(frozen=True, eq=False)
class Kept(Generic[R]):
    """A table of which all rows of some keys are kept; `group` is the column by which rows are
    asked for, `key` the primary key.

    `named` says which column a parameter of `change`, `delete` or a query means, where their names
    differ; `order` is that of the queries.
    """

    table: Table
    row: type[R]
    group: str
    key: tuple[str, ...]
    found_by: KeyedStatement[R]
    # Queries for the rows of one group, and which of these they give.
    queries: Mapping[Statement[R] | KeyedStatement[R], Callable[[R], bool] | None]
    insert: Statement[None] | None = None
    change: Statement[None] | None = None
    delete: Statement[None] | None = None
    # An INSERT that leaves a row that is there; memory answers for it only where one is.
    claim: Statement[None] | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    order: Callable[[R], Any] | None = None

    def place(self, row: R) -> Key:
        return tuple([getattr(row, name) for name in self.key])

    def column(self, name: str) -> str:
        """The column that a parameter means."""
        return self.named.get(name, name)


class _Image(Generic[R]):
    """The rows kept of one table, and which of them the database does not have so yet."""

    def __init__(self, kept: Kept[R]) -> None:
        self.kept = kept
        self.groups: dict[Any, dict[Key, R]] = {}
        self.new: dict[Key, R] = {}
        self.changed: dict[Key, R] = {}
        self.deleted: dict[Key, R] = {}


class _Undo(NamedTuple):
    rows: dict[Any, Any]
    key: Any
    before: Any


class Staged(Transaction):
    """A transaction over `inner`; `kept` are the tables it knows.

    What no table keeps is only ever added to: rows of its INSERTs are gathered.
    """

    def __init__(self, inner: Transaction, kept: Iterable[Kept[Any]]) -> None:
        connection = cast("Any", inner)._connection  # noqa: SLF001 (it stands in for it)
        super().__init__(inner._compiled, connection)  # noqa: SLF001
        self.inner = inner
        self._images = {one: _Image(one) for one in kept}
        self._tables = {one.table for one in self._images}
        self._queries: dict[Any, tuple[_Image[Any], Callable[[Any], bool] | None]] = {}
        self._writers: dict[Statement[None], Callable[[Mapping[str, Any]], int]] = {}
        self._added: dict[Statement[None], list[Mapping[str, Any]]] = {}
        self._undo: list[_Undo] = []
        for image in self._images.values():
            self._register(image)

    def _register(self, image: _Image[Any]) -> None:
        kept = image.kept
        for query, wanted in kept.queries.items():
            self._queries[query] = (image, wanted)
        for statement, writer in (
            (kept.insert, self._insert),
            (kept.change, self._change),
            (kept.delete, self._delete),
            (kept.claim, self._claim),
        ):
            if statement is not None:
                self._writers[statement] = _bound(writer, image)

    # -- reading from the database, for many

    async def load(self, kept: Kept[R], groups: Iterable[Any]) -> list[R]:
        """Keep all rows of the groups, in one statement for every `MAXIMUM_KEYS`; gives them."""
        wanted = [*dict.fromkeys(groups)]
        return self.keep(kept, wanted, await self.inner.each(kept.found_by, wanted))

    def keep(self, kept: Kept[R], groups: Iterable[Any], rows: Sequence[R]) -> list[R]:
        """Keep the rows, which are all there are of the groups."""
        image: _Image[R] = self._images[kept]
        for group in groups:
            image.groups[group] = {}
        for row in rows:
            image.groups[getattr(row, kept.group)][kept.place(row)] = row
        return list(rows)

    # -- what a posting asks and writes

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        image, wanted = self._query(statement)
        named = image.kept.named
        (group,) = [
            value for name, value in parameters.items() if named.get(name, name) == image.kept.group
        ]
        return self._rows(image, wanted, [group])

    async def each(
        self, statement: KeyedStatement[R], keys: Sequence[Any], **parameters: Any
    ) -> list[R]:
        if not keys:
            return []
        image, wanted = self._query(statement)
        if parameters:
            raise NotStaged
        return self._rows(image, wanted, keys)

    def _query(self, statement: Any) -> tuple[_Image[Any], Callable[[Any], bool] | None]:
        found = self._queries.get(statement)
        if found is None:
            raise NotStaged
        return found

    def _rows(
        self, image: _Image[Any], wanted: Callable[[Any], bool] | None, keys: Sequence[Any]
    ) -> list[Any]:
        rows: list[Any] = []
        for key in keys:
            group = image.groups.get(key)
            if group is None:
                raise NotStaged
            rows += group.values()
        if wanted is not None:
            rows = [row for row in rows if wanted(row)]
        order = image.kept.order
        return sorted(rows, key=order) if order and len(rows) > 1 else rows

    async def run(self, statement: Statement[None], **parameters: Any) -> int:
        return self._write(statement, parameters)

    async def run_many(self, statement: Statement[None], rows: Sequence[Mapping[str, Any]]) -> None:
        if self._is_only_added_to(statement):
            self._added.setdefault(statement, []).extend(rows)
            return
        for row in rows:
            self._write(statement, row)

    def _write(self, statement: Statement[None], parameters: Mapping[str, Any]) -> int:
        writer = self._writers.get(statement)
        if writer is not None:
            return writer(parameters)
        if not self._is_only_added_to(statement):
            raise NotStaged
        self._added.setdefault(statement, []).append(parameters)
        return 1

    def _is_only_added_to(self, statement: Statement[None]) -> bool:
        construct = statement.construct
        return type(construct) is Insert and construct.table not in self._tables

    def _claim(self, image: _Image[Any], parameters: Mapping[str, Any]) -> int:
        place = tuple([parameters[name] for name in image.kept.key])
        self._group_with(image, place)
        return 0

    def _insert(self, image: _Image[Any], parameters: Mapping[str, Any]) -> int:
        row = image.kept.row(**parameters)
        place = image.kept.place(row)
        group = image.groups.get(getattr(row, image.kept.group))
        if group is None or place in group:
            raise NotStaged
        self._set(group, place, row)
        self._set(image.new, place, row)
        return 1

    def _change(self, image: _Image[Any], parameters: Mapping[str, Any]) -> int:
        column = image.kept.column
        members = {column(name): value for name, value in parameters.items()}
        place = tuple([members.pop(name) for name in image.kept.key])
        group = self._group_with(image, place)
        row = group[place]._replace(**members)
        self._set(group, place, row)
        self._set(image.new if place in image.new else image.changed, place, row)
        return 1

    def _delete(self, image: _Image[Any], parameters: Mapping[str, Any]) -> int:
        column = image.kept.column
        members = {column(name): value for name, value in parameters.items()}
        place = tuple([members[name] for name in image.kept.key])
        group = self._group_with(image, place)
        row = group[place]
        self._set(group, place, _ABSENT)
        if place in image.new:
            self._set(image.new, place, _ABSENT)
        else:
            self._set(image.changed, place, _ABSENT)
            self._set(image.deleted, place, row)
        return 1

    def _group_with(self, image: _Image[Any], place: Key) -> dict[Key, Any]:
        group = image.groups.get(place[image.kept.key.index(image.kept.group)])
        if group is None or place not in group:
            raise NotStaged
        return group

    def _set(self, rows: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append(_Undo(rows, key, rows.get(key, _ABSENT)))
        _put(rows, key, value)

    # -- items, one after another

    def mark(self) -> tuple[int, dict[Statement[None], int]]:
        """A point to which `back` returns: the start of an item."""
        self._undo.clear()
        return 0, {statement: len(rows) for statement, rows in self._added.items()}

    def back(self, mark: tuple[int, dict[Statement[None], int]]) -> None:
        """Forget what was written since the mark."""
        for undo in reversed(self._undo):
            _put(undo.rows, undo.key, undo.before)
        self._undo.clear()
        self.happened.clear()
        for statement, rows in self._added.items():
            del rows[mark[1].get(statement, 0) :]

    # -- writing to the database, for many

    async def flush(self) -> None:
        """Write what is gathered; what is kept is then as the database has it."""
        for statement, rows in self._added.items():
            await self.inner.run_many(statement, rows)
        self._added.clear()
        for image in self._images.values():
            kept = image.kept
            await self._flushed(kept.delete, kept, image.deleted)
            await self._flushed(kept.insert, kept, image.new)
            await self._flushed(kept.change, kept, image.changed)

    async def _flushed(
        self, statement: Statement[None] | None, kept: Kept[Any], rows: dict[Key, Any]
    ) -> None:
        if statement is not None and rows:
            parameters = [_parameters(kept, row, statement is kept.insert) for row in rows.values()]
            await self.inner.run_many(statement, parameters)
        rows.clear()


def _bound(
    writer: Callable[[_Image[Any], Mapping[str, Any]], int], image: _Image[Any]
) -> Callable[[Mapping[str, Any]], int]:
    return lambda parameters: writer(image, parameters)


def _put(rows: dict[Any, Any], key: Any, value: Any) -> None:
    if value is _ABSENT:
        rows.pop(key, None)
    else:
        rows[key] = value


def _parameters(kept: Kept[Any], row: Any, is_insert: bool) -> dict[str, Any]:
    members: dict[str, Any] = row._asdict()
    if not is_insert:
        for name, column in kept.named.items():
            members[name] = members[column]
    return members

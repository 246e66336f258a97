"""Running operations: so many at once, each within its deadline, none cut off by its caller."""

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeGuard, TypeVar, cast

import strawberry
from graphql import ExecutionResult, GraphQLSchema, create_source_event_stream, execute
from strawberry.execution import optimized_is_awaitable

from execution.documents import Prepared
from execution.pacing import paced
from execution.refusal import UNAVAILABLE, RequestRefused

_T = TypeVar("_T")

_is_awaitable = cast(Callable[[Any], TypeGuard[Awaitable[Any]]], optimized_is_awaitable)


@asynccontextmanager
async def deadline(milliseconds: int, refusal: RequestRefused) -> AsyncIterator[None]:
    """Cancel what is inside after `milliseconds` and raise `refusal`."""
    try:
        async with asyncio.timeout(milliseconds / 1000) as timeout:
            yield
    except TimeoutError as error:
        # One that was raised inside, by a socket say, is not ours to explain.
        if timeout.expired():
            raise refusal from error
        raise


class Places:
    """So many at once; when all are taken, whoever comes is refused with 503."""

    def __init__(self, most: int, refusal: str) -> None:
        self._most = most
        self._refusal = refusal
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one of them."""
        if self._taken >= self._most:
            raise RequestRefused(503, UNAVAILABLE, self._refusal, {"Retry-After": "1"})
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class Runner:
    """Executes prepared operations of one schema.

    It goes to graphql-core directly, for documents are parsed and validated already. What
    Strawberry's own way adds to that, extensions and operation directives, is refused here rather
    than silently left out.
    """

    def __init__(self, schema: strawberry.Schema, *, in_flight: int, errors_max: int) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("The schema has extensions or directives, which would not be run.")
        self.core: GraphQLSchema = schema._schema  # noqa: SLF001 - shown nowhere else
        self._executor = paced(schema.execution_context_class)
        self.slots = Places(in_flight, "Too many requests at once: try again.")
        self._errors_max = errors_max
        self._tasks: set[asyncio.Task[Any]] = set()

    async def detached(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Await `work` so that it goes on when the caller goes away, as a mutation must."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for operations whose callers went away; for the end of the application's life."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def execute(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any],
        context: object,
        *,
        root: object = None,
        is_suggesting: bool,
        extensions: Mapping[str, Any],
    ) -> ExecutionResult:
        result = execute(
            self.core,
            prepared.document,
            root_value=root,
            context_value=context,
            variable_values=dict(variables),
            operation_name=prepared.name,
            max_coercion_errors=self._errors_max,
            executor_class=self._executor,
            is_awaitable=_is_awaitable,
            hide_suggestions=not is_suggesting,
            operation_extensions=dict(extensions),
        )
        return result if isinstance(result, ExecutionResult) else await result

    async def source(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any],
        context: object,
        *,
        is_suggesting: bool,
        extensions: Mapping[str, Any],
    ) -> AsyncIterable[Any] | ExecutionResult:
        """The events of a subscription, or the errors for which there are none."""
        executor = self._executor.build(
            self.core,
            prepared.document,
            context_value=context,
            raw_variable_values=dict(variables),
            operation_name=prepared.name,
            max_coercion_errors=self._errors_max,
            is_awaitable=_is_awaitable,
            hide_suggestions=not is_suggesting,
            operation_extensions=dict(extensions),
        )
        if isinstance(executor, list):
            return ExecutionResult(None, errors=executor)
        created: Any = create_source_event_stream(executor)
        found: AsyncIterable[Any] | ExecutionResult
        found = await created if _is_awaitable(created) else created
        return found

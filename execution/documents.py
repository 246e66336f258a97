"""Documents, parsed, bounded and validated once as long as they are remembered."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from graphql import (
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    TypeInfo,
    ValidationContext,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.language import (
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    TokenKind,
)
from graphql.validation import (
    ASTValidationRule,
    NoFragmentCyclesRule,
    UniqueFragmentNamesRule,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from execution.cost import Selected, Walk
from execution.limits import Limits, check_overlaps, check_spelled_out, check_written, refuse
from execution.refusal import (
    INVALID_INPUT,
    PARSE_FAILED,
    VALIDATION_FAILED,
    RequestRefused,
)

RULES: tuple[type[ASTValidationRule], ...] = (
    *specified_rules,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)

RULES_OF_FRAGMENTS: tuple[type[ASTValidationRule], ...] = (
    UniqueFragmentNamesRule,
    NoFragmentCyclesRule,
)
"""What must hold before fragments can be spelled out."""

_TEXTS = frozenset({TokenKind.STRING, TokenKind.BLOCK_STRING, TokenKind.COMMENT})

_TOKEN_BYTES = 512
"""Memory that a token takes with its share of nodes: 310 bytes were measured."""


class OperationRefused(Exception):  # noqa: N818 - named for what is wrong, as every refusal here
    """Nothing is executed: the answer has these errors and no data; each has its code."""

    def __init__(self, errors: Sequence[GraphQLError], code: str) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors
        for error in errors:
            error.extensions = {"code": code, **(error.extensions or {})}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid document, the operation chosen from it, and the memory that keeping it takes."""

    document: DocumentNode
    operation: OperationDefinitionNode
    walk: Walk
    selected: frozenset[Selected]
    weight_bytes: int

    @property
    def name(self) -> str | None:
        return self.operation.name.value if self.operation.name else None

    @property
    def kind(self) -> OperationType:
        return self.operation.operation


class Documents:
    """Prepares documents and remembers the valid ones, the least recently used forgotten first.

    What is remembered is bounded by `entries` and by `total_bytes`, for a thousand small documents
    and a hundred large ones weigh alike. Invalid ones are not remembered: they would push out
    those in use, and their refusal is no dearer the second time.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        entries: int = 500,
        total_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._entries = entries
        self._total_bytes = total_bytes
        self._kept: OrderedDict[tuple[str, str | None], Prepared] = OrderedDict()
        self._kept_bytes = 0

    @property
    def kept(self) -> int:
        return len(self._kept)

    @property
    def kept_bytes(self) -> int:
        return self._kept_bytes

    def prepare(
        self, text: str, operation_name: str | None, *, is_suggesting: bool = False
    ) -> Prepared:
        """Choose the operation `operation_name`, or the only one, of the document `text`.

        Raises RequestRefused for a document beyond the limits or without such an operation, and
        OperationRefused for one that does not parse or validate.
        """
        key = (text, operation_name)
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        prepared = self._prepare(text, operation_name, is_suggesting)
        self._keep(key, prepared)
        return prepared

    def _prepare(self, text: str, operation_name: str | None, is_suggesting: bool) -> Prepared:
        document = self._parse(text)
        tokens = _count_and_check_tokens(document)
        operation = _chosen(document, operation_name)
        check_written(document, self._limits)
        self._check_fragments(document)
        check_spelled_out(document, self._limits)
        check_overlaps(document, self._limits)
        self._validate(document, is_suggesting=is_suggesting)
        walk = Walk(self._schema, operation, _fragments(document))
        if walk.repeated is not None:
            refuse(f"The list {walk.repeated.parent}.{walk.repeated.field} stands within itself.")
        return Prepared(
            document,
            operation,
            walk,
            frozenset(walk.selected),
            len(text) * 4 + tokens * _TOKEN_BYTES,
        )

    def _parse(self, text: str) -> DocumentNode:
        if len(text) > self._limits.characters:
            refuse(f"The document has more than {self._limits.characters} characters.")
        try:
            return parse(text, max_tokens=self._limits.tokens, allow_empty_selection_sets=False)
        except GraphQLSyntaxError as error:
            if error.message.endswith("tokens. Parsing aborted."):
                refuse(f"The document has more than {self._limits.tokens} tokens.")
            raise OperationRefused([error], PARSE_FAILED) from error

    def _check_fragments(self, document: DocumentNode) -> None:
        # One after the other and without types: each of these rules leaves out what is inside
        # definitions, which `validate` would walk through.
        errors: list[GraphQLError] = []
        context = ValidationContext(self._schema, document, TypeInfo(self._schema), errors.append)
        for rule in RULES_OF_FRAGMENTS:
            visit(document, rule(context))
        self._refuse_if_any(errors)

    def _validate(self, document: DocumentNode, *, is_suggesting: bool) -> None:
        self._refuse_if_any(
            validate(
                self._schema,
                document,
                RULES,
                self._limits.errors,
                hide_suggestions=not is_suggesting,
            )
        )

    def _refuse_if_any(self, errors: list[GraphQLError]) -> None:
        if errors:
            raise OperationRefused(errors[: self._limits.errors], VALIDATION_FAILED)

    def _keep(self, key: tuple[str, str | None], prepared: Prepared) -> None:
        self._kept[key] = prepared
        self._kept_bytes += prepared.weight_bytes
        while len(self._kept) > self._entries or self._kept_bytes > self._total_bytes:
            _, forgotten = self._kept.popitem(last=False)
            self._kept_bytes -= forgotten.weight_bytes


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name is not None:
        operations = [one for one in operations if one.name and one.name.value == name]
    if not operations:
        refuse("The document has no such operation." if name else "The document has no operation.")
    if len(operations) > 1 and name is None:
        refuse("The document has several operations: say which one by operationName.")
    return operations[0]


def _count_and_check_tokens(document: DocumentNode) -> int:
    """Count the tokens; refuse texts that no database and no log takes."""
    count = 0
    token = document.loc.start_token if document.loc else None
    while token is not None:
        count += 1
        if token.kind in _TEXTS and "\0" in (token.value or ""):
            message = "A string or comment of the document contains U+0000."
            raise RequestRefused(400, INVALID_INPUT, message)
        token = token.next
    return count

"""What subscribers of events are told: of a card a selection of theirs, checked when it is saved;
of the event what can be looked up.
"""

import json
from functools import cache
from typing import Any
from uuid import UUID

from graphql import GraphQLError, parse
from graphql.language import FragmentDefinitionNode

from execution.documents import Documents, OperationRefused, Prepared
from execution.limits import Limits
from execution.refusal import RequestRefused
from execution.relay import encode_id
from execution.running import Runner
from models.failures import DatabaseSlow, DatabaseUnavailable
from resolvers.context import Context
from rules.errors import InvalidInput, LoyaltyError, Refused
from schema.schema import schema

PATH = ("selection",)
MAXIMUM_TEXT = 8192
# Told of every event, so a tenth of what a query may cost.
MAXIMUM_COST = 1000
_QUERY = "query Event($id: ID!) { node(id: $id) { ...Told } } fragment Told on LoyaltyCard "


@cache
def _documents() -> Documents:
    return Documents(schema._schema, Limits())  # noqa: SLF001


@cache
def _runner() -> Runner:
    return Runner(schema, in_flight=1, errors_max=1)


def check_selection(selection: str) -> None:
    """Raises Refused with every fault of a selection on LoyaltyCard."""
    try:
        _prepared(selection)
    except OperationRefused as refused:
        faults: list[LoyaltyError] = [InvalidInput(e.message, PATH) for e in refused.errors]
        raise Refused(faults) from refused
    except RequestRefused as refused:
        raise Refused([InvalidInput(refused.message, PATH)]) from refused


def _prepared(selection: str) -> Prepared:
    if len(selection) > MAXIMUM_TEXT:
        raise OperationRefused([GraphQLError(f"At most {MAXIMUM_TEXT} characters.")], "TOO_LONG")
    try:
        alone = parse(f"fragment Told on LoyaltyCard {selection}", max_tokens=Limits().tokens)
    except GraphQLError as error:
        raise OperationRefused([error], "MALFORMED") from error
    if len(alone.definitions) != 1 or not isinstance(alone.definitions[0], FragmentDefinitionNode):
        raise OperationRefused([GraphQLError("One selection in braces is wanted.")], "MALFORMED")
    prepared = _documents().prepare(_QUERY + selection, None)
    cost = prepared.walk.cost({}, Limits())
    if cost > MAXIMUM_COST:
        message = f"The selection costs {cost}, more than {MAXIMUM_COST}."
        raise OperationRefused([GraphQLError(message)], "TOO_COSTLY")
    return prepared


async def card_payload(context: Context, card_id: UUID, selection: str) -> object:
    """What the selection gives on the card; null where it no longer fits the schema.

    A field that fails is null, as in any answer. Raises DatabaseUnavailable and DatabaseSlow.
    """
    try:
        prepared = _prepared(selection)
    except (OperationRefused, RequestRefused):
        return None
    variables: dict[str, Any] = {"id": encode_id("LoyaltyCard", card_id.bytes)}
    result = await _runner().execute(
        prepared, variables, context, is_suggesting=False, extensions={}
    )
    for error in result.errors or ():
        if isinstance(error.original_error, DatabaseUnavailable | DatabaseSlow):
            raise error.original_error
    return (result.data or {}).get("node")


def event_payload(kind: str, card_id: UUID, payload: str) -> str:
    """What the outbox says of the event, entries and payments by the ids that `node` knows."""
    if kind not in ("pointsPosted", "paymentChanged"):
        return payload
    told = json.loads(payload)
    if "entries" in told:
        entries = (UUID(one).bytes for one in told["entries"])
        told["entries"] = [encode_id("LoyaltyTransaction", card_id.bytes, one) for one in entries]
    if "payment" in told:
        told["payment"] = encode_id("LoyaltyPayment", UUID(told["payment"]).bytes)
    return json.dumps(told)

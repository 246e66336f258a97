"""Objects by their ids: whatever type they are of, if the caller may see them."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from execution.relay import IdPart, MalformedId, decode_id
from resolvers import (
    activity_views,
    cards,
    configuration_versions,
    payment_views,
    programs,
    sale_views,
    transactions,
    webhooks,
)
from resolvers.callers import Role
from schema.access import Info
from schema.activities import ActivityLine
from schema.cards import LoyaltyCard, load_card
from schema.configurations import ConfigurationVersion
from schema.customers import Customer, load_customer
from schema.ledger import LoyaltyTransaction
from schema.payments import LoyaltyPayment
from schema.program import ActivityType, Affiliation, Channel, LoyaltyTier, RewardPoint, load_tier
from schema.sales import SalesTransaction
from schema.schemes import LoyaltyProgram, load_program
from schema.values import Node
from schema.webhooks import Webhook

Parts = tuple[IdPart, ...]
_UUID_BYTES = 16


def _uuid(part: IdPart) -> UUID:
    if not isinstance(part, bytes) or len(part) != _UUID_BYTES:
        raise MalformedId("The id is malformed.")
    return UUID(bytes=part)


def _text(part: IdPart) -> str:
    if not isinstance(part, str):
        raise MalformedId("The id is malformed.")
    return part


async def _card(info: Info, parts: Parts) -> LoyaltyCard | None:
    (part,) = parts
    return await load_card(info, _uuid(part))


async def _customer(info: Info, parts: Parts) -> Customer | None:
    (part,) = parts
    return await load_customer(info, _uuid(part))


async def _transaction(info: Info, parts: Parts) -> LoyaltyTransaction | None:
    card_part, entry_part = parts
    key = (_uuid(card_part), _uuid(entry_part))
    if await cards.by_id(info.context, key[0]) is None:
        return None
    row = await info.context.load(transactions.entries_by_id, key)
    return None if row is None else LoyaltyTransaction(row=row)


async def _sale(info: Info, parts: Parts) -> SalesTransaction | None:
    (part,) = parts
    if not isinstance(part, bytes):
        raise MalformedId("The id is malformed.")
    row = await sale_views.by_key(info.context, part)
    return None if row is None else SalesTransaction(row=row)


async def _payment(info: Info, parts: Parts) -> LoyaltyPayment | None:
    (part,) = parts
    row = await payment_views.find(info.context, _uuid(part))
    return None if row is None else LoyaltyPayment(row=row)


async def _activity_line(info: Info, parts: Parts) -> ActivityLine | None:
    (part,) = parts
    row = await activity_views.by_id(info.context, _uuid(part))
    return None if row is None else ActivityLine(row=row)


async def _version(info: Info, parts: Parts) -> ConfigurationVersion | None:
    (part,) = parts
    if not isinstance(part, int) or not 0 < part < 2**31:
        raise MalformedId("The id is malformed.")
    if not info.context.caller.is_managing:
        return None
    row = await info.context.load(configuration_versions.versions_by_number, part)
    return None if row is None else ConfigurationVersion(row=row)


async def _webhook(info: Info, parts: Parts) -> Webhook | None:
    (part,) = parts
    key = _uuid(part)
    if info.context.caller.role is not Role.ADMIN:
        return None
    row = await info.context.load(webhooks.rows_by_id, key)
    return None if row is None else Webhook(row=row)


async def _channel(info: Info, parts: Parts) -> Channel | None:
    (part,) = parts
    found = await info.context.load(programs.channels_by_code, _text(part))
    return None if found is None else Channel(value=found)


async def _reward_point(info: Info, parts: Parts) -> RewardPoint | None:
    (part,) = parts
    found = await info.context.load(programs.reward_points_by_code, _text(part))
    return None if found is None else RewardPoint(value=found)


async def _program(info: Info, parts: Parts) -> LoyaltyProgram | None:
    (part,) = parts
    return await load_program(info, _text(part))


async def _tier(info: Info, parts: Parts) -> LoyaltyTier | None:
    program, code = parts
    return await load_tier(info, _text(program), _text(code))


async def _affiliation(info: Info, parts: Parts) -> Affiliation | None:
    (part,) = parts
    found = await info.context.load(programs.affiliations_by_code, _text(part))
    shown = found is not None and programs.may_see_affiliation(info.context, found)
    return Affiliation(value=found) if found is not None and shown else None


async def _activity_type(info: Info, parts: Parts) -> ActivityType | None:
    (part,) = parts
    found = await info.context.load(programs.activity_types_by_code, _text(part))
    return None if found is None else ActivityType(value=found)


_FINDERS: dict[str, Callable[[Info, Parts], Awaitable[Node | None]]] = {
    "LoyaltyCard": _card,
    "Customer": _customer,
    "LoyaltyTransaction": _transaction,
    "SalesTransaction": _sale,
    "LoyaltyPayment": _payment,
    "ActivityLine": _activity_line,
    "ConfigurationVersion": _version,
    "Webhook": _webhook,
    "Channel": _channel,
    "RewardPoint": _reward_point,
    "LoyaltyProgram": _program,
    "LoyaltyTier": _tier,
    "Affiliation": _affiliation,
    "ActivityType": _activity_type,
}
# How many parts a key has, where it is not one.
_PARTS = {"LoyaltyTransaction": 2, "LoyaltyTier": 2}


async def find(info: Info, text: str) -> Node | None:
    """The object, or None where there is none that the caller may see. Raises MalformedId."""
    type_name, parts = decode_id(text)
    finder = _FINDERS.get(type_name)
    if finder is None:
        raise MalformedId("The id is malformed.")
    if len(parts) != _PARTS.get(type_name, 1):
        raise MalformedId("The id is malformed.")
    return await finder(info, parts)

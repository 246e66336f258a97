"""What changes a customer: upsert, the loyalty block. Source: semantics 4."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.customer_statements import (
    CustomerRow,
    PersonRow,
    change_block,
    change_person,
    claim_customer_id,
    delete_affiliation,
    insert_affiliations,
    insert_customer,
    insert_person,
    locked_customer,
    people_of,
)
from models.failures import ChangedMeanwhile
from models.transactions import Transaction
from resolvers.audits import audit
from resolvers.callers import Role
from resolvers.context import Context
from resolvers.customers import MAXIMUM_TEXT, affiliations_held, key_of, missed
from resolvers.identifiers import random_id
from rules.book import RuleBook
from rules.errors import (
    AffiliationHidden,
    AffiliationNotFound,
    CustomerNotFound,
    InvalidInput,
    LoyaltyError,
    Refused,
)

PERSONAL = ("name", "email", "phone")


@dataclass(frozen=True, slots=True)
class Upsert:
    """`given` names the members that were sent: those left out stay, null clears."""

    customer_id: str
    given: frozenset[str]
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    affiliations: tuple[str, ...] = ()


def text_faults(**texts: str | None) -> list[LoyaltyError]:
    """Texts that are too long, by their path in the input."""
    return [
        InvalidInput(f"At most {MAXIMUM_TEXT} characters.", (name,))
        for name, text in texts.items()
        if text is not None and len(text) > MAXIMUM_TEXT
    ]


def _check_form(command: Upsert) -> None:
    faults = text_faults(name=command.name, email=command.email, phone=command.phone)
    if not 1 <= len(command.customer_id) <= MAXIMUM_TEXT:
        message = f"A customer id has 1 to {MAXIMUM_TEXT} characters."
        faults.append(InvalidInput(message, ("customerId",)))
    if len(command.affiliations) > MAXIMUM_TEXT:
        faults.append(InvalidInput(f"At most {MAXIMUM_TEXT} affiliations.", ("affiliations",)))
    if faults:
        raise Refused(faults)


async def upsert(context: Context, command: Upsert) -> UUID:
    """Create or change the customer; members left out stay. Answers with the inner key.

    Raises Refused, AffiliationNotFound, AffiliationHidden.
    """
    _check_form(command)

    async def unit(transaction: Transaction, book: RuleBook | None) -> UUID:
        now = context.service.clock()
        key, changed = await _claim(context, transaction, command.customer_id, now)
        changed += await _write_person(transaction, key, command)
        if "affiliations" in command.given:
            changed += await _write_affiliations(context, transaction, key, book, command)
        if changed:
            fields: dict[str, object] = {"fields": changed}
            await audit(context, transaction, "upsertCustomer", now, customer_key=key, after=fields)
        return key

    return await context.unit(unit)


async def _claim(
    context: Context, transaction: Transaction, customer_id: str, now: datetime
) -> tuple[UUID, list[str]]:
    """The customer's key, locked, and the names of fields that are new: made now if unknown."""
    fresh = random_id(context.service.randomness)
    if await transaction.run(claim_customer_id, customer_id=customer_id, customer_key=fresh):
        await transaction.run(
            insert_customer,
            customer_key=fresh,
            blocked_for_loyalty=False,
            created_at=now,
            erased_at=None,
        )
        await transaction.run(insert_person, **PersonRow(fresh, None, None, None, "")._asdict())
        return fresh, ["customerId"]
    key = await key_of(transaction, customer_id)
    if key is None:
        raise ChangedMeanwhile
    await lock_customer(transaction, key)
    return key, []


async def _write_person(transaction: Transaction, key: UUID, command: Upsert) -> list[str]:
    """The names of the personal fields that changed."""
    (before,) = await transaction.each(people_of, [key])
    given = {name: getattr(command, name) for name in PERSONAL if name in command.given}
    after = before._replace(**given)
    changed = [name for name in PERSONAL if getattr(before, name) != getattr(after, name)]
    if changed:
        found = " ".join(text for text in (after.name, after.email, after.phone) if text)
        members = after._replace(search_text=found.casefold())._asdict()
        members.pop("customer_key")
        await transaction.run(change_person, of_customer=key, **members)
    return changed


async def _write_affiliations(
    context: Context, transaction: Transaction, key: UUID, book: RuleBook | None, command: Upsert
) -> list[str]:
    """The list replaces the visible ones; an administrator's replaces all."""
    known = book.affiliations if book else {}
    wanted = set(command.affiliations)
    held = await affiliations_held(transaction, key)
    replaces_all = context.caller.role is Role.ADMIN
    for place, code in enumerate(command.affiliations):
        path = ("affiliations", str(place))
        if code not in known:
            raise AffiliationNotFound("There is no such affiliation.", path)
        if known[code].hide_in_channels and not replaces_all:
            raise AffiliationHidden("Channels may not set this affiliation.", path)
    kept = {code for code in held if code in known and known[code].hide_in_channels}
    wanted |= set() if replaces_all else kept
    for code in held - wanted:
        await transaction.run(delete_affiliation, of_customer=key, of_affiliation=code)
    await transaction.run_many(
        insert_affiliations,
        [{"customer_key": key, "affiliation": code} for code in sorted(wanted - held)],
    )
    return ["affiliations"] if wanted != held else []


async def set_block(context: Context, customer_id: str, reason: str, *, blocked: bool) -> UUID:
    """Stop or allow issue, link and replacement for the customer, in every channel.

    Raises CustomerNotFound, Refused.
    """
    check_reason(reason)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> UUID:
        key = await known_customer(context, transaction, customer_id)
        row = await lock_customer(transaction, key)
        if row.blocked_for_loyalty != blocked:
            await transaction.run(change_block, of_customer=key, blocked_for_loyalty=blocked)
            await audit(
                context,
                transaction,
                "setCustomerLoyaltyBlock",
                context.service.clock(),
                customer_key=key,
                reason=reason,
                before={"blocked": not blocked},
                after={"blocked": blocked},
            )
        return key

    return await context.unit(unit)


def check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= MAXIMUM_TEXT:
        message = f"A reason has 1 to {MAXIMUM_TEXT} characters."
        raise Refused([InvalidInput(message, ("reason",))])


async def known_customer(context: Context, transaction: Transaction, customer_id: str) -> UUID:
    key = await key_of(transaction, customer_id)
    if key is None:
        missed(context, customer_id)
        raise CustomerNotFound("There is no such customer.", ("customerId",))
    return key


async def lock_customer(transaction: Transaction, key: UUID) -> CustomerRow:
    """The customer's row, held until the transaction ends.

    Raises ChangedMeanwhile where the customer was erased while the row was waited for; the unit
    then runs again, and finds that nobody has the id.
    """
    row = await transaction.first(locked_customer, of_customer=key)
    if row is None or row.erased_at is not None:
        raise ChangedMeanwhile
    return row

"""Configuration versions: plan, apply, process, and what existing data forbids. Source: semantics
3.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from models.directory_statements import (
    advance_sequence,
    insert_sequence,
    locked_sequence,
    sequences,
)
from models.failures import ChangedMeanwhile
from models.program_statements import (
    CodeRow,
    VersionRow,
    affiliations_held,
    channels_with_cards,
    channels_with_payments,
    channels_with_sales,
    claim_version,
    locked_version,
    make_effective,
    newest_version,
    points_with_entries,
    programs_with_enrolments,
    types_with_unposted_lines,
    versions_queued,
)
from models.statements import KeyedStatement
from models.transactions import Reader, Transaction
from resolvers.adjustments import check_comment
from resolvers.audits import Facts, audit
from resolvers.books import read_stored
from resolvers.clock import MICROSECOND, civil_date
from resolvers.context import Context
from resolvers.held_tiers import HeldTiers
from rules.book import RuleBook
from rules.document import parse_document
from rules.errors import ConfigurationConflict, NotFound, Refused
from rules.plan import Change, changes
from rules.plan_refusals import Existing, at_stake, refusals
from rules.plan_warnings import warnings
from rules.program import Configuration

_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Plan:
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """`document` is data as sent; `base_version` None: whatever is newest."""

    document: object
    base_version: int | None
    comment: str | None
    process: bool


@dataclass(frozen=True, slots=True)
class Applied:
    version: VersionRow
    plan: Plan


async def plan(context: Context, document: object) -> Plan:
    """What applying would change. Raises Refused with every fault of the document."""
    return await _plan(context, context.read, document)


async def _plan(context: Context, reader: Reader, document: object) -> Plan:
    after = parse_document(document)
    newest = await reader.first(newest_version)
    before = parse_document(read_stored(newest.document)) if newest else None
    now = context.service.clock()
    await _refuse_lost_data(context, reader, after, now)
    counters = {row.code: row.next for row in await reader.all(sequences)}
    told = warnings(after, civil_date(now, "UTC"), counters)
    return Plan(changes(before, after), tuple(told))


async def _refuse_lost_data(
    context: Context, reader: Reader, after: Configuration, now: datetime
) -> None:
    """Compare with what exists under the versions that were in force: a stored one that was not has
    nothing to lose, and is judged again before it is.
    """
    history = await context.service.books.history(reader)
    past = [book.configuration for _, book in history.books]
    if not past:
        return
    asked = at_stake(past, after)
    book = history.books[-1][1]
    faults = refusals(past, after, await _existing(context, reader, asked, book, now))
    if faults:
        raise Refused(list(faults))


async def _existing(
    context: Context, reader: Reader, asked: Existing, book: RuleBook, now: datetime
) -> Existing:
    """What of the asked is stored: most documents take nothing away, and nothing is looked up."""

    async def used(statement: KeyedStatement[CodeRow], codes: Iterable[str]) -> frozenset[str]:
        return frozenset(row.code for row in await reader.each(statement, sorted(codes)))

    of_currency, of_removed = (
        asked.channels_with_sales_or_payments,
        asked.channels_with_cards_or_sales,
    )
    sold = await used(channels_with_sales, of_currency | of_removed)
    points = asked.reward_points_with_entries
    return Existing(
        reward_points_with_entries=await used(points_with_entries, points),
        reward_points_to_come=await _queued(context, reader, points),
        channels_with_sales_or_payments=sold | await used(channels_with_payments, of_currency),
        channels_with_cards_or_sales=sold | await used(channels_with_cards, of_removed),
        programs_with_enrolments=await used(
            programs_with_enrolments, asked.programs_with_enrolments
        ),
        tiers_with_running_rows=await HeldTiers(context, reader, book, now).among(
            asked.tiers_with_running_rows
        ),
        activity_types_with_unposted_lines=await used(
            types_with_unposted_lines, asked.activity_types_with_unposted_lines
        ),
        affiliations_held=await used(affiliations_held, asked.affiliations_held),
    )


async def _queued(context: Context, reader: Reader, points: frozenset[str]) -> frozenset[str]:
    """Those of the points that queued sales may earn, in the unit of their version."""
    versions = await reader.all(versions_queued) if points else []
    books = [await context.service.books.version(reader, row.version) for row in versions]
    return points & {code for book in books for code in book.reward_points}


async def apply(context: Context, command: Apply) -> Applied:
    """Store the document as the next version; a document equal to the newest one stores nothing.

    Raises InvalidInput for the comment, Refused with every fault, ConfigurationConflict where a
    newer version than `base_version` is stored.
    """
    check_comment(command.comment)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> Applied:
        newest = await _locked_newest(transaction)
        if command.base_version not in {None, newest.version if newest else 0}:
            raise ConfigurationConflict("A newer version is stored.", ("baseVersion",))
        planned = await _plan(context, transaction, command.document)
        after = parse_document(command.document)
        row = newest
        stored = newest is None or not _is_equal(newest, after)
        if stored:
            row = await _store(context, transaction, command, newest.version + 1 if newest else 1)
        if row is None:
            raise AssertionError
        if command.process or after.settings.process_on_apply:
            row = await _process(
                context, transaction, row, None if stored else "applyConfiguration"
            )
        return Applied(row, planned)

    applied = await context.unit(unit)
    await _take_notice(context)
    return applied


async def _locked_newest(transaction: Transaction) -> VersionRow | None:
    """The newest version stored. Whoever stores another or makes one effective waits for the unit,
    so that versions become effective in their order, each once.
    """
    newest = await transaction.first(newest_version)
    if newest is None:
        return None
    locked = await transaction.first(locked_version, of_version=newest.version)
    now = await transaction.first(newest_version)
    if locked is None or now is None or now.version != locked.version:
        raise ChangedMeanwhile
    return locked


async def _take_notice(context: Context) -> None:
    """No process waits for its own news."""
    context.book = await context.service.books.refresh(context.read)


def _is_equal(stored: VersionRow, after: Configuration) -> bool:
    return not changes(parse_document(read_stored(stored.document)), after)


async def _store(
    context: Context, transaction: Transaction, command: Apply, version: int
) -> VersionRow:
    now = context.service.clock()
    row = VersionRow(
        version=version,
        document=_ENCODER.encode(command.document).decode(),
        comment=command.comment,
        created_at=now,
        created_by=context.caller.name,
        effective_from=None,
    )
    if not await transaction.run(claim_version, **row._asdict()):
        raise ConfigurationConflict("Another version was stored meanwhile.", ("baseVersion",))
    await audit(
        context,
        transaction,
        "applyConfiguration",
        now,
        configuration_version=version,
        reason=command.comment,
    )
    return row


async def _raise_sequences(transaction: Transaction, after: Configuration) -> None:
    """`next` sets a new sequence; later it can only raise the counter."""
    for sequence in after.number_sequences:
        if await transaction.run(insert_sequence, code=sequence.code, next=sequence.next):
            continue
        row = await transaction.first(locked_sequence, of_code=sequence.code)
        if row is not None and row.next < sequence.next:
            await transaction.run(advance_sequence, of_code=sequence.code, next=sequence.next)


async def _process(
    context: Context, transaction: Transaction, row: VersionRow, operation: str | None
) -> VersionRow:
    """`operation` leaves an audit row; None: the call has left it already."""
    if row.effective_from is not None:
        return row
    effective = await context.service.books.refresh(transaction)
    now = context.service.clock()
    if effective is not None and effective.effective_from is not None:
        now = max(now, effective.effective_from + MICROSECOND)
    await transaction.run(make_effective, of_version=row.version, effective_from=now)
    await _raise_sequences(transaction, parse_document(read_stored(row.document)))
    if operation is not None:
        facts: Facts = {"effectiveFrom": now.isoformat()}
        await audit(
            context, transaction, operation, now, configuration_version=row.version, after=facts
        )
    return row._replace(effective_from=now)


async def process(context: Context) -> VersionRow:
    """Make the newest stored version effective.

    Raises NotFound where none is stored, Refused where it would take away or change the unit of
    something that exists by now; another version can be applied then.
    """

    async def unit(transaction: Transaction, _book: RuleBook | None) -> VersionRow:
        newest = await _locked_newest(transaction)
        if newest is None:
            raise NotFound("No configuration is stored yet.")
        row = await _process(context, transaction, newest, "processLoyaltySchemes")
        if newest.effective_from is None:
            after = parse_document(read_stored(newest.document))
            await _refuse_lost_data(context, transaction, after, context.service.clock())
        return row

    processed = await context.unit(unit)
    await _take_notice(context)
    return processed

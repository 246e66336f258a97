"""Tiers of a card in a program, judged by what counts for them, and written.

Source: semantics 9.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from models.card_statements import StoredTierRow, change_tier_row, delete_tier_row, insert_tier_row
from models.transactions import Transaction
from resolvers.happenings import TierReached
from resolvers.identifiers import Randomness, random_id
from resolvers.outbox import Event
from resolvers.standings import Standing
from rules import reevaluation
from rules import tiers as rules
from rules.balances import DAY
from rules.tier_rows import TierRow
from rules.tiers import Moment, Replay


def moments_from(standing_now: Standing, program: str, day: date) -> list[Moment]:
    """The day itself and, after it, every day on which something that the program counts was
    posted, so far as the card is enrolled then, and the card that it was posted on.
    """
    points = standing_now.book.judged_points(program)
    found = {day: False}
    counting = [row for row in standing_now.countable if row.entry_date >= day]
    for one in standing_now.kin if is_combined(standing_now, program) else ():
        counting += [
            row
            for row in one.countable
            if row.entry_date >= day and program in one.programs_on(row.entry_date)
        ]
    for row in counting:
        if row.reward_point in points:
            found[row.entry_date] = found.get(row.entry_date, False) or row.positive
    return [
        Moment(on, extends)
        for on, extends in found.items()
        if program in standing_now.programs_on(on)
    ]


def replay_of(
    posted: Standing, standing_now: Standing, program: str, moments: Sequence[Moment]
) -> Replay:
    """What is to be judged of a card, itself the `posted` one or its kin, after a posting that
    counts at the moments: also later days, where the card was not in the program on those.
    """
    first = min(moment.on for moment in moments)
    own = [
        one
        for one in moments
        if program in standing_now.programs_on(one.on)
        and (posted is standing_now or program in posted.programs_on(one.on))
    ]
    later = moments_from(standing_now, program, first)
    return Replay(first, [*own, *later], adds=any(moment.extends for moment in moments))


def joining(standing_now: Standing, program: str, day: date, today: date) -> Replay:
    """What is to be judged of a card that joined the program on the day, or whose kin did: no
    posting, so that no row that stands is extended by it.
    """
    moments = [one for one in moments_from(standing_now, program, day) if one.on <= today]
    return Replay(day, moments, adds=False)


def is_combined(standing_now: Standing, program: str) -> bool:
    found = standing_now.book.program(program)
    return found is not None and found.combine_related_loyalty_cards


async def judge(
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    asked: Replay,
    today: date,
    randomness: Randomness,
    before: Sequence[TierRow] | None = None,
) -> list[Event]:
    """Evaluate what is asked and write the rows that changed; tells of it by an event.

    `before` are the rows that stood before what is counted now: those that time had brought by then
    stay judged by what was there then.
    """
    after = _replayed(standing_now, program, asked, today, before)
    if after is None:
        return []
    stood = () if before is None else before
    changed = await write_rows(transaction, standing_now, program, after, randomness, stood)
    return [Event("tierChanged", {"program": program})] if changed else []


def _replayed(
    standing_now: Standing,
    program: str,
    asked: Replay,
    today: date,
    before: Sequence[TierRow] | None,
) -> Sequence[TierRow] | None:
    version = standing_now.version(standing_now.book, program)
    if version is None or not version.program.tiers:
        return None
    return rules.replay(
        standing_now.stored(program) if before is None else before,
        asked,
        today,
        version,
        lambda day: standing_now.version_on(program, day),
        standing_now.counted,
    )


def wins_nothing(
    standing_now: Standing,
    before: Standing,
    program: str,
    moments: Sequence[Moment],
    today: date,
) -> bool:
    """Whether the judgement that follows a posting at the moments would leave every stored row of
    the program as it is.
    """
    after = _replayed(
        standing_now,
        program,
        replay_of(standing_now, standing_now, program, moments),
        today,
        before.rows_until(program, today),
    )
    if after is None:
        return True
    wanted = {
        (row.tier, row.starts_on): (row.ends_on, row.brought) for row in after if not row.manual
    }
    return wanted == {
        (row.tier, row.starts_on): (row.ends_on, row.brought)
        for row in standing_now.rows
        if row.program == program and not row.manual
    }


def wins_lasting(standing_now: Standing, program: str, day: date) -> bool:
    """Whether no tier of the program would be over when won on the day, or on later ones on which
    something that it counts was posted.
    """
    version = standing_now.version(standing_now.book, program)
    if version is None:
        return True
    days = [moment.on for moment in moments_from(standing_now, program, day)]
    return all(rules.lasts(version, on) for on in days)


async def write_rows(
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    after: Sequence[TierRow],
    randomness: Randomness,
    before: Iterable[TierRow] = (),
) -> bool:
    """Whether any row changed; `before` are those that time had brought by now.

    Time alone grants nothing: else an answer would depend on whether the job has run.
    """
    known = {(row.tier, row.starts_on) for row in before}
    wanted = {(row.tier, row.starts_on): row for row in after if not row.manual}
    stored = {
        (row.tier, row.starts_on): row
        for row in standing_now.rows
        if row.program == program and not row.manual
    }
    for place, row in stored.items():
        if place not in wanted:
            await transaction.run(delete_tier_row, of_card=row.card_id, of_row=row.tier_row_id)
    moved = {tier for tier, _ in stored.keys() - wanted.keys()}
    changed = bool(moved)
    for place, won in wanted.items():
        kept = stored.get(place)
        # A row that a late posting has moved is no new entry into the tier.
        begins = kept is None and won.tier not in moved
        if begins and place not in known and not won.brought:
            note_begun(transaction, standing_now, program, won, after)
        await _write_row(transaction, standing_now, program, won, kept, randomness)
        changed = changed or kept is None or kept.ends_on != won.ends_on
    return changed


async def _write_row(
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    won: TierRow,
    kept: StoredTierRow | None,
    randomness: Randomness,
) -> None:
    if kept is None:
        new = StoredTierRow(
            standing_now.card_id,
            random_id(randomness),
            program,
            won.tier,
            won.starts_on,
            won.ends_on,
            manual=False,
            brought=won.brought,
        )
        await transaction.run(insert_tier_row, **new._asdict())
    elif (kept.ends_on, kept.brought) != (won.ends_on, won.brought):
        await transaction.run(
            change_tier_row,
            of_card=kept.card_id,
            of_row=kept.tier_row_id,
            ends_on=won.ends_on,
            brought=won.brought,
        )


def note_begun(
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    row: TierRow,
    rows: Iterable[TierRow],
) -> None:
    """Tell the unit that the row begins, where that makes it the card's tier among `rows`."""
    found = standing_now.book.program(program)
    if found is None:
        return
    rows = list(rows)
    held = rules.tier_on(rows, found, row.starts_on)
    before = rules.tier_on(rows, found, row.starts_on - DAY)
    if held is not None and held.tier == row.tier and (before is None or before.tier != row.tier):
        reached = TierReached(standing_now.card_id, program, row.tier, row.starts_on)
        transaction.happened.append(reached)


async def reevaluate(
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    today: date,
    randomness: Randomness,
) -> list[Event]:
    """Apply rules that may have changed; rows that time alone has brought are written, not told."""
    version = standing_now.version(standing_now.book, program)
    if version is None or not version.program.tiers:
        return []
    before = standing_now.rows_until(program, today)
    combined = is_combined(standing_now, program)
    latest = standing_now.latest_together if combined else standing_now.latest
    after = reevaluation.reevaluate(before, version, standing_now.counted, latest, today)
    await write_rows(transaction, standing_now, program, after, randomness, before)
    return [Event("tierChanged", {"program": program})] if after != before else []

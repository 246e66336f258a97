"""Activities in real time, and the one way by which an activity is posted: planned before any lock,
then judged and written under the card's.

Checks: form, type, channel, card, affiliation, review, limit. Source: semantics 5.7, 12.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from models.activity_statements import (
    ActivityDayRow,
    PostRow,
    activity_count,
    activity_days_of,
    change_activity_day,
    insert_activity_day,
    insert_post,
    posts_of,
)
from models.card_statements import CardRow
from models.directory_statements import claim_key, key_used
from models.failures import ChangedMeanwhile
from models.transactions import Transaction
from resolvers import tills
from resolvers.activity_checks import Activity, check_form, check_scope
from resolvers.activity_judging import (
    JudgedActivity,
    activity_drafts,
    activity_posted,
    gifts,
    judge_activity,
    notes_json,
)
from resolvers.audits import audit_card
from resolvers.callers import Role
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.happenings import ActivityCounted
from resolvers.identifiers import content_hash, operation_id
from resolvers.kin import lock_with_kin
from resolvers.lineage import replaced_ids
from resolvers.planned_activities import Plan, check_status, plan_activity
from resolvers.winning_tiers import win_tiers
from resolvers.writing import post
from rules import activities as rules
from rules.book import RuleBook
from rules.errors import (
    ActivityLimitReached,
    ActivityNeedsReview,
    IdempotencyKeyReused,
    InvalidInput,
)
from rules.program import ActivityType

REAL_TIME = "postNonTransactionalActivity"


@dataclass(frozen=True, slots=True)
class PostedActivity:
    activity_key: bytes
    replayed: bool


async def post_activity(context: Context, activity: Activity) -> PostedActivity:
    """Post the activity once; sent again with equal content it answers as the first time.

    Raises Refused, Forbidden, IdempotencyKeyReused, or the first LoyaltyError of the checks.
    """
    check_form(context, activity)
    check_scope(context.caller, activity)
    content = content_hash(activity)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> PostedActivity:
        if context.caller.role is Role.CUSTOMER:
            # Whose card it is comes first: a key tells nobody of a card that is not theirs.
            await tills.presented(context, transaction, activity.card_number)
        if await _posted_before(context, transaction, activity, content):
            return PostedActivity(activity.key, replayed=True)
        plan = await plan_activity(context, transaction, activity)
        _check_real_time(plan.kind)
        claim = {"key_hash": activity.key, "mutation": REAL_TIME, "payload_hash": content}
        if not await transaction.run(
            claim_key, **claim, first_used_at=plan.now, outcome="DONE", answer="{}"
        ):
            # Another call was first, and has ended by now.
            raise ChangedMeanwhile
        await write_activity(context, transaction, plan, REAL_TIME)
        return PostedActivity(activity.key, replayed=False)

    return await context.unit(unit)


def _check_real_time(kind: ActivityType) -> None:
    if kind.review:
        message = "Activities of this type are posted through the journal."
        raise ActivityNeedsReview(message, ("activityType",))


async def _posted_before(
    context: Context, transaction: Transaction, activity: Activity, content: bytes
) -> bool:
    """Whether this very activity is there. Raises IdempotencyKeyReused for another under its key,
    for a line of the journal, and for one that another partner posted.
    """
    used = await transaction.first(key_used, of_key=activity.key)
    if used is None:
        return False
    same = used.mutation == REAL_TIME and used.payload_hash == content
    if same and context.caller.role is Role.PARTNER:
        (found,) = await transaction.each(posts_of, [activity.key])
        same = found.posted_by == context.caller.scope
    if not same:
        raise IdempotencyKeyReused(used.first_used_at, ("activityId",))
    return True


async def write_activity(
    context: Context,
    transaction: Transaction,
    plan: Plan,
    operation: str,
    reviewed_by: str | None = None,
) -> None:
    """Judge under the card's lock and write everything: points, notes, counts, events, tiers.

    `reviewed_by`: who posts it, where it is a line of the journal.
    Raises CardBlocked, CardReplaced, ActivityLimitReached; then the transaction must not commit.
    """
    rows = await lock_with_kin(context, transaction, [plan.card])
    card = rows[plan.card.card_id]
    if card.replaced_by != plan.card.replaced_by:
        raise ChangedMeanwhile
    check_status(card)
    await _count(transaction, plan, card)
    judged = await judge_activity(
        context,
        transaction,
        plan.book,
        plan.channel,
        card,
        plan.activity,
        plan.entry_date,
        plan.now,
    )
    await note_counted(transaction, plan, card)
    posted = _post_row(context, plan, card, judged, reviewed_by)
    await transaction.run_rows(insert_post, [posted])
    named = {"activityType": plan.kind.code, "activityId": plan.activity.activity_id}
    await audit_card(
        context, transaction, card.card_id, operation, plan.now, after=dict[str, object](named)
    )
    await _write_points(context, transaction, plan, card, judged)


def _post_row(
    context: Context, plan: Plan, card: CardRow, judged: JudgedActivity, reviewed_by: str | None
) -> PostRow:
    return PostRow(
        activity_key=plan.activity.key,
        card_id=card.card_id,
        activity_type=plan.kind.code,
        entry_date=plan.entry_date,
        posted_at=plan.now,
        posted_by=context.caller.scope,
        notes=notes_json(judged.earned),
        reviewed_by=reviewed_by,
    )


async def _count(transaction: Transaction, plan: Plan, card: CardRow) -> None:
    """Count the activity on its day; with those of cards that this one replaced it keeps the limit.

    Raises ActivityLimitReached.
    """
    day, limit = plan.entry_date, plan.kind.limit
    since, until = rules.judged_days(limit, day)
    ids = [card.card_id, *(await replaced_ids(transaction, card) if limit else ())]
    code = plan.kind.code
    rows = await transaction.each(activity_days_of, ids, of_type=code, since=since, until=until)
    if limit is not None and rules.exceeds(limit, _sums(rows), day):
        message = "The card has reached the limit of this activity type."
        raise ActivityLimitReached(message, ("activityType",))
    own = {row.entry_date: row.posted for row in rows if row.card_id == card.card_id}
    if day in own:
        await transaction.run(
            change_activity_day,
            of_card=card.card_id,
            of_type=code,
            of_day=day,
            posted=own[day] + 1,
        )
    else:
        first = ActivityDayRow(card.card_id, code, day, 1)
        await transaction.run(insert_activity_day, **first._asdict())


async def note_counted(transaction: Transaction, plan: Plan, card: CardRow) -> None:
    """Tell the unit how many of the type the card has posted, where a reward asks."""
    code = plan.kind.code
    if code not in plan.book.counted_types:
        return
    ids = [card.card_id, *await replaced_ids(transaction, card)]
    (row,) = await transaction.each(activity_count, ids, of_type=code)
    transaction.happened.append(
        ActivityCounted(
            card.card_id,
            plan.channel.code,
            plan.entry_date,
            plan.occurred_at,
            plan.book,
            code,
            row.posted,
        )
    )


def _sums(rows: list[ActivityDayRow]) -> Mapping[date, int]:
    sums: dict[date, int] = {}
    for row in rows:
        sums[row.entry_date] = sums.get(row.entry_date, 0) + row.posted
    return sums


async def _write_points(
    context: Context,
    transaction: Transaction,
    plan: Plan,
    card: CardRow,
    judged: JudgedActivity,
) -> None:
    op_id = operation_id(plan.activity.key)
    zone = judged.standing.time_zone
    given = gifts(plan.book, plan.channel, judged.earned, plan.entry_date)
    drafts = activity_drafts(given, plan.kind.code, plan.activity.activity_id, plan.occurred_at)
    try:
        posted = await post(
            transaction,
            card,
            op_id=op_id,
            kind="activity",
            drafts=drafts,
            events=[activity_posted(plan.kind.code, plan.activity.activity_id, op_id)],
            now=plan.now,
            zone=zone,
            randomness=context.service.randomness,
        )
    except InvalidInput as beyond:
        beyond.field = ("activityType",)
        raise
    await win_tiers(context, transaction, posted, judged.standing, civil_date(plan.now, zone))

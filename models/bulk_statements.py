"""Statements over rows of many cards, for postings in bulk."""

from sqlalchemy import delete, select

from models.activities import activity_day
from models.activity_statements import ActivityDayRow
from models.balance_statements import BalanceRow, CountableDayRow, PointsDayRow
from models.card_statements import CardRow
from models.cards import card, card_counter
from models.columns import HASH, IDENTIFIER
from models.ledger import balance, countable_day, points_day
from models.reward_statements import CounterRow
from models.sale_statements import SaleFactRow, SaleRow
from models.sales import pending_earning, sale, sale_fact
from models.statements import KeyedStatement, among, changes, write_each

# Sorted before they are locked: every unit that locks several cards does so in this order.
locked_cards_of: KeyedStatement[CardRow] = KeyedStatement(
    lambda keys: (
        select(card).where(among(card.c.card_id, keys)).order_by(card.c.card_id).with_for_update()
    ),
    CardRow,
    IDENTIFIER,
)
# Used up days as well: they are written again where points come to them.
points_days_of_cards: KeyedStatement[PointsDayRow] = KeyedStatement(
    lambda keys: select(points_day).where(among(points_day.c.card_id, keys)),
    PointsDayRow,
    IDENTIFIER,
)
# Sales alone: a return locks its sale when it has locked itself.
locked_sales_of: KeyedStatement[SaleRow] = KeyedStatement(
    lambda keys: (
        select(sale)
        .where(among(sale.c.sale_key, keys), sale.c.kind == "SALE")
        .order_by(sale.c.sale_key)
        .with_for_update()
    ),
    SaleRow,
    HASH,
)

advance_cards = changes(
    card,
    ("card_id",),
    ("next_seq", "next_event", "head_hash", "last_posted_at", "last_entry_on"),
)
change_balances = changes(balance, BalanceRow._fields[:2], BalanceRow._fields[2:])
change_countable_days = changes(
    countable_day, CountableDayRow._fields[:3], CountableDayRow._fields[3:]
)
change_activity_days = changes(activity_day, ActivityDayRow._fields[:3], ActivityDayRow._fields[3:])
change_facts_of_sales = changes(sale_fact, SaleFactRow._fields[:1], SaleFactRow._fields[1:])
change_counters = changes(card_counter, CounterRow._fields[:2], CounterRow._fields[2:])
end_queued = write_each(
    lambda keys: delete(pending_earning).where(among(pending_earning.c.sale_key, keys)), HASH
)

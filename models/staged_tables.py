"""The tables of which postings in bulk keep rows in memory. Source: engineering 3.4."""

from typing import Any

from sqlalchemy import select

from models.card_statements import (
    CardRow,
    EnrolmentRow,
    NumberRow,
    StoredTierRow,
    advance_card,
    cards_of,
    change_tier_row,
    delete_tier_row,
    enrolments_of,
    insert_tier_row,
    locked_card,
    numbers_of,
    tier_rows_of,
)
from models.cards import card, card_counter, enrolment, tier_row
from models.columns import IDENTIFIER
from models.customer_statements import (
    CustomerRefRow,
    HeldAffiliationRow,
    affiliations_of,
    refs_by_id,
)
from models.customers import customer_affiliation, customer_ref
from models.directory import card_number, reward_grant
from models.ledger import balance, countable_day, points_day
from models.ledger_statements import (
    BalanceRow,
    CountableDayRow,
    PointsDayRow,
    balances_of,
    change_balance,
    change_countable_day,
    change_points_day,
    countable_days_of,
    insert_balance,
    insert_countable_day,
    insert_points_day,
    points_days_of,
    points_days_of_card,
)
from models.reward_statements import (
    CounterRow,
    GrantRow,
    change_counter,
    claim_grant,
    counters_of,
    granted,
    grants_of,
    insert_counter,
)
from models.sale_statements import SaleRow, sales_of
from models.sales import sale
from models.staging import Kept
from models.statements import KeyedStatement

# Every card of a chunk is locked by one statement, in rising order of id.
locked_cards_of: KeyedStatement[CardRow] = KeyedStatement(
    lambda keys: (
        select(card).where(card.c.card_id.in_(keys)).order_by(card.c.card_id).with_for_update()
    ),
    CardRow,
    IDENTIFIER,
)
_every_points_day_of: KeyedStatement[PointsDayRow] = KeyedStatement(
    lambda keys: select(points_day).where(points_day.c.card_id.in_(keys)), PointsDayRow, IDENTIFIER
)

NUMBERS = Kept(card_number, NumberRow, "number", ("number",), numbers_of, {numbers_of: None})
REFS = Kept(
    customer_ref, CustomerRefRow, "customer_id", ("customer_id",), refs_by_id, {refs_by_id: None}
)
AFFILIATIONS = Kept(
    customer_affiliation,
    HeldAffiliationRow,
    "customer_key",
    ("customer_key", "affiliation"),
    affiliations_of,
    {affiliations_of: None},
)
SALES = Kept(sale, SaleRow, "sale_key", ("sale_key",), sales_of, {sales_of: None})
CARDS = Kept(
    card,
    CardRow,
    "card_id",
    ("card_id",),
    locked_cards_of,
    {cards_of: None, locked_card: None},
    change=advance_card,
    named={"of_card": "card_id"},
)
ENROLMENTS = Kept(
    enrolment,
    EnrolmentRow,
    "card_id",
    ("card_id", "enrolment_id"),
    enrolments_of,
    {enrolments_of: None},
    order=lambda row: (row.starts_on, row.program),
)
TIER_ROWS = Kept(
    tier_row,
    StoredTierRow,
    "card_id",
    ("card_id", "tier_row_id"),
    tier_rows_of,
    {tier_rows_of: None},
    insert_tier_row,
    change_tier_row,
    delete_tier_row,
    named={"of_card": "card_id", "of_row": "tier_row_id"},
)
BALANCES = Kept(
    balance,
    BalanceRow,
    "card_id",
    ("card_id", "reward_point"),
    balances_of,
    {balances_of: None},
    insert_balance,
    change_balance,
    named={"of_card": "card_id", "of_point": "reward_point"},
    order=lambda row: row.reward_point,
)
POINTS_DAYS = Kept(
    points_day,
    PointsDayRow,
    "card_id",
    ("card_id", "reward_point", "vests_on", "expires_on"),
    _every_points_day_of,
    {points_days_of_card: None, points_days_of: lambda row: row.remainder > 0},
    insert_points_day,
    change_points_day,
    named={
        "of_card": "card_id",
        "of_point": "reward_point",
        "of_vesting": "vests_on",
        "of_expiry": "expires_on",
    },
)
COUNTABLE_DAYS = Kept(
    countable_day,
    CountableDayRow,
    "card_id",
    ("card_id", "reward_point", "entry_date"),
    countable_days_of,
    {countable_days_of: None},
    insert_countable_day,
    change_countable_day,
    named={"of_card": "card_id", "of_point": "reward_point", "of_day": "entry_date"},
)
COUNTERS = Kept(
    card_counter,
    CounterRow,
    "card_id",
    ("card_id", "program"),
    counters_of,
    {counters_of: None},
    insert_counter,
    change_counter,
    named={"of_card": "card_id", "of_program": "program"},
)
# What cards, and customers, were granted once: it is never taken back.
GRANTS = Kept(
    reward_grant,
    GrantRow,
    "scope",
    ("reward", "scope"),
    grants_of,
    {granted: None},
    claim=claim_grant,
    named={"of_reward": "reward", "of_scope": "scope"},
)
# What hangs on a card, and is read under its lock.
OF_CARDS: tuple[Kept[Any], ...] = (
    ENROLMENTS,
    TIER_ROWS,
    BALANCES,
    POINTS_DAYS,
    COUNTABLE_DAYS,
    COUNTERS,
)
KEPT: tuple[Kept[Any], ...] = (NUMBERS, REFS, AFFILIATIONS, SALES, CARDS, *OF_CARDS, GRANTS)

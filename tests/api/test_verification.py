"""Books that prove themselves: whatever is changed behind the service's back is found."""

import contextlib
from collections.abc import Iterator

import pytest

from resolvers.verification import verify
from tests.api.activities import (
    activity_input,
    activity_program,
    created,
    post_lines,
    reject,
)
from tests.api.harness import Harness
from tests.api.program import reward_points
from tests.api.test_payments import holder, one, pay, program
from tests.api.test_points import adjust, give
from tests.databases import ON_SQLITE, execute


@contextlib.contextmanager
def emptied(url: str, table: str) -> Iterator[None]:
    """Without any row of the table meanwhile."""
    execute(url, f"CREATE TABLE kept AS SELECT * FROM {table}")  # noqa: S608
    execute(url, f"DELETE FROM {table}")  # noqa: S608
    yield
    execute(url, f"INSERT INTO {table} SELECT * FROM kept")  # noqa: S608
    execute(url, "DROP TABLE kept")


def broken(service: Harness) -> set[str]:
    """The rules at fault, in the words of `loyalty verify`."""

    async def found() -> set[str]:
        return {fault.rule async for fault in verify(service.database)}

    return service.wait(found())


@pytest.mark.parametrize(
    ("change", "back", "rules"),
    [
        (
            "UPDATE ledger_entry SET points = points + 1 WHERE entry_type = 'ADJUST'",
            "UPDATE ledger_entry SET points = points - 1 WHERE entry_type = 'ADJUST'",
            {"chain", "lot", "allocations", "countable days", "balance"},
        ),
        (
            "UPDATE ledger_entry SET points = 105 WHERE entry_type = 'TRANSFER' AND points = 100",
            "UPDATE ledger_entry SET points = 100 WHERE entry_type = 'TRANSFER' AND points = 105",
            {"chain", "lot", "balance", "transfer"},
        ),
        (
            "UPDATE card SET next_seq = next_seq + 1",
            "UPDATE card SET next_seq = next_seq - 1",
            {"head"},
        ),
        (
            "UPDATE card_number SET number = number || 'X'",
            "UPDATE card_number SET number = replace(number, 'X', '')",
            {"directory"},
        ),
        (
            "UPDATE lot_remainder SET remainder = remainder + 1",
            "UPDATE lot_remainder SET remainder = remainder - 1",
            {"lot", "points by day"},
        ),
        (
            "UPDATE lot_remainder SET held = held - 1 WHERE held > 0",
            "UPDATE lot_remainder SET held = held + 1 WHERE held > 0",
            {"holds", "points by day"},
        ),
        (
            "UPDATE payment SET status = 'VOIDED' WHERE status = 'AUTHORIZED'",
            "UPDATE payment SET status = 'AUTHORIZED' WHERE status = 'VOIDED'",
            {"holds"},
        ),
        (
            "UPDATE payment_slice SET points = points - 1",
            "UPDATE payment_slice SET points = points + 1",
            {"payments"},
        ),
        (
            "UPDATE payment SET refunded_minor = refunded_minor + 1",
            "UPDATE payment SET refunded_minor = refunded_minor - 1",
            {"payments"},
        ),
        (
            "UPDATE payment_slice SET refunded_points = points + 1",
            "UPDATE payment_slice SET refunded_points = 0",
            {"payments"},
        ),
        (
            "UPDATE points_day SET remainder = remainder + 1",
            "UPDATE points_day SET remainder = remainder - 1",
            {"points by day", "balance"},
        ),
        (
            "UPDATE countable_day SET points = points + 1",
            "UPDATE countable_day SET points = points - 1",
            {"countable days"},
        ),
        (
            "UPDATE allocation SET points = points + 1",
            "UPDATE allocation SET points = points - 1",
            {"lot", "allocations"},
        ),
        (
            "UPDATE lot_remainder SET expires_on = '9000-01-01'",
            "UPDATE lot_remainder SET expires_on = '9999-12-31'",
            {"lot", "points by day"},
        ),
        (
            "UPDATE countable_day SET positive = NOT positive",
            "UPDATE countable_day SET positive = NOT positive",
            {"countable days"},
        ),
        ("UPDATE balance SET used = used + 1", "UPDATE balance SET used = used - 1", {"balance"}),
        (
            "UPDATE balance SET next_hold_lapse_at = NULL",
            (
                "UPDATE balance SET next_hold_lapse_at = (SELECT max(expires_at) FROM hold_lot) "
                "WHERE held > 0"
            ),
            {"balance"},
        ),
        (
            "UPDATE card SET replaced_by = card_id WHERE number = 'GIVER'",
            "UPDATE card SET replaced_by = NULL WHERE number = 'GIVER'",
            {"lineage"},
        ),
    ],
)
def test_a_change_behind_the_books_is_found(
    service: Harness, change: str, back: str, rules: set[str]
) -> None:
    giver = holder(service, program(), 1000, number="GIVER")
    adjust(service, giver, -10)
    give(service, giver, service.issue("TAKER"), 100)
    pay(service, giver, "2.00", one("5.00"))
    pay(service, giver, "1.00", one("5.00"), capture=False)
    assert broken(service) == set()
    execute(service.database_url, change)
    assert broken(service) == rules
    execute(service.database_url, back)


def test_a_balance_that_is_taken_for_right_too_long_is_found(service: Harness) -> None:
    vesting = {"value": 14, "unit": "DAY"}
    points = reward_points(vesting=vesting)
    service.apply(service.document(rewardPoints=points))
    service.clock.set("2025-01-10")
    service.sale(service.issue(), "80.00")
    told = "UPDATE balance SET next_change_on = '{}' WHERE reward_point = 'PTS'"
    execute(service.database_url, told.format("2025-01-25"))
    assert broken(service) == {"balance"}
    execute(service.database_url, told.format("2025-01-24"))


@ON_SQLITE
def test_a_value_that_is_none_is_a_fault_of_its_card_alone(club: Harness) -> None:
    for number in ("LC-1", "LC-2"):
        adjust(club, club.issue(number), 10)
    change = "UPDATE {} WHERE card_id {} (SELECT card_id FROM card WHERE number = 'LC-1')"
    execute(club.database_url, change.format("lot_remainder SET vests_on = 'soon'", "="))
    execute(club.database_url, change.format("balance SET used = 1", "<>"))
    assert broken(club) == {"values", "balance"}
    execute(club.database_url, change.format("lot_remainder SET vests_on = '2024-01-01'", "="))
    execute(club.database_url, change.format("balance SET used = 0", "<>"))


def test_what_is_lost_or_leads_nowhere_is_found(service: Harness) -> None:
    welcome = {"code": "welcome", "name": "Welcome", "trigger": "CARD_ISSUED", "program": "CLUB"}
    service.apply({**program(), "oneTimeRewards": [{**welcome, "payload": {"productId": "MUG"}}]})
    card = service.issue(customerId=service.customer("C1"))
    adjust(service, card, 1000)
    bought = {**one("5.00"), "customerId": "C1"}
    assert pay(service, card, "2.00", bought)["userErrors"] == []
    assert broken(service) == set()
    for table, rules in {
        "card": {"book", "directory", "customer"},
        "card_number": {"directory"},
        "customer_card": {"customer"},
        "payment": {"payments"},
        "payment_card": {"payments"},
        "order_payment": {"payments"},
        "reward_grant": {"rewards"},
    }.items():
        with emptied(service.database_url, table):
            assert broken(service) == rules, table


def test_a_line_that_lost_its_place_in_the_journal_is_found(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    posted, rejected, _ = created(service, *(activity_input(service, card) for _ in range(3)))
    post_lines(service, posted)
    reject(service, rejected)
    assert broken(service) == set()
    for change, back in (
        (
            "UPDATE activity_line SET rejected_by = NULL",
            "UPDATE activity_line SET rejected_by = 'a' WHERE rejection_reason IS NOT NULL",
        ),
        (
            "UPDATE activity_line SET rejected_by = 'a'",
            "UPDATE activity_line SET rejected_by = NULL WHERE rejection_reason IS NULL",
        ),
        (
            "UPDATE activity_waiting SET card_number = card_number || 'X'",
            "UPDATE activity_waiting SET card_number = replace(card_number, 'X', '')",
        ),
        (
            "UPDATE activity_waiting SET affiliation = 'other'",
            "UPDATE activity_waiting SET affiliation = NULL",
        ),
    ):
        execute(service.database_url, change)
        assert broken(service) == {"journal"}
        execute(service.database_url, back)
    execute(service.database_url, "DELETE FROM activity_line WHERE rejected_by IS NULL")
    assert broken(service) == {"journal"}
    execute(service.database_url, "DELETE FROM activity_waiting")
    assert broken(service) == set()

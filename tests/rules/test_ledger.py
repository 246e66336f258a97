"""Engineering 1.1: the hash of an entry is over one canonical form, for ever."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rules.ledger import (
    Draft,
    EntryType,
    Occasion,
    Origin,
    Reason,
    chain,
    chain_alike,
    entry_hash,
)

TEXTS = st.none() | st.text()
IDS = st.none() | st.uuids()
DAYS = st.none() | st.dates()
# The hour that clocks show twice is one instant and another.
TWICE = [datetime(2024, 11, 3, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=n) for n in (0, 1)]
INSTANTS = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(TWICE)
UNITS = st.integers(-(10**15), 10**15)
ORIGINS = st.builds(
    Origin,
    *(TEXTS, TEXTS, TEXTS, TEXTS, st.none() | st.integers(1, 2**31 - 1)),
    *(IDS, TEXTS, TEXTS, IDS),
)
REASONS = st.builds(Reason, st.integers(1, 10**6), TEXTS, TEXTS, UNITS, st.text())
DRAFTS = st.builds(
    Draft,
    *(st.sampled_from(EntryType), st.text(), UNITS, st.dates(), st.dates(), INSTANTS),
    *(DAYS, DAYS, ORIGINS, REASONS),
)


def text(value: object) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, date | UUID) else value


@given(DRAFTS, st.uuids(), st.uuids(), INSTANTS, st.binary(min_size=32, max_size=32))
def test_the_form_is_a_list_in_json(
    draft: Draft, card_id: UUID, entry_id: UUID, posted_at: datetime, prev_hash: bytes
) -> None:
    *plain, origin, reason = draft
    members = ["loyalty-entry-1", prev_hash.hex(), card_id, entry_id, 7, posted_at, card_id, 2]
    members += [*plain, *origin, *reason]
    form = json.dumps([text(member) for member in members], separators=(",", ":"))
    found = entry_hash(card_id, entry_id, 7, posted_at, card_id, 2, draft, prev_hash)
    assert found == hashlib.sha256(form.encode()).digest()


OCCASIONS = st.builds(Occasion, st.uuids(), INSTANTS, INSTANTS, TEXTS)


@given(st.uuids(), st.lists(DRAFTS, min_size=1, max_size=3), st.lists(OCCASIONS, max_size=3))
def test_what_is_alike_is_chained_as_if_each_stood_alone(
    card_id: UUID, drafts: list[Draft], occasions: list[Occasion]
) -> None:
    ids = [UUID(int=number) for number in range(len(drafts) * len(occasions))]
    head, expected = bytes(32), []
    for place, occasion in enumerate(occasions):
        own = [
            draft._replace(
                occurred_at=occasion.occurred_at,
                origin=draft.origin._replace(activity_id=occasion.activity_id),
            )
            for draft in drafts
        ]
        first = place * len(drafts)
        entries = chain(
            card_id,
            first + 1,
            head,
            occasion.posted_at,
            occasion.op_id,
            own,
            ids[first : first + len(drafts)],
        )
        expected += [(entry.entry_id, entry.entry_hash) for entry in entries]
        head = entries[-1].entry_hash
    found = chain_alike(card_id, 1, bytes(32), drafts, occasions, iter(ids))
    assert [*found] == expected

"""Events that are told together, as rows of the outbox and out of them."""

import os
from datetime import timedelta
from uuid import UUID

import pytest

from models.card_statements import EventRow
from resolvers.identifiers import ordered_ids
from resolvers.outbox import Event, event_rows, events_of, payload_of, row_ids
from tests.models.samples import NOW

CARD = UUID(int=7)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 512, 4096, 4097, 4353, 8193])
def test_each_event_is_told_with_its_number_and_instant(count: int) -> None:
    (first,) = ordered_ids(NOW, 1, os.urandom)
    events = [Event("cardChanged", {"place": place}, later=place // 2) for place in range(count)]
    rows = [*event_rows(CARD, first, 5, events, NOW)]
    told = [event for row in rows for event in events_of(row)]
    assert [(one.seq_no, one.kind, one.payload, one.posted_at) for one in told] == [
        (5 + place, "cardChanged", f'{{"place":{place}}}', NOW + timedelta(microseconds=place // 2))
        for place in range(count)
    ]
    ids = [one.event_id for one in told]
    assert ids == sorted({*ids})
    stored = {row.event_id: row for row in rows}
    for one in told[:: max(1, count // 40)]:
        found = [stored[key] for key in row_ids(one.event_id) if key in stored]
        assert [payload_of(one.event_id, row) for row in found].count(one.payload) == 1
        assert {payload_of(one.event_id, row) for row in found} <= {one.payload, None}


def test_rows_of_several_without_instants_are_read() -> None:
    (first,) = ordered_ids(NOW, 1, os.urandom)
    row = EventRow(CARD, first, 3, "several", '[["a",{"n":1.50}],["b",{}]]', NOW)
    told = events_of(row)
    assert [(one.kind, one.payload, one.seq_no, one.posted_at) for one in told] == [
        ("a", '{"n":1.50}', 3, NOW),
        ("b", "{}", 4, NOW),
    ]
    assert [payload_of(one.event_id, row) for one in told] == ['{"n":1.50}', "{}"]

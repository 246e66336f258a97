"""loyaltyCardChanged, over sockets and over event streams, on both databases."""

import pytest

from tests.api.harness import Harness
from tests.api.live import socket, stream
from tests.api.test_points import adjust


def test_a_socket_tells_the_card_as_it_is_and_then_each_change(club: Harness) -> None:
    card = club.issue()
    with socket(club) as live:
        live.init(club.key("storefront"))
        live.subscribe(card)
        assert live.card() == {"number": card, "status": "ACTIVE", "balance": {"available": "0"}}
        adjust(club, card, 5)
        assert live.card()["balance"] == {"available": "5"}
        club.change_card("blockLoyaltyCard", number=card, reason="lost")
        assert live.card()["status"] == "BLOCKED"
        assert live.is_silent()


def test_a_stream_tells_the_card_as_it_is_and_then_each_change(club: Harness) -> None:
    card = club.issue()
    with stream(club, club.key("storefront"), card) as live:
        assert live.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert live.card() == {"number": card, "status": "ACTIVE", "balance": {"available": "0"}}
        adjust(club, card, 5)
        assert live.card()["balance"] == {"available": "5"}

"""Ids, cursors and page arguments: what was encoded comes back, and nothing else does."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.relay import (
    MalformedCursor,
    MalformedId,
    Page,
    PageArgumentRefused,
    decode_cursor,
    decode_id,
    decode_key,
    encode_cursor,
    encode_id,
    page_arguments,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
PARTS = st.lists(TEXTS | st.binary(max_size=40) | INTEGERS, max_size=4)
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - Hypothesis adds the zone itself
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
WRITTEN_NEVER = [
    {"a": 1},
    "text",
    [],
    [1],
    ["Card", None],
    ["Card", True],
    ["Card", 1.5],
    ["Card", ["nested"]],
    ["Card", "nul\0"],
    ["Card", 2**64 - 1],
]


def _id(content: object) -> str:
    return _url_text(msgspec.msgpack.encode(content))


def _url_text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@given(TEXTS, PARTS)
def test_an_id_gives_back_its_type_and_key(type_name: str, parts: list[str | bytes | int]) -> None:
    assert decode_id(encode_id(type_name, *parts)) == (type_name, tuple(parts))


def test_ids_of_different_types_or_keys_differ() -> None:
    texts = {
        encode_id("Card", "ab", "c"),
        encode_id("Card", "a", "bc"),
        encode_id("Customer", "ab", "c"),
    }
    assert len(texts) == 3
    assert encode_id("Card", 1) != encode_id("Card", "1")


def test_an_id_is_safe_in_urls_and_without_padding() -> None:
    text = encode_id("LoyaltyCard", UUID(int=2**128 - 1).bytes)
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=60) | st.text("ABCDwxyz0189-_=", max_size=60))
def test_any_text_as_an_id_either_decodes_or_is_malformed(text: str) -> None:
    try:
        type_name, parts = decode_id(text)
    except MalformedId:
        return
    assert encode_id(type_name, *parts) == text


@given(st.binary(max_size=80))
def test_any_bytes_as_an_id_either_decode_or_are_malformed(content: bytes) -> None:
    text = _url_text(content)
    try:
        type_name, parts = decode_id(text)
    except MalformedId:
        return
    assert encode_id(type_name, *parts) == text


@pytest.mark.parametrize("content", WRITTEN_NEVER)
def test_ids_of_other_shapes_are_malformed(content: object) -> None:
    with pytest.raises(MalformedId):
        decode_key(_id(content), "Card", str)


def test_instants_and_overlong_texts_are_no_ids() -> None:
    for text in (_id(["Card", datetime.now(UTC)]), "A" * 5000):
        with pytest.raises(MalformedId):
            decode_id(text)


def test_deeply_nested_bytes_are_no_id() -> None:
    with pytest.raises(MalformedId):
        decode_id("kZGR" * 250)


def test_a_key_is_read_only_under_its_own_type_and_shape() -> None:
    text = encode_id("Card", b"key", 7)
    assert decode_key(text, "Card", bytes, int) == (b"key", 7)
    for type_name, shape in [
        ("Customer", (bytes, int)),
        ("Card", (bytes,)),
        ("Card", (int, bytes)),
    ]:
        with pytest.raises(MalformedId):
            decode_key(text, type_name, *shape)


@given(st.lists(TEXTS | st.binary(max_size=40) | INTEGERS | INSTANTS, max_size=4))
def test_a_cursor_gives_back_its_values(values: list[str | bytes | int | datetime]) -> None:
    assert decode_cursor("entries", encode_cursor("entries", *values)) == tuple(values)


@given(st.text(max_size=60) | st.text("ABCDwxyz0189-_=", max_size=60))
def test_any_text_as_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(MalformedCursor):
        decode_cursor("entries", text)


def test_a_cursor_of_another_connection_is_refused() -> None:
    with pytest.raises(MalformedCursor):
        decode_cursor("entries", encode_cursor("cards", "a"))


def test_a_cursor_with_one_letter_changed_is_refused() -> None:
    text = encode_cursor("entries", "2025-01-01", 42)
    for place in range(len(text)):
        forged = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(MalformedCursor):
            decode_cursor("entries", forged)


def test_a_cursor_of_another_shape_is_refused() -> None:
    text = encode_cursor("entries", 1, "a")
    assert decode_cursor("entries", text, int, str) == (1, "a")
    with pytest.raises(MalformedCursor):
        decode_cursor("entries", text, datetime, str)


def test_pages_default_and_take_either_end() -> None:
    assert page_arguments(None, None, None, None) == Page(
        size=20, backward=False, after=None, before=None
    )
    assert page_arguments(None, "a", 0, "b") == Page(size=0, backward=True, after="a", before="b")
    assert page_arguments(100, None, None, None).size == 100


@pytest.mark.parametrize(
    ("first", "last", "argument"),
    [
        (-1, None, "first"),
        (101, None, "first"),
        (None, -1, "last"),
        (None, 101, "last"),
        (1, 1, "last"),
    ],
)
def test_impossible_pages_are_refused_by_name(
    first: int | None, last: int | None, argument: str
) -> None:
    with pytest.raises(PageArgumentRefused) as refusal:
        page_arguments(first, None, last, None)
    assert refusal.value.argument == argument

"""Documents as text: YAML and JSON read alike, and nothing clever is followed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from resolvers.documents import load_document
from rules.document import parse_document
from rules.errors import InvalidInput

EXAMPLE = Path(__file__).parents[2] / "docs" / "configuration.example.yaml"


def deep(brackets: int) -> str:
    return "[" * brackets + "]" * brackets


@pytest.mark.parametrize(
    "text",
    [
        "", "a: [", "a: &x 1\nb: *x", "a: !!str 1", "a: 1\na: 2", '{"a": 1, "a": 2}', '{"a": NaN}',
        '{"a": -Infinity}', "a: 1\n---\nb: 2", "? [1]\n: 2", "\x00", deep(70), deep(100_000),
        "- " * 80 + "x", '{"a": ' + "9" * 5000 + "}", '{"a": 1e99999999999999999999}', "<<: *x",
        '{"\\ud800": null}',
    ],
)  # fmt: skip
def test_malformed_text_is_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_document(text)
    assert refused.value.field == ("document",)


def test_yaml_scalars_are_text_and_json_numbers_are_exact() -> None:
    written = 'a: 1.10\nb: "true"\nc: true\nd: null\ne:\nno: 010\nf: [2026-01-01, ~]\n'
    assert load_document(written) == {
        "a": "1.10", "b": "true", "c": True, "d": None, "e": None, "no": "010",
        "f": ["2026-01-01", None],
    }  # fmt: skip
    read: Any = load_document('{"a": 1.10, "b": 7, "c": "\u00e9"}')
    assert read == {"a": Decimal("1.10"), "b": 7, "c": "é"}
    assert isinstance(read["a"], Decimal)


def test_a_payload_has_the_numbers_of_json() -> None:
    """It is handed out untouched, so that text and number are not one there."""
    written = """
oneTimeRewards:
  - {code: "1", points: 2, payload: {sku: 3, price: 1.50, "no": ["4", 010, -5e2, .5], "at": 2026}}
after: 7
"""
    assert load_document(written) == {
        "oneTimeRewards": [
            {
                "code": "1",
                "points": "2",
                "payload": {
                    "sku": 3, "price": Decimal("1.50"), "no": ["4", "010", Decimal(-500), ".5"],
                    "at": 2026,
                },
            }
        ],
        "after": "7",
    }  # fmt: skip
    with pytest.raises(InvalidInput):
        load_document("payload: " + "9" * 5000)


def test_one_document_reads_alike_from_yaml_and_json() -> None:
    document = load_document(EXAMPLE.read_text(encoding="utf-8"))
    assert parse_document(load_document(json.dumps(document))) == parse_document(document)

"""Bodies as large as may be are read, or refused, quickly: no caller holds up the others."""

import pytest

from execution.documents import Documents
from execution.incoming import check_texts, of_body
from execution.limits import Limits
from execution.refusal import RequestRefused
from execution.running import Runner
from tests.execution.conftest import Ask
from tests.execution.toy import build_schema
from tests.timing import processor_seconds

CUSTOMER_BYTES = 256 * 1024
KEY_BYTES = 2 * 1024 * 1024
LIMITS = Limits()


def bodies(size: int) -> dict[str, bytes]:
    """Bodies of nearly `size` bytes, by what their one variable is made of."""
    room = size - 100
    values = {
        "digits": b"1" * room,
        "fraction": b"0." + b"1" * room,
        "exponent": b"1e" + b"9" * room,
        "deep list": b"[" * (room // 2) + b"]" * (room // 2),
        "open lists": b"[[[{" * (room // 4),
        "integers": b"[" + b"0," * (room // 2) + b"0]",
        "strings": b"[" + b'"",' * (room // 3) + b"0]",
        "members": b"{" + b",".join(b'"%d":0' % n for n in range(room // 11)) + b"}",
        "backslashes": b'"' + b"\\\\" * (room // 2) + b'"',
        "backslashes without end": b'"' + b"\\\\" * (room // 2),
        "lone surrogates": b'"' + b"\\ud800" * (room // 6) + b'"',
        "pairs of surrogates": b'"' + b"\\ud83d\\ude00" * (room // 12) + b'"',
        "nothing but U+0000": b'"' + b"\\u0000" * (room // 6) + b'"',
        "bytes that are no text": b'"' + b"\xff" * room + b'"',
    }
    start = b'{"query": "{ hello }", "variables": {"v": '
    return {name: start + value + b"}}" for name, value in values.items()}


def seconds(body: bytes) -> float:
    def read() -> None:
        try:
            check_texts(of_body(body))
        except RequestRefused as refusal:
            assert refusal.code in {"BAD_REQUEST", "INVALID_INPUT"}  # noqa: PT017 - most are read

    return processor_seconds(read)


@pytest.mark.parametrize("size", [CUSTOMER_BYTES, KEY_BYTES], ids=["customer", "key"])
@pytest.mark.parametrize("name", bodies(1_000))
def test_the_largest_bodies_are_read_within_a_tenth_of_a_second(name: str, size: int) -> None:
    body = bodies(size)[name]
    assert size * 0.8 < len(body) <= size + 100
    assert seconds(body) < 0.1


@pytest.mark.parametrize("many", [b"[],", b"{},", b"0.1,"])
def test_the_dearest_values_that_a_customer_can_send_are_no_dearer(many: bytes) -> None:
    list_of = b"[" + many * ((CUSTOMER_BYTES - 100) // len(many)) + b"0]"
    assert seconds(b'{"query": "{ hello }", "variables": {"v": ' + list_of + b"}}") < 0.1


def test_a_cost_beyond_all_bounds_is_known_within_a_tenth_of_a_second() -> None:
    core = Runner(build_schema(), in_flight=1, errors_max=20).core
    page = "friends(first: $n) { edges { node { %s name } } }"
    inner = "name"
    for _ in range(4):
        inner = page % inner
    query = f"query($n: Int!, $ids: [ID!]!) {{ nodes(ids: $ids) {{ {inner} }} }}"
    costs = []

    def work() -> None:
        walk = Documents(core, LIMITS).prepare(query, None).walk
        costs.append(walk.cost({"n": 2**31, "ids": ["1"] * 400_000}, LIMITS))

    assert processor_seconds(work) < 0.1
    assert min(costs) > 400_000 * 100**4


@pytest.mark.parametrize("value", [[[[]]] * 1_000, {"a": [1]}, "x" * 30_000])
def test_a_variable_of_another_shape_is_a_coded_400(ask: Ask, value: object) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { name } }"
    nested: object = value
    for _ in range(200):
        nested = [nested]
    answer = ask(query, variables={"ids": nested})
    assert answer.status_code == 400
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} <= {
        "INVALID_INPUT",
        "BAD_REQUEST",
    }
    assert len(answer.json()["errors"]) <= LIMITS.errors

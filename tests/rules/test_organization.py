"""The tree of an organization: the same as by climbing from each node, and quick however deep."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.document import parse_document
from rules.errors import Refused
from rules.organization import cycles, published_channels
from tests.rules.test_book import channel, scheme
from tests.timing import processor_seconds

DEEP = 15_000


def climbed(node: str | None, parents: dict[str, str | None]) -> Iterator[str]:
    seen: set[str] = set()
    while node is not None and node not in seen:
        seen.add(node)
        yield node
        node = parents.get(node)


def document(parents: dict[str, str | None], **lists: Any) -> dict[str, Any]:
    return {
        "organizationNodes": [
            {"code": code} if parent is None else {"code": code, "parent": parent}
            for code, parent in parents.items()
        ],
        "rewardPoints": [{"code": "A", "kind": "QUANTITY"}],
        "programs": [{"code": "P"}],
        **lists,
    }


@given(st.lists(st.integers(0, 11) | st.none(), max_size=12))
def test_cycles_are_those_of_nodes_that_are_above_themselves(above: list[int | None]) -> None:
    parents = {
        f"n{place}": f"n{one}" if one is not None and one < len(above) else None
        for place, one in enumerate(above)
    }
    on_one = {code for code, parent in parents.items() if code in climbed(parent, parents)}
    found = cycles(parents)
    assert sorted(code for cycle in found for code in cycle) == sorted(on_one)
    assert all(set(climbed(cycle[0], parents)) == set(cycle) for cycle in found)


@given(st.data())
def test_a_scheme_is_published_on_and_below_its_nodes(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 10))
    # Each below an earlier one, or at the top; the document has them in any order.
    above = [data.draw(st.integers(0, place - 1) | st.none()) for place in range(1, count)]
    tree = {
        f"n{place}": None if one is None else f"n{one}" for place, one in enumerate([None, *above])
    }
    parents = dict(data.draw(st.permutations([*tree.items()])))
    nodes = st.sampled_from(sorted(parents))
    stands = data.draw(st.lists(nodes | st.none(), max_size=6))
    named = data.draw(st.lists(nodes, unique=True, max_size=4))
    channels = [
        channel(f"C{place}", *([] if one is None else [one])) for place, one in enumerate(stands)
    ]
    given_ones = [one["code"] for one in channels[:1]]
    one = scheme("s", "P", "A", channels=given_ones, organizationNodes=named)
    published = published_channels(
        parse_document(document(parents, channels=channels, schemes=[one]))
    )
    assert published["s"] == set(given_ones) | {
        f"C{place}" for place, node in enumerate(stands) if set(climbed(node, parents)) & set(named)
    }


@pytest.mark.parametrize("is_round", [False, True])
def test_a_tree_as_deep_as_a_document_is_long_is_read_at_once(is_round: bool) -> None:
    parents: dict[str, str | None] = {f"n{n}": f"n{n - 1}" for n in range(1, DEEP)}
    parents["n0"] = f"n{DEEP - 1}" if is_round else None
    channels = [channel(f"C{n}", f"n{DEEP - 1}") for n in range(500)]
    one = scheme("s", "P", "A", organizationNodes=[*parents])

    given_document = document(parents, channels=channels, schemes=[one])

    def read() -> None:
        if is_round:
            with pytest.raises(Refused, match="1 faults"):
                parse_document(given_document)
        else:
            found = published_channels(parse_document(given_document))
            assert len(found["s"]) == len(channels)

    assert processor_seconds(read) < 3

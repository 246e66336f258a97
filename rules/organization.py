"""The tree of an organization: which nodes form cycles, and which channels stand on or below which.

A document may have twenty thousand nodes, each below the one before: no node is climbed to twice.
Source: semantics 1.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from rules.program import Configuration

Parents: TypeAlias = Mapping[str, str | None]


def parents_of(configuration: Configuration) -> Parents:
    return {node.code: node.parent for node in configuration.organization_nodes}


def cycles(parents: Parents) -> list[list[str]]:
    """The nodes of each cycle. A node has one parent, so cycles have no node in common."""
    found: list[list[str]] = []
    known: set[str] = set()
    for code in parents:
        climbed: list[str] = []
        node: str | None = code
        while node is not None and node not in known:
            known.add(node)
            climbed.append(node)
            node = parents.get(node)
        # Where the climb has come to a node of its own; `known` has those of climbs before, too.
        own = dict(zip(climbed, range(len(climbed)), strict=True))
        if node in own:
            found.append(climbed[own[node] :])
    return found


def published_channels(configuration: Configuration) -> Mapping[str, frozenset[str]]:
    """Channels each scheme is published to: given directly, or on or below one of its nodes.

    A cycle among nodes is cut, so that a document still being checked can be asked too.
    """
    stretches = _stretches(parents_of(configuration))
    placed = sorted(
        (stretches[channel.node].start, channel.code)
        for channel in configuration.channels
        if channel.node is not None and channel.node in stretches
    )
    every = {channel.code for channel in configuration.channels}
    return {
        scheme.code: frozenset(scheme.channels).intersection(every)
        | _channels_on([stretches[n] for n in scheme.organization_nodes if n in stretches], placed)
        for scheme in configuration.schemes
    }


def _channels_on(stretches: Iterable[range], placed: Sequence[tuple[int, str]]) -> frozenset[str]:
    """The channels placed in any of the stretches; each is looked at once."""
    codes: set[str] = set()
    reached = 0
    for stretch in sorted(stretches, key=lambda one: one.start):
        first = bisect_left(placed, (max(stretch.start, reached), ""))
        behind = bisect_left(placed, (stretch.stop, ""))
        codes.update(code for _, code in placed[first:behind])
        reached = max(reached, stretch.stop)
    return frozenset(codes)


def _stretches(parents: Parents) -> Mapping[str, range]:
    """Places of each node and of all below it, where each node is followed by what is below it."""
    below: dict[str | None, list[str]] = defaultdict(list)
    cut = {cycle[0] for cycle in cycles(parents)}
    for code, parent in parents.items():
        below[parent if parent in parents and code not in cut else None].append(code)
    laid_out: list[str] = []
    waiting = below[None]
    while waiting:
        laid_out.append(waiting.pop())
        waiting += below[laid_out[-1]]
    sizes = dict.fromkeys(laid_out, 1)
    for code in reversed(laid_out):
        parent = parents[code]
        if parent in sizes and code not in cut:
            sizes[parent] += sizes[code]
    return {code: range(place, place + sizes[code]) for place, code in enumerate(laid_out)}

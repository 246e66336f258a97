"""Which price groups a cart opens. Source: semantics 10.1."""

from collections.abc import Iterable, Mapping
from itertools import chain

from rules.earning import CardFacts
from rules.program import Affiliation, Channel, Program, Scheme


def open_price_groups(
    channel: Channel,
    held: Iterable[Affiliation],
    card: CardFacts | None,
    schemes: Iterable[Scheme],
    programs: Mapping[str, Program],
) -> tuple[str, ...]:
    """Give the cart's price groups, sorted by code.

    They are the channel's, those of the affiliations held (hidden ones too) and, for an ACTIVE
    card, those of its programs and current tiers. `schemes` are those published to the channel: a
    program without one opens nothing. Source: semantics 10.1.
    """
    groups = {*channel.price_groups, *chain.from_iterable(a.price_groups for a in held)}
    if card is not None and card.active:
        joined = {scheme.program for scheme in schemes} & card.programs
        groups.update(*(_groups_of(programs[code], card.tiers.get(code)) for code in joined))
    return tuple(sorted(groups))


def _groups_of(program: Program, tier: str | None) -> Iterable[str]:
    tiers = (t.price_groups for t in program.tiers if t.code == tier)
    return chain(program.price_groups, *tiers)

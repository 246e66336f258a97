"""Delivery modes of a cart's lines and order, and the automatic charges that follow from them.

Money counts in minor units of the cart's currency. Source: semantics 10.2.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules.book import RuleBook
from rules.lines import Charge, Line
from rules.numbers import to_minor
from rules.program import Channel
from rules.program_prices import AutoCharge
from rules.program_terms import ChannelKind, ChargeLevel


@dataclass(frozen=True, slots=True)
class Modes:
    """The delivery mode of each line by number, and that of the order; None: none yet."""

    of_lines: Mapping[int, str | None]
    of_order: str | None

    def of(self, line_number: int | None) -> str | None:
        """Give the mode to which a charge on the line, or on the order as a whole, is bound."""
        return self.of_order if line_number is None else self.of_lines.get(line_number)


def modes_of(lines: Iterable[Line], cart_mode: str | None, channel: Channel) -> Modes:
    """Give each line its own mode, else the cart's.

    The order's is the cart's on a CALL_CENTER channel; elsewhere the one that all lines have in
    common, else none.
    """
    of_lines = {line.line_number: line.delivery_mode or cart_mode for line in lines}
    if channel.kind is ChannelKind.CALL_CENTER:
        return Modes(of_lines, cart_mode)
    found = set(of_lines.values())
    return Modes(of_lines, found.pop() if len(found) == 1 else None)


def automatic_charges(
    lines: Sequence[Line], modes: Modes, channel: Channel, currency: str, book: RuleBook
) -> tuple[Charge, ...]:
    """Give the configured charges in the cart's currency: those of the lines in their order, then
    those of the order.

    A line's are held against its net amount, the order's against the sum of them. Per line, or per
    order, and charge code the first match in the document applies.
    """
    mine = [
        charge
        for charge in book.configuration.auto_charges
        if charge.currency == currency and (not charge.channels or channel.code in charge.channels)
    ]
    on_lines = [charge for charge in mine if charge.level is ChargeLevel.LINE]
    on_order = [charge for charge in mine if charge.level is ChargeLevel.HEADER]
    by_mode = {
        mode: [charge for charge in on_lines if charge.delivery_mode in {None, mode}]
        for mode in set(modes.of_lines.values())
    }
    found: list[Charge] = []
    for line in lines:
        wanted = by_mode[modes.of_lines[line.line_number]]
        found += _first_matches(wanted, line.net_minor, line.line_number)
    net_minor = sum(line.net_minor for line in lines)
    of_order = [one for one in on_order if one.delivery_mode in {None, modes.of_order}]
    return (*found, *_first_matches(of_order, net_minor, None))


def _first_matches(
    charges: Iterable[AutoCharge], amount_minor: int, line_number: int | None
) -> Iterator[Charge]:
    applied: set[str] = set()
    for one in charges:
        if one.charge_code not in applied and _spans(one, amount_minor):
            applied.add(one.charge_code)
            charge_minor = to_minor(one.amount, one.currency)
            yield Charge(one.charge_code, charge_minor, None, line_number, overridden=False)


def _spans(charge: AutoCharge, amount_minor: int) -> bool:
    """Tell whether the amount lies between the charge's bounds; one that is missing is open."""
    low, high = (
        None if bound is None else to_minor(bound, charge.currency)
        for bound in (charge.from_amount, charge.to_amount)
    )
    return (low is None or low <= amount_minor) and (high is None or amount_minor <= high)

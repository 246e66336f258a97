"""EXPIRE entries: what expired unspent in a lot is written off, or given back by a correction.

Balances never depend on them. Source: semantics 6 (Expiry, Back-dated negative entries).
"""

from resolvers.clock import start_of
from rules import explanations
from rules.balances import DAY
from rules.ledger import Draft, EntryType, Origin, Reason
from rules.lots import Lot


def expiry(lot: Lot, units: int, version: int, zone: str, digits: int) -> Draft:
    """The entry that writes off `units` (below 0: gives them back), dated the day after the lot's
    last; it happened when that day began where the card was issued.
    """
    on = lot.expires_on + DAY
    formula = explanations.expiry(lot.expires_on, units, digits)
    return Draft(
        entry_type=EntryType.EXPIRE,
        reward_point=lot.reward_point,
        points_units=-units,
        entry_date=on,
        counts_on=on,
        occurred_at=start_of(on, zone),
        vests_on=None,
        expires_on=None,
        origin=Origin(),
        reason=Reason(version, None, None, -units, formula),
    )

"""Every table at once, for migrations and for whoever walks the whole schema."""

from models import (
    activities,
    allowances,
    cards,
    customers,
    directory,
    documents,
    ledger,
    local,
    payments,
    program,
    sales,
    webhooks,
)
from models.columns import metadata

__all__ = ["metadata"]

GROUPS = (
    cards,
    ledger,
    payments,
    directory,
    sales,
    activities,
    customers,
    program,
    local,
    webhooks,
    allowances,
    documents,
)

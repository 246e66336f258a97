"""The schema, built once a process."""

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from execution.scalars import SCALARS
from schema.activity_mutations import ActivityMutations
from schema.card_mutations import CardMutations
from schema.configuration_mutations import ConfigurationMutations
from schema.configurations import ConfigurationVersion
from schema.customer_mutations import CustomerMutations
from schema.errors import GeneralError, IdempotencyKeyReusedError, NotEnoughRewardPointsError
from schema.job_mutations import JobMutations
from schema.payment_mutations import PaymentMutations
from schema.point_mutations import PointMutations
from schema.queries import Query
from schema.sale_mutations import SaleMutations
from schema.subscriptions import SOURCES, Subscription
from schema.tier_mutations import TierMutations
from schema.webhook_mutations import WebhookMutations

Mutation = merge_types(
    "Mutation",
    (
        CardMutations,
        TierMutations,
        CustomerMutations,
        SaleMutations,
        PaymentMutations,
        ActivityMutations,
        PointMutations,
        ConfigurationMutations,
        JobMutations,
        WebhookMutations,
    ),
)
Mutation.__strawberry_definition__.description = "Everything that can be changed."  # type: ignore[attr-defined]

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[
        GeneralError,
        IdempotencyKeyReusedError,
        NotEnoughRewardPointsError,
        ConfigurationVersion,
    ],
    config=StrawberryConfig(scalar_map=SCALARS),
)
schema._schema.description = (  # noqa: SLF001 (Strawberry has no way to give one)
    "The loyalty service: cards, balances that explain themselves, tiers, carts before and sales "
    "after checkout."
)
for _name, _source in SOURCES.items():
    schema._schema.subscription_type.fields[_name].subscribe = _source  # type: ignore[union-attr]  # noqa: SLF001

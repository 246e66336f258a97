"""The schema, built once a process."""

import strawberry
from strawberry.federation.schema import FederationAny
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from execution.scalars import SCALARS
from schema.activity_mutations import ActivityMutations
from schema.card_mutations import CardMutations
from schema.configuration_mutations import ConfigurationMutations
from schema.configurations import ConfigurationVersion
from schema.customer_mutations import CustomerMutations
from schema.errors import GeneralError, IdempotencyKeyReusedError, NotEnoughRewardPointsError
from schema.federation import ANY, VERSION, SubgraphQuery, hide_directives
from schema.job_mutations import JobMutations
from schema.payment_mutations import PaymentMutations
from schema.point_mutations import PointMutations
from schema.queries import Query as OwnQuery
from schema.sale_mutations import SaleMutations
from schema.subscriptions import Subscription, open_sources
from schema.tier_mutations import TierMutations
from schema.webhook_mutations import WebhookMutations

Query = merge_types("Query", (OwnQuery, SubgraphQuery))
Query.__strawberry_definition__.description = "Everything that can be read."  # type: ignore[attr-defined]
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

schema = strawberry.federation.Schema(
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
    scalar_overrides={FederationAny: ANY},
    federation_version=VERSION,
)
core = schema._schema  # noqa: SLF001 (Strawberry has no way to do what follows)
core.description = (
    "The loyalty service: cards, balances that explain themselves, tiers, carts before and sales "
    "after checkout."
)
hide_directives(core)
open_sources(core)

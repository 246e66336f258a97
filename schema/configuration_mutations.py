"""Mutations that run the program: apply a configuration, make it effective."""

from typing import Annotated

import strawberry

from execution.scalars import Json
from resolvers import configurations
from resolvers.configurations import Apply
from schema.access import ADMINISTRATORS, Info, root
from schema.configurations import ConfigurationPlan, ConfigurationVersion, shown_plan
from schema.errors import UserError, told
from schema.values import given


@strawberry.input(description="A configuration document to store as the next version.")
class ApplyConfigurationInput:
    document: Json = strawberry.field(description="The whole document.")
    base_version: int | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "The version the document was made from; where a newer one is stored, in force or not: "
            "CONFIGURATION_CONFLICT."
        ),
    )
    comment: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is about; at most 1000 characters."
    )
    process: bool = strawberry.field(default=False, description="Also make it effective at once.")

    def command(self) -> Apply:
        return Apply(self.document, given(self.base_version), given(self.comment), self.process)


@strawberry.type(description="A version after a mutation, or why nothing was done.")
class ConfigurationPayload:
    configuration: ConfigurationVersion | None = strawberry.field(description="The version.")
    plan: ConfigurationPlan | None = strawberry.field(description="What it changed.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="Running the program.")
class ConfigurationMutations:
    @root(roles=ADMINISTRATORS, description="Store a configuration document.")
    async def apply_configuration(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            ApplyConfigurationInput, strawberry.argument(description="The document.")
        ],
    ) -> ConfigurationPayload:
        answer = await told(lambda: configurations.apply(info.context, input.command()))
        applied = answer.value
        return ConfigurationPayload(
            configuration=None if applied is None else ConfigurationVersion(row=applied.version),
            plan=None if applied is None else shown_plan(applied.plan, []),
            user_errors=answer.user_errors,
        )

    @root(
        roles=ADMINISTRATORS,
        description="Makes the applied configuration effective on the channels.",
    )
    async def process_loyalty_schemes(self, info: Info) -> ConfigurationPayload:
        answer = await told(lambda: configurations.process(info.context))
        version = answer.value
        return ConfigurationPayload(
            configuration=None if version is None else ConfigurationVersion(row=version),
            plan=None,
            user_errors=answer.user_errors,
        )

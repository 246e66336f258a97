"""Configuration versions, and what a document would change."""

from datetime import datetime
from enum import Enum

import strawberry

from execution.relay import Page
from execution.scalars import Json
from models.program_statements import VersionRow
from resolvers import configuration_versions
from resolvers.configuration_versions import document_of
from resolvers.configurations import Plan
from resolvers.context import Context
from rules.plan import Change
from schema.access import Info
from schema.errors import UserError
from schema.values import Key, Node, PageInfo, cut_page, whole_number_cursor

CURSOR = "configurationVersions"
LAST_VERSION = 2**31 - 1


@strawberry.type(description="One version of the program's configuration.")
class ConfigurationVersion(Node):
    row: strawberry.Private[VersionRow]

    def key(self) -> Key:
        return (self.row.version,)

    @strawberry.field(description="Its number, from 1.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="The document, as it was sent.")
    def document(self) -> Json:
        return Json(document_of(self.row))

    @strawberry.field(description="What was said when it was applied.")
    def comment(self) -> str | None:
        return self.row.comment

    @strawberry.field(description="When it was stored.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="The key that stored it.")
    def created_by(self) -> str:
        return self.row.created_by

    @strawberry.field(description="Since when it is in force; null: never yet.")
    def effective_from(self) -> datetime | None:
        return self.row.effective_from


@strawberry.type(description="A version and its cursor.")
class ConfigurationVersionEdge:
    cursor: str = strawberry.field(description="Where the version stands.")
    node: ConfigurationVersion = strawberry.field(description="The version.")


@strawberry.type(description="A page of versions, newest first.")
class ConfigurationVersionConnection:
    edges: list[ConfigurationVersionEdge] = strawberry.field(description="Versions with cursors.")
    nodes: list[ConfigurationVersion] = strawberry.field(description="The versions alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @strawberry.field(description="All versions.")
    async def total_count(self, info: Info) -> int:
        return await configuration_versions.count_versions(info.context)


async def version_page(context: Context, page: Page) -> ConfigurationVersionConnection:
    before = whole_number_cursor(CURSOR, page.after, LAST_VERSION, LAST_VERSION)
    rows = await configuration_versions.list_versions(context, before, page.size + 1)
    cut = cut_page(page, rows, CURSOR, lambda row: (row.version,))
    nodes = [ConfigurationVersion(row=row) for row in cut.rows]
    return ConfigurationVersionConnection(
        edges=[
            ConfigurationVersionEdge(cursor=cursor, node=node)
            for cursor, node in zip(cut.cursors, nodes, strict=True)
        ],
        nodes=nodes,
        page_info=cut.page_info,
    )


@strawberry.enum(description="What a change does.")
class ConfigurationAction(Enum):
    ADD = strawberry.enum_value("ADD", description="Something new.")
    CHANGE = strawberry.enum_value("CHANGE", description="Another value.")
    REMOVE = strawberry.enum_value("REMOVE", description="Something goes.")


@strawberry.type(description="One change that a document would make.")
class ConfigurationChange:
    action: ConfigurationAction = strawberry.field(description="What it does.")
    path: str = strawberry.field(
        description="By code, e.g. `schemes/CLUB-US/earningRules/base/points`."
    )
    before: Json | None = strawberry.field(description="As it is.")
    after: Json | None = strawberry.field(description="As it would be.")


@strawberry.type(description="What applying a document changes.")
class ConfigurationPlan:
    changes: list[ConfigurationChange] = strawberry.field(
        description="Against the newest version stored; none for an equal document."
    )
    warnings: list[str] = strawberry.field(description="What may be meant otherwise.")
    user_errors: list[UserError] = strawberry.field(
        description="Every fault of the document, at its path."
    )


def shown_plan(plan: Plan | None, errors: list[UserError]) -> ConfigurationPlan:
    return ConfigurationPlan(
        changes=[_change(change) for change in plan.changes] if plan else [],
        warnings=list(plan.warnings) if plan else [],
        user_errors=errors,
    )


def _change(change: Change) -> ConfigurationChange:
    return ConfigurationChange(
        action=ConfigurationAction(change.action),
        path=change.path,
        before=None if change.before is None else Json(change.before),
        after=None if change.after is None else Json(change.after),
    )

"""A program with activities, and short ways to post them and to work the journal."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.api.harness import Harness
from tests.api.program import Document, amount_rule, club_document

ENTRIES = """transactions { rewardPoint { code } points entryType occurredAt vestsOn
  activityType { code } activityId explanation { scheme rule formula computed } }"""
POSTED = f"{ENTRIES} earningNotes {{ code scheme rule }} replayed userErrors {{ code field }}"
PAYLOAD = f"card {{ number }} {POSTED}"
LINE = """id status cardNumber activityType activityId channel occurredAt affiliation comment
  evidence reviewedBy rejectionReason error { code message field }
  transactions { points activityId }"""
LINES = f"lines {{ {LINE} }} userErrors {{ code field }}"
POSTINGS = f"posted failed failures {{ {LINE} }} userErrors {{ code field }}"

SURVEY = {"code": "SURVEY"}
WORKSHOP = {"code": "WORKSHOP", "review": True}
CHECKIN = {"code": "CHECKIN", "selfService": True}


def activity_rule(code: str = "survey", points: Any = 20, **more: Any) -> Document:
    return {
        "code": code,
        "activity": "OTHER_ACTIVITY",
        "activityType": "SURVEY",
        "rewardPoint": "PTS",
        "points": points,
        **more,
    }


WORKSHOP_RULE = activity_rule("workshop", 50, activityType="WORKSHOP")
CHECKIN_RULE = activity_rule("checkin", 5, activityType="CHECKIN")


def activity_program(*rules: Document, types: Sequence[Document] = (), **more: Any) -> Document:
    """The club with SURVEY, WORKSHOP (review) and CHECKIN (self service)."""
    rules = rules or (amount_rule(), activity_rule(), WORKSHOP_RULE, CHECKIN_RULE)
    return club_document(*rules, activityTypes=list(types or (SURVEY, WORKSHOP, CHECKIN)), **more)


def activity_input(service: Harness, card: str, kind: str = "SURVEY", **given: Any) -> Document:
    return {
        "channel": "WEB",
        "cardNumber": card,
        "activityType": kind,
        "activityId": service.fresh_key(),
        **given,
    }


def act(
    service: Harness, card: str, kind: str = "SURVEY", caller: str = "admin", **given: Any
) -> dict[str, Any]:
    """The payload of an activity in real time, less what is closed to partners."""
    selection = POSTED if caller == "partner" else PAYLOAD
    name = "postNonTransactionalActivity"
    return service.mutate(name, selection, activity_input(service, card, kind, **given), caller)


def points(payload: Mapping[str, Any]) -> list[str]:
    assert payload["userErrors"] == [], payload["userErrors"]
    return [entry["points"] for entry in payload["transactions"]]


def create(service: Harness, *lines: Mapping[str, Any], caller: str = "admin") -> dict[str, Any]:
    return service.mutate("createActivityLines", LINES, {"lines": list(lines)}, caller)


def created(service: Harness, *lines: Mapping[str, Any], caller: str = "admin") -> list[str]:
    """The ids of new lines."""
    payload = create(service, *lines, caller=caller)
    assert payload["userErrors"] == [], payload["userErrors"]
    return [line["id"] for line in payload["lines"]]


def update(service: Harness, line: str, caller: str = "admin", **given: Any) -> dict[str, Any]:
    return service.mutate("updateActivityLine", LINES, {"id": line, **given}, caller)


def delete(service: Harness, *ids: str, caller: str = "admin") -> dict[str, Any]:
    return service.mutate("deleteActivityLines", LINES, {"ids": list(ids)}, caller)


def reject(service: Harness, *ids: str, reason: str = "no proof") -> dict[str, Any]:
    given = {"ids": list(ids), "reason": reason}
    return service.mutate("rejectActivityLines", LINES, given, "staff")


def post_lines(service: Harness, *ids: str, **given: Any) -> dict[str, Any]:
    """Lines by id, or all of them where none is named."""
    return service.mutate(
        "postActivityLines", POSTINGS, {**({"ids": list(ids)} if ids else {}), **given}, "staff"
    )


def journal(
    service: Harness, caller: str = "admin", selection: str = LINE, **chosen: Any
) -> list[dict[str, Any]]:
    query = f"""query($filter: ActivityLineFilter) {{ activityLines(filter: $filter, first: 100) {{
      nodes {{ {selection} }} totalCount }} }}"""
    page = service.ask(query, caller, filter=chosen)["activityLines"]
    nodes: list[dict[str, Any]] = page["nodes"]
    assert page["totalCount"] == len(nodes)
    return nodes


def statuses(service: Harness, caller: str = "admin", **chosen: Any) -> dict[str, str]:
    """Status by activity id."""
    return {line["activityId"]: line["status"] for line in journal(service, caller, **chosen)}


def refusals(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(code, path) of each."""
    return [(error["code"], ".".join(error["field"] or ())) for error in payload["userErrors"]]

import { current, data } from "./api.js";
import { byId, element, table } from "./dom.js";
import * as format from "./format.js";
import { CARD, MORE, WHO } from "./queries.js";

const PAGE = 8;
const STATUS = { ACTIVE: "Active", BLOCKED: "Blocked", REPLACED: "Replaced" };
const TENDER = {
  AS_CARD_TENDER: "Pays with its own points",
  AS_CONTACT_TENDER: "Pays with all of its customer’s points",
  NO_TENDER: "Earns only",
};
const ENTRY = {
  EARN: "Earned",
  REDEEM: "Paid with",
  RETURN_EARNED: "Taken back",
  REFUND: "Refunded",
  ADJUST: "Adjusted",
  TRANSFER: "Transferred",
  EXPIRE: "Expired",
};

/** The card to show with all that hangs on it, and who asks; no card: null. Raises Refusal. */
export async function loadMember() {
  const { card: wanted } = current();
  const who = await data(WHO, { number: wanted ?? "", named: Boolean(wanted) });
  const own = who.me?.loyaltyCards ?? [];
  const chosen = wanted ? who.loyaltyCard : (own.find(({ status }) => status === "ACTIVE") ?? own[0]);
  if (!chosen) return { me: who.me, card: null };
  const answer = await data(CARD, {
    number: chosen.number,
    channel: chosen.enrollmentSource.code,
    locale: format.locale,
    first: PAGE,
  });
  return { me: who.me, card: answer.loyaltyCard };
}

export function showMember(card) {
  showCard(card);
  showTiers(card.enrollments);
  showBalances(card);
  showHistory(card);
}

function showCard(card) {
  const held = card.enrollments.find(({ tier }) => tier)?.tier.tier;
  const face = element(
    "div",
    { class: "card-face", "data-status": card.status },
    element(
      "div",
      { class: "card-top" },
      element("span", { class: "card-tier" }, held?.name ?? "No tier"),
      element("span", { class: "pill", id: "card-status" }, STATUS[card.status] ?? card.status),
    ),
    element("p", { class: "card-number", id: "card-shown" }, card.number),
    element(
      "div",
      { class: "card-bottom" },
      fact("Member", card.customer?.name ?? "Anonymous"),
      fact("Since", since(card)),
    ),
  );
  const note = card.status === "BLOCKED" && card.blockReason ? `Blocked: ${card.blockReason}` : used(card);
  byId("card").replaceChildren(byId("card-title"), face, element("p", { class: "hint card-note" }, note));
}

const used = ({ tenderType, enrollmentSource }) => `${TENDER[tenderType]}. Issued by ${enrollmentSource.name}.`;

/** The first day in a program, which may lie before the card itself. */
function since({ enrollments, issuedAt }) {
  const days = enrollments.map(({ startDate }) => startDate).sort();
  return days.length ? format.day(days[0]) : format.instantDay(issuedAt);
}

function fact(name, value) {
  return element("p", {}, element("span", { class: "fact" }, name), value);
}

function showTiers(enrollments) {
  const blocks = enrollments.map((enrollment) => tierBlock(enrollment, enrollments.length > 1));
  const empty = element("p", { class: "quiet" }, "This card is not enrolled in any program today.");
  byId("tier").replaceChildren(byId("tier-title"), ...(blocks.length ? blocks : [empty]));
}

function tierBlock({ program, tier, nextTier }, isNamed) {
  return element(
    "div",
    { class: "tier-block" },
    isNamed ? element("h3", {}, program.name) : null,
    program.tiers.length ? ladder(program.tiers, tier?.tier) : null,
    element("p", { class: "tier-until" }, heldUntil(tier)),
    ...(nextTier ? progress(nextTier) : [element("p", {}, "This is as far as it goes: the highest tier.")]),
  );
}

function ladder(tiers, held) {
  const steps = tiers.map(({ code, name, level }) => {
    const state = code === held?.code ? "held" : level < (held?.level ?? -Infinity) ? "passed" : "ahead";
    return element("li", { "data-state": state, "aria-current": state === "held" ? "step" : null }, name);
  });
  return element("ol", { class: "ladder", "aria-label": "Tiers" }, ...steps);
}

function heldUntil(tier) {
  if (!tier) return "No tier today.";
  const end = tier.until ? ` until ${format.day(tier.until)}` : "";
  return `${tier.tier.name} since ${format.day(tier.since)}${end}${tier.manual ? ", given by hand" : ""}.`;
}

/** The ways to the next tier, the shortest first. */
function progress({ tier, requirements }) {
  const ways = [...requirements].sort((a, b) => format.compare(a.missing, b.missing));
  return ways.map((way, place) => requirement(way, tier, place));
}

function requirement({ rewardPoint, required, counted, missing, from, to }, tier, place) {
  const id = `progress-${tier.code}-${place}`;
  const shown = (text) => format.points(text, rewardPoint);
  const goal = `${shown(missing)} ${rewardPoint.name} to ${tier.name}`;
  return element(
    "div",
    { class: place ? "way other" : "way" },
    element("p", { class: "way-goal", id }, place ? `Or ${goal}` : goal),
    element("progress", {
      max: 1000,
      value: format.permille(counted, required),
      "aria-labelledby": id,
      "aria-valuetext": `${shown(counted)} of ${shown(required)}`,
    }),
    element(
      "p",
      { class: "hint" },
      `${shown(counted)} of ${shown(required)}, counted from ${format.day(from)} to ${format.day(to)}`,
    ),
  );
}

function showBalances({ balances, enrollmentSource }) {
  const columns = [
    { title: "Points" },
    { title: "Available", numeric: true },
    { title: "Not vested yet", numeric: true },
    { title: "Held", numeric: true },
    { title: "Expiring in 30 days", numeric: true },
    { title: "Worth", numeric: true },
  ];
  byId("balances-hint").textContent = `As of today, worth what ${enrollmentSource.name} gives for it`;
  byId("balances-body").replaceChildren(
    balances.length
      ? table("Balances of the card", columns, balances.map(balanceRow))
      : element("p", { class: "quiet" }, "No points yet: the first purchase changes that."),
  );
}

function balanceRow(balance) {
  const shown = (text) => format.points(text, balance.rewardPoint);
  const dated = ({ points, date }, word) => element("small", {}, `${shown(points)} ${word} ${format.day(date)}`);
  const vesting = balance.nextVesting ? [dated(balance.nextVesting, "on")] : [];
  const lost = balance.expiring.schedule.map((row) => dated(row, "after"));
  return [
    cell(balance.rewardPoint.name, [element("small", {}, expiredSoFar(balance, shown))]),
    cell(shown(balance.available), [], { class: "figure", "data-exact": balance.available }),
    amount(balance.unvested, shown, vesting),
    amount(balance.held, shown, []),
    amount(balance.expiring.points, shown, lost),
    balance.value
      ? cell(format.money(balance.value), [])
      : element(
          "div",
          { class: "cell quiet" },
          element("span", { "aria-hidden": "true" }, "–"),
          element("span", { class: "visually-hidden" }, "no value in money here"),
        ),
  ];
}

function expiredSoFar({ expired, rewardPoint }, shown) {
  if (!format.isZero(expired)) return `${shown(expired)} expired so far`;
  return rewardPoint.redeemable ? "None expired" : "Counts for tiers only";
}

function amount(text, shown, more) {
  return cell(shown(text), more, { class: format.isZero(text) ? "quiet" : null, "data-exact": text });
}

function cell(text, more, attributes = {}) {
  return element("div", { class: "cell" }, element("span", attributes, text), ...more);
}

const HISTORY = [
  { title: "Date" },
  { title: "What happened" },
  { title: "Points", numeric: true },
  { title: "How it was computed" },
];

function showHistory({ number, transactions }) {
  const hint = `${format.number(String(transactions.totalCount))} in all, each with the sum that made it`;
  byId("history-hint").textContent = hint;
  if (!transactions.nodes.length) {
    byId("history-body").replaceChildren(element("p", { class: "quiet" }, "Nothing was posted on this card yet."));
    return;
  }
  const shown = table("Newest transactions of the card", HISTORY, transactions.nodes.map(historyRow));
  byId("history-body").replaceChildren(shown);
  addMore(number, shown.tBodies[0], transactions.pageInfo);
}

/** A button that fetches the next page and stands below it again. */
function addMore(number, body, { hasNextPage, endCursor }) {
  if (!hasNextPage) return;
  const button = element("button", { type: "button", class: "more" }, "Show more");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const variables = { number, locale: format.locale, first: PAGE, after: endCursor };
      const { transactions } = (await data(MORE, variables)).loyaltyCard;
      const rows = [...table("", HISTORY, transactions.nodes.map(historyRow)).tBodies[0].rows];
      body.append(...rows);
      button.remove();
      rows[0]?.setAttribute("tabindex", "-1");
      rows[0]?.focus();
      addMore(number, body, transactions.pageInfo);
    } catch (error) {
      button.disabled = false;
      button.textContent = `${error.message} Try again`;
    }
  });
  byId("history-body").append(button);
}

function historyRow({ entryType, points, occurredAt, transactionId, comment, rewardPoint, channel, explanation }) {
  const where = [channel?.name, transactionId, comment].filter(Boolean).join(", ");
  const kind = format.isNegative(points) ? "less" : "more";
  return [
    cell(format.instantDay(occurredAt), [element("small", {}, format.instantTime(occurredAt))]),
    cell(ENTRY[entryType] ?? entryType, [element("small", {}, where)]),
    cell(format.signedPoints(points, rewardPoint), [element("small", {}, rewardPoint.name)], {
      class: `figure ${kind}`,
      "data-exact": points,
    }),
    element(
      "div",
      { class: "cell" },
      element("code", { class: "formula" }, explanation.formula),
      explanation.rule ? element("small", {}, `${explanation.scheme} / ${explanation.rule}`) : null,
    ),
  ];
}

import { current, hasDemo, openDemo, openSession, use } from "./api.js";
import { byId, element } from "./dom.js";
import { loadMember, showMember } from "./member.js";
import { speakOf, startPanel } from "./query-panel.js";

let loading = 0;

startPanel();
byId("access-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim() || current().token;
  if (token) use(token, byId("card-number").value.trim());
  byId("access").open = !token;
  load();
});
byId("demo").addEventListener("click", async () => {
  byId("access-form").reset();
  byId("access").open = false;
  await openDemo().catch(() => undefined);
  load();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && byId("access").open) {
    byId("access").open = false;
    byId("access").querySelector("summary").focus();
  }
});
openSession().then(load, load);

async function load() {
  loading += 1;
  const mine = loading;
  tell("Loading the card …", true);
  try {
    const { token } = current();
    const found = token ? await loadMember() : { me: null, card: null };
    if (mine === loading) show(found);
  } catch (error) {
    if (mine === loading) showProblem(error.message, error.code);
  }
}

function show({ me, card }) {
  byId("demo").hidden = !hasDemo() || current().isDemo;
  byId("own-cards").replaceChildren(
    ...(me?.loyaltyCards ?? []).map(({ number }) => element("option", { value: number })),
  );
  if (!card) {
    showNoCard(me);
    return;
  }
  const program = card.enrollments[0]?.program;
  byId("program").textContent = program?.name ?? "Loyalty playground";
  byId("tagline").textContent = program?.description ?? "Look at a card, then ask the API yourself.";
  document.title = program ? `${program.name} – loyalty playground` : "Loyalty playground";
  byId("who").textContent = whoAsks(me);
  byId("member-notice").replaceChildren();
  byId("member").dataset.state = "shown";
  showMember(card);
  speakOf(card);
  tell(`Card ${card.number} is shown.`, false);
}

function whoAsks(me) {
  const { token, isDemo } = current();
  if (!token) return "Not signed in";
  const name = me ? (me.name ?? me.customerId) : "An API key";
  return isDemo ? `${name}, demo member` : name;
}

function showNoCard(me) {
  const { token, card } = current();
  byId("who").textContent = whoAsks(me);
  if (!token) {
    byId("access").open = true;
    const seed = hasDemo() ? " An empty database gets its demo member by “loyalty seed”." : "";
    showNotice("No card to show", `Enter a customer token or an API key above; the query panel uses it as well.${seed}`);
  } else if (card) {
    showNotice("No such card", "There is no card with this number, or this credential may not see it.");
  } else {
    showNotice("No card to show", "This credential has no card of its own: enter a card number above.");
  }
}

function showProblem(message, code) {
  byId("demo").hidden = !hasDemo() || current().isDemo;
  byId("who").textContent = code === "UNAUTHENTICATED" ? "Not signed in" : "Access";
  showNotice("The card could not be loaded", code ? `${message} (${code})` : message, true);
}

function showNotice(title, text, canRetry = false) {
  const retry = element("button", { type: "button" }, "Try again");
  retry.addEventListener("click", load);
  byId("member-notice").replaceChildren(
    element(
      "div",
      { class: "notice", role: "alert" },
      element("h2", {}, title),
      element("p", {}, text),
      canRetry ? retry : null,
    ),
  );
  byId("member").dataset.state = "empty";
  tell(title, false);
}

function tell(text, busy) {
  byId("member-status").textContent = text;
  byId("member").setAttribute("aria-busy", String(busy));
}

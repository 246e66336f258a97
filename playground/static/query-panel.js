import { ask } from "./api.js";
import { byId, element } from "./dom.js";
import { examples } from "./examples.js";
import { size } from "./format.js";
import { pretty } from "./json.js";

let card = null;
let running = 0;

/** Wire the panel; examples speak of `card` once there is one. */
export function startPanel() {
  byId("example").append(...examples.map(({ title }, place) => element("option", { value: place }, title)));
  byId("example").addEventListener("change", show);
  byId("query-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("query-form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  show();
}

/** Examples are about this card from now on; what somebody wrote is left alone. */
export function speakOf(shown) {
  const untouched = byId("variables").value === written(example());
  card = shown;
  if (untouched) byId("variables").value = written(example());
}

const example = () => examples[Number(byId("example").value) || 0];
const UNKNOWN = { number: "", enrollmentSource: { code: "", currencyCode: "EUR" }, customer: null };
const written = ({ variables }) => JSON.stringify(variables(card ?? UNKNOWN), null, 2);

function show() {
  byId("document").value = example().query;
  byId("variables").value = written(example());
  tellFault("");
}

function tellFault(message) {
  byId("variables-error").textContent = message;
  byId("variables").setAttribute("aria-invalid", message ? "true" : "false");
}

function readVariables() {
  const text = byId("variables").value.trim();
  const variables = text ? JSON.parse(text) : {};
  if (variables === null || typeof variables !== "object" || Array.isArray(variables)) {
    throw new SyntaxError("an object is wanted");
  }
  return variables;
}

async function run() {
  let variables;
  try {
    variables = readVariables();
  } catch (error) {
    tellFault(`The variables are not a JSON object: ${error.message}.`);
    byId("variables").focus();
    return;
  }
  tellFault("");
  running += 1;
  const mine = running;
  byId("answer").setAttribute("aria-busy", "true");
  tellStatus("Running …", "busy");
  try {
    const answer = await ask(byId("document").value, variables);
    if (mine === running) tell(answer);
  } catch (error) {
    if (mine === running) tellFailure(error);
  } finally {
    if (mine === running) byId("answer").setAttribute("aria-busy", "false");
  }
}

function tell({ status, statusText, milliseconds, text }) {
  const { errors, cost } = judged(text);
  const facts = [`${status} ${statusText}`.trim(), `${milliseconds} ms`, size(text.length)];
  if (cost) facts.push(`cost ${cost}`);
  if (errors) facts.splice(1, 0, errors === 1 ? "1 error" : `${errors} errors`);
  tellStatus(facts.join(" · "), status === 200 && !errors ? "good" : "bad");
  byId("answer").replaceChildren(pretty(text));
  byId("answer").scrollTop = 0;
}

function judged(text) {
  try {
    const answer = JSON.parse(text);
    return { errors: answer.errors?.length ?? 0, cost: answer.extensions?.cost?.requested };
  } catch {
    return { errors: 1, cost: null };
  }
}

function tellFailure(error) {
  tellStatus("No answer", "bad");
  byId("answer").replaceChildren(element("span", { class: "quiet" }, error.message));
}

function tellStatus(text, kind) {
  byId("answer-status").textContent = text;
  byId("answer-status").dataset.kind = kind;
}

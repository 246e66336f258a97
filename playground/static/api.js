const STORE = "loyalty.playground";
const TIMEOUT_MS = 20_000;

let session = { token: null, card: null, isDemo: false };

/** A refusal, told with its code where it has one. */
export class Refusal extends Error {
  constructor(message, code = null) {
    super(message);
    this.code = code;
  }
}

export const current = () => session;
export const hasDemo = () => Boolean(document.body.dataset.session);

/** The credential of this tab; else, in development, the demo member's. */
export async function openSession() {
  const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "null");
  if (kept?.token) session = { ...kept, isDemo: false };
  else await openDemo();
  return session;
}

export async function openDemo() {
  sessionStorage.removeItem(STORE);
  session = { token: null, card: null, isDemo: false };
  if (!hasDemo()) return;
  const response = await fetch(document.body.dataset.session, { cache: "no-store" });
  const { token, card } = response.ok ? await response.json() : {};
  session = { token: token ?? null, card: card ?? null, isDemo: Boolean(token) };
}

export function use(token, card) {
  session = { token, card: card || null, isDemo: false };
  sessionStorage.setItem(STORE, JSON.stringify({ token, card: card || null }));
}

async function post(body) {
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json" };
  if (session.token) headers.Authorization = `Bearer ${session.token}`;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return fetch("/graphql", { method: "POST", headers, body, signal, cache: "no-store", credentials: "omit" });
}

/** The answer as it came, with its status and time. Demo tokens are short-lived: an expired one is replaced once. */
export async function ask(query, variables = {}) {
  const body = JSON.stringify({ query, variables });
  const started = performance.now();
  try {
    let response = await post(body);
    if (response.status === 401 && session.isDemo) {
      await openDemo();
      response = await post(body);
    }
    const text = await response.text();
    const { status, statusText } = response;
    return { status, statusText, text, milliseconds: Math.round(performance.now() - started) };
  } catch (error) {
    const slow = error instanceof DOMException && error.name === "TimeoutError";
    throw new Refusal(slow ? "The service took too long to answer." : "The service cannot be reached.");
  }
}

/** The data of a query. Raises Refusal for any error. */
export async function data(query, variables) {
  const { text } = await ask(query, variables);
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Refusal("The service did not answer in JSON.");
  }
  if (answer.errors?.length) throw new Refusal(answer.errors[0].message, answer.errors[0].extensions?.code);
  return answer.data;
}

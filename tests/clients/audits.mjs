// Audits a server by the GraphQL over HTTP specification: node audits.mjs URL TOKEN
// Prints one JSON object a line: id, name, status ("ok", "notice", "warn" or "error"), reason.
import { auditServer } from "graphql-http";

const [url, token] = process.argv.slice(2);

const fetchFn = (address, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return fetch(address, { ...init, headers });
};

for (const { id, name, status, reason } of await auditServer({ url, fetchFn })) {
  console.log(JSON.stringify({ id, name, status, reason }));
}

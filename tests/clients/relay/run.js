// Relay's own runtime with what its compiler made of src/book.js: node run.js URL TOKEN
// Prints one JSON object of what it saw.
const relay = require("relay-runtime");
const query = require("./src/__generated__/bookQuery.graphql");
const pageQuery = require("./src/__generated__/bookPageQuery.graphql");
const fragment = require("./src/__generated__/book_card.graphql");
const mutation = require("./src/__generated__/bookBlockMutation.graphql");

const [url, token] = process.argv.slice(2);

async function fetchFn({ text }, variables) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query: text, variables }),
  });
  return answer.json();
}

const environment = new relay.Environment({
  network: relay.Network.create(fetchFn),
  store: new relay.Store(new relay.RecordSource()),
});
const variables = { number: "N1" };
const operation = relay.createOperationDescriptor(query, variables);
environment.retain(operation);

// What a component with the fragment would show, and where its page ends.
function shown() {
  const { loyaltyCard } = environment.lookup(operation.fragment).data;
  const { data } = environment.lookup(relay.getSingularSelector(fragment, loyaltyCard));
  const { edges, pageInfo } = data.transactions;
  return { id: loyaltyCard.id, status: data.status, points: edges.map(({ node }) => node.points), pageInfo };
}

function block(number, key) {
  const input = { idempotencyKey: key, number, reason: "lost" };
  return new Promise((onCompleted, onError) => {
    relay.commitMutation(environment, { mutation, variables: { input }, onCompleted, onError });
  });
}

async function main() {
  await relay.fetchQuery(environment, query, variables).toPromise();
  const first = shown();
  const next = { id: first.id, count: 2, cursor: first.pageInfo.endCursor };
  await relay.fetchQuery(environment, pageQuery, next).toPromise();
  const both = shown();
  const done = await block("N1", "relay");
  const after = shown();
  // The whole fragment anew, by the card's id alone.
  const again = { id: first.id, count: 1, cursor: null };
  const refetched = await relay.fetchQuery(environment, pageQuery, again).toPromise();
  console.log(
    JSON.stringify({
      first: first.points,
      hasNextPage: [first.pageInfo.hasNextPage, both.pageInfo.hasNextPage],
      both: both.points,
      blocked: done.blockLoyaltyCard.userErrors,
      status: [both.status, after.status],
      refetched: refetched.node.__id === first.id && shown().points,
      unknown: (await block("NONE", "relay-none")).blockLoyaltyCard,
    }),
  );
}

main();

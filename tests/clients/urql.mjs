// urql as a storefront uses it, with its own Accept header: node urql.mjs URL TOKEN
// Prints one JSON object of what it saw.
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { recording } from "./recorded.mjs";

const [url, token] = process.argv.slice(2);

function client(exchanges = [], more = {}) {
  const { fetchFn, seen } = recording(token);
  const accepted = new Set();
  const noted = (address, init) => {
    accepted.add(new Headers(init.headers).get("accept"));
    return fetchFn(address, init);
  };
  const all = [cacheExchange, ...exchanges, fetchExchange];
  return { seen, accepted, urql: new Client({ url, fetch: noted, exchanges: all, ...more }) };
}

const BOOK = gql`
  query Book($number: String!, $after: String) {
    loyaltyCard(number: $number) {
      number
      transactions(first: 2, after: $after) {
        nodes { points }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
`;
const BLOCK = gql`
  mutation Block($input: BlockLoyaltyCardInput!) {
    blockLoyaltyCard(input: $input) {
      card { status }
      userErrors { code message field }
    }
  }
`;

async function pages({ urql }) {
  const found = [];
  for (let after = null, more = true; more; ) {
    const { data, error } = await urql.query(BOOK, { number: "N1", after });
    if (error) throw error;
    const { nodes, pageInfo } = data.loyaltyCard.transactions;
    found.push(nodes.map((node) => node.points));
    ({ endCursor: after, hasNextPage: more } = pageInfo);
  }
  return found;
}

async function blocked({ urql }, number) {
  const input = { idempotencyKey: `urql-${number}`, number, reason: "lost" };
  const { data, error } = await urql.mutation(BLOCK, { input });
  if (error) throw error;
  return data.blockLoyaltyCard;
}

const refusal = ({ code, message, field }) => ({ code, message, field });

async function codes({ urql }, query) {
  const { error } = await urql.query(gql(query), {});
  return error.graphQLErrors.map(({ extensions }) => extensions.code);
}

async function persisted() {
  const seen = [];
  for (let turn = 0; turn < 2; turn += 1) {
    const exchange = persistedExchange({ preferGetForPersistedQueries: true });
    const one = client([exchange]);
    await pages(one);
    seen.push(one.seen);
  }
  return seen;
}

const plain = client();
console.log(
  JSON.stringify({
    pages: await pages(plain),
    blocked: (await blocked(plain, "N2")).card.status,
    unknown: (await blocked(plain, "NONE")).userErrors.map(refusal),
    codes: [
      await codes(plain, "{ configuration { version } }"),
      await codes(plain, "{ nothing }"),
      await codes(plain, '{ node(id: "x") { id } }'),
    ],
    seen: plain.seen,
    accepted: [...plain.accepted],
    persisted: await persisted(),
  }),
);

// Apollo Client as a storefront uses it: node apollo.mjs URL TOKEN
// Prints one JSON object of what it saw.
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { relayStylePagination } from "@apollo/client/utilities";
import { filter, firstValueFrom } from "rxjs";
import { recording } from "./recorded.mjs";

const [url, token] = process.argv.slice(2);
const sha256 = async (text) => createHash("sha256").update(text).digest("hex");

function client(links = []) {
  const { fetchFn, seen } = recording(token);
  const typePolicies = {
    LoyaltyCard: { fields: { transactions: relayStylePagination(["filter"]) } },
  };
  const cache = new InMemoryCache({
    typePolicies,
    possibleTypes: {
      UserError: ["GeneralError", "IdempotencyKeyReusedError", "NotEnoughRewardPointsError"],
    },
  });
  const http = new HttpLink({ uri: url, fetch: fetchFn });
  return { seen, apollo: new ApolloClient({ cache, link: ApolloLink.from([...links, http]) }) };
}

const BOOK = gql`
  query Book($number: String!, $after: String) {
    loyaltyCard(number: $number) {
      id
      number
      transactions(first: 2, after: $after) {
        edges { cursor node { id points } }
        pageInfo { hasNextPage endCursor }
        totalCount
      }
    }
  }
`;
const BLOCK = gql`
  mutation Block($input: BlockLoyaltyCardInput!) {
    blockLoyaltyCard(input: $input) {
      card { id status }
      userErrors { code message field }
    }
  }
`;

const points = ({ data }) => data.loyaltyCard.transactions.edges.map(({ node }) => node.points);

async function pages({ apollo }) {
  const book = apollo.watchQuery({ query: BOOK, variables: { number: "N1" } });
  const first = await firstValueFrom(book.pipe(filter(({ loading }) => !loading)));
  const { endCursor } = first.data.loyaltyCard.transactions.pageInfo;
  await book.fetchMore({ variables: { after: endCursor } });
  // The policy has joined both pages into one list.
  const both = { data: apollo.readQuery({ query: BOOK, variables: { number: "N1" } }) };
  const { hasNextPage } = both.data.loyaltyCard.transactions.pageInfo;
  return { first: points(first), both: points(both), hasNextPage };
}

async function blocked({ apollo }, number) {
  const input = { idempotencyKey: `apollo-${number}`, number, reason: "lost" };
  const { data } = await apollo.mutate({ mutation: BLOCK, variables: { input } });
  return data.blockLoyaltyCard;
}

const refusal = ({ code, message, field }) => ({ code, message, field });

async function codes({ apollo }, query) {
  try {
    return await apollo.query({ query: gql(query) });
  } catch (error) {
    if (!CombinedGraphQLErrors.is(error)) throw error;
    return error.errors.map(({ extensions }) => extensions.code);
  }
}

async function persisted() {
  const link = () => new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
  const seen = [];
  for (const one of [client([link()]), client([link()])]) {
    await one.apollo.query({ query: BOOK, variables: { number: "N1" } });
    await blocked(one, "NONE");
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
  persisted: await persisted(),
  }),
);


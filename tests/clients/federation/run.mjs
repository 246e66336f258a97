// Composes the loyalty service with a subgraph of orders, by both public composers, and runs queries
// through a gateway of each supergraph: node run.mjs URL TOKEN
// Prints one JSON object: composer -> what came of it.
import { readFileSync } from "node:fs";
import { composeServices as byApollo } from "@apollo/composition";
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from "@apollo/gateway";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { composeServices as byGuild } from "@theguild/federation-composition";
import { parse } from "graphql";

const [url, token] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };

const orders = ["N1", "N2", "NONE"].map((number, index) => ({
  orderId: `O${index + 1}`,
  total: { amount: `${index + 1}.50`, currencyCode: "USD" },
  card: { number },
  customer: { customerId: `c${index + 1}` },
}));
const page = { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null };
const typeDefs = parse(readFileSync(new URL("orders.graphql", import.meta.url), "utf8"));
const resolvers = {
  Query: { orders: () => orders },
  LoyaltyCard: {
    __resolveReference: ({ number }) => ({ number }),
    orders: ({ number }) => ({
      nodes: orders.filter(({ card }) => card.number === number),
      pageInfo: page,
    }),
  },
  Customer: { orderCount: () => 1 },
};

const QUERIES = {
  fromOrders: `{ orders {
    orderId
    card { number status balance(rewardPoint: "PTS") { available value(channel: "WEB") { amount } } }
    customer { customerId name orderCount }
  } }`,
  fromLoyalty: `{ loyaltyCard(number: "N1") {
    status
    transactions(first: 1) { pageInfo { hasNextPage } nodes { points } }
    orders { pageInfo { hasNextPage } nodes { total { amount currencyCode } } }
  } }`,
};

async function sdl() {
  const body = JSON.stringify({ query: "{ _service { sdl } }" });
  const answer = await fetch(url, { method: "POST", headers, body });
  return (await answer.json()).data._service.sdl;
}

async function answers(supergraphSdl) {
  const asked = [];
  const loyalty = new RemoteGraphQLDataSource({
    url,
    fetcher: fetch,
    willSendRequest({ request }) {
      request.http.headers.set("authorization", headers.authorization);
      asked.push(request.variables.representations?.length ?? 0);
    },
  });
  const neighbour = new LocalGraphQLDataSource(buildSubgraphSchema({ typeDefs, resolvers }));
  const gateway = new ApolloGateway({
    supergraphSdl,
    buildService: ({ name }) => (name === "loyalty" ? loyalty : neighbour),
  });
  const { executor } = await gateway.load();
  const told = {};
  for (const [name, query] of Object.entries(QUERIES)) {
    asked.length = 0;
    const { data, errors } = await executor({
      document: parse(query),
      request: { query },
      queryHash: name,
      context: {},
      metrics: {},
    });
    told[name] = { data, errors, representations: [...asked].sort() };
  }
  await gateway.stop();
  return told;
}

const subgraphs = [
  { name: "loyalty", url, typeDefs: parse(await sdl()) },
  { name: "orders", url: "http://orders", typeDefs },
];
const told = {};
for (const [composer, compose] of Object.entries({ apollo: byApollo, guild: byGuild })) {
  const { supergraphSdl, errors } = compose(subgraphs);
  told[composer] = { errors: errors?.map(String), ...(supergraphSdl && (await answers(supergraphSdl))) };
}
console.log(JSON.stringify(told));

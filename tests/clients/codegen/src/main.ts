// A client with the types of graphql-codegen that names its documents and never sends them:
// node out/main.js URL TOKEN. Prints one JSON object of what it saw.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { graphql } from "./gql/gql.js";

declare const process: { argv: string[] };
const [, , url = "", token = ""] = process.argv;

const BOOK = graphql(`
  query Book($number: String!, $after: String) {
    loyaltyCard(number: $number) {
      status
      issuedAt
      transactions(first: 2, after: $after) {
        nodes { points entryType }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
`);
const BLOCK = graphql(`
  mutation Block($input: BlockLoyaltyCardInput!) {
    blockLoyaltyCard(input: $input) {
      card { status }
      userErrors {
        code
        ... on NotEnoughRewardPointsError { available }
      }
    }
  }
`);

async function ask<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const { hash } = (document as unknown as { __meta__: { hash: string } }).__meta__;
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json",
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ documentId: hash, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

async function pages(number: string, after: string | null = null): Promise<string[][]> {
  const { loyaltyCard } = await ask(BOOK, { number, after });
  if (!loyaltyCard) return [];
  const { nodes, pageInfo } = loyaltyCard.transactions;
  const page = nodes.map(({ points }) => points);
  return pageInfo.hasNextPage ? [page, ...(await pages(number, pageInfo.endCursor))] : [page];
}

const input = { idempotencyKey: "codegen", number: "N1", reason: "lost" };
const { blockLoyaltyCard } = await ask(BLOCK, { input });
console.log(
  JSON.stringify({
    pages: await pages("N1"),
    unknown: await pages("NONE"),
    status: blockLoyaltyCard.card?.status,
    userErrors: blockLoyaltyCard.userErrors.map(({ code }) => code),
  }),
);

// What the types refuse.
export async function refused(): Promise<void> {
  // @ts-expect-error a number is wanted
  await ask(BOOK, {});
  // @ts-expect-error it is a text
  await ask(BOOK, { number: 1 });
  // @ts-expect-error a reason is wanted
  await ask(BLOCK, { input: { idempotencyKey: "k", number: "N1" } });
  // @ts-expect-error it may be null
  (await ask(BOOK, { number: "N1" })).loyaltyCard.status;
}

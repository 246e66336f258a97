// The queries of a page that shows a card's book, for relay-compiler.
const { graphql } = require("relay-runtime");

graphql`
  query bookQuery($number: String!) {
    loyaltyCard(number: $number) {
      id
      ...book_card
    }
  }
`;

graphql`
  fragment book_card on LoyaltyCard
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 2 }
    cursor: { type: "String" }
  )
  @refetchable(queryName: "bookPageQuery") {
    number
    status
    transactions(first: $count, after: $cursor) @connection(key: "book_transactions") {
      edges {
        node {
          id
          points
        }
      }
    }
  }
`;

graphql`
  mutation bookBlockMutation($input: BlockLoyaltyCardInput!) {
    blockLoyaltyCard(input: $input) {
      card {
        id
        status
      }
      userErrors {
        code
        message
        field
        ... on NotEnoughRewardPointsError {
          available
        }
      }
    }
  }
`;

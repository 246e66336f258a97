export const WHO = `query Who($number: String!, $named: Boolean!) {
  me { name customerId loyaltyCards { number status enrollmentSource { code } } }
  loyaltyCard(number: $number) @include(if: $named) { number enrollmentSource { code } }
}`;

const TRANSACTIONS = `transactions(first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      id entryType points occurredAt transactionId comment
      rewardPoint { code name(locale: $locale) currencyCode }
      channel { name }
      explanation { scheme rule formula }
    }
  }`;

export const CARD = `query Card($number: String!, $channel: String!, $locale: String, $first: Int!, $after: String) {
  loyaltyCard(number: $number) {
    number status tenderType issuedAt blockReason
    customer { name customerId }
    enrollmentSource { code name currencyCode }
    enrollments {
      startDate
      program { code name(locale: $locale) description(locale: $locale) tiers { code name(locale: $locale) level } }
      tier { tier { code name(locale: $locale) level } since until manual }
      nextTier {
        tier { code name(locale: $locale) }
        requirements { rewardPoint { name(locale: $locale) currencyCode } required counted missing from to }
      }
    }
    balances {
      rewardPoint { code name(locale: $locale) currencyCode redeemable }
      available unvested held expired
      expiring(days: 30) { points until schedule { points date } }
      nextVesting { points date }
      value(channel: $channel) { amount currencyCode }
    }
    ${TRANSACTIONS}
  }
}`;

export const MORE = `query More($number: String!, $locale: String, $first: Int!, $after: String) {
  loyaltyCard(number: $number) {
    ${TRANSACTIONS}
  }
}`;

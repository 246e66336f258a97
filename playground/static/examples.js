/** Queries to start from; `card` is the card shown, null where there is none. */
export const examples = [
  {
    title: "Balances, and what expires next",
    query: `query Balances($number: String!, $channel: String!) {
  loyaltyCard(number: $number) {
    number
    balances {
      rewardPoint { code name }
      available
      unvested
      expiring(days: 30) { points schedule { points date } }
      value(channel: $channel) { amount currencyCode }
    }
  }
}`,
    variables: (card) => ({ number: card.number, channel: card.enrollmentSource.code }),
  },
  {
    title: "A cart: prices, points, shipping",
    query: `query Preview($input: CartInput!) {
  cart(input: $input) {
    lines { lineNumber netAmount { amount } discounts { name amount { amount } } }
    charges { description originalAmount { amount } amount { amount } }
    total { amount currencyCode }
    discountTotal { amount }
    priceGroups
    shippingOffers { discount { name } currentPercentOff amountToNext { amount } }
    loyaltyTender { amountCovered { amount } refusal { code } }
    earnings {
      rewardPoint { code }
      points
      explanation { rule formula }
    }
    earningNotes { code rule message }
    userErrors { code message field }
  }
}`,
    variables: (card) => ({
      input: {
        channel: card.enrollmentSource.code,
        currency: card.enrollmentSource.currencyCode,
        cardNumber: card.number,
        customerId: card.customer?.customerId,
        deliveryMode: "STANDARD",
        lines: [
          { lineNumber: 1, productId: "BOOTS-DECK", categories: ["Footwear"], quantity: "1", unitPrice: "146" },
          { lineNumber: 2, productId: "WAX-BAR", categories: ["Care"], quantity: "3", unitPrice: "12" },
        ],
      },
    }),
  },
  {
    title: "Tier, and the way to the next one",
    query: `query Tier($number: String!) {
  loyaltyCard(number: $number) {
    enrollments {
      program { name }
      tier { tier { name level } since until }
      nextTier {
        tier { name }
        requirements { rewardPoint { code } required counted missing from to }
      }
    }
  }
}`,
    variables: (card) => ({ number: card.number }),
  },
  {
    title: "Balance as of a past day",
    query: `query Then($number: String!, $day: Date!) {
  loyaltyCard(number: $number) {
    now: balances { rewardPoint { code } available }
    then: balances(asOf: $day) { rewardPoint { code } available unvested expired }
  }
}`,
    variables: (card) => ({ number: card.number, day: halfAYearAgo() }),
  },
  {
    title: "How the program works on a channel",
    query: `query Program($channel: String!) {
  loyaltyPrograms(channel: $channel) {
    name
    tiers { level name rules { rewardPoint { code } minimumPoints } }
    earningRules(channel: $channel) {
      code activity per points
      rewardPoint { code }
      tier { code }
      categories
    }
    redemptionRules(channel: $channel) { code points pays currencyCode }
  }
}`,
    variables: (card) => ({ channel: card.enrollmentSource.code }),
  },
];

function halfAYearAgo() {
  const day = new Date();
  day.setUTCDate(day.getUTCDate() - 182);
  return day.toISOString().slice(0, 10);
}

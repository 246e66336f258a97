/*
 * Numbers come as exact decimal strings and are shown in the browser's locale.
 * They go to Intl as strings and are compared as BigInt: none ever becomes a float.
 */

const decimals = (text) => (text.split(".")[1] ?? "").length;
const digits = (text) => ({
  minimumFractionDigits: decimals(text),
  maximumFractionDigits: decimals(text),
});

export const locale = navigator.language || "en";

export const number = (text) => new Intl.NumberFormat(locale, digits(text)).format(text);

export const money = ({ amount, currencyCode }) =>
  new Intl.NumberFormat(locale, { style: "currency", currency: currencyCode, ...digits(amount) }).format(amount);

/** Points of a kind: an AMOUNT in its currency, all else as a number. */
export const points = (text, { currencyCode }) =>
  currencyCode ? money({ amount: text, currencyCode }) : number(text);

export function signedPoints(text, { currencyCode }) {
  const style = currencyCode ? { style: "currency", currency: currencyCode } : {};
  return new Intl.NumberFormat(locale, { ...style, ...digits(text), signDisplay: "exceptZero" }).format(text);
}

export const isZero = (text) => /^-?0*(\.0*)?$/.test(text);
export const isNegative = (text) => text.startsWith("-") && !isZero(text);

/** Both as integers of one size, so that they can be compared and divided. */
function scaled(...texts) {
  const most = Math.max(...texts.map(decimals));
  return texts.map((text) => BigInt(text.replace(".", "") + "0".repeat(most - decimals(text))));
}

export function compare(left, right) {
  const [a, b] = scaled(left, right);
  return a < b ? -1 : Number(a > b);
}

/** How many thousandths `part` is of `whole`, from 0 to 1000. */
export function permille(part, whole) {
  const [a, b] = scaled(part, whole);
  if (b <= 0n || a >= b) return 1000;
  return a <= 0n ? 0 : Number((a * 1000n) / b);
}

/** A civil date, whatever zone the browser is in. */
export const day = (text) =>
  new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(`${text}T00:00:00Z`));

export const instant = (text) =>
  new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));

export const instantDay = (text) => new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(new Date(text));
export const instantTime = (text) => new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(new Date(text));

export function size(characters) {
  if (characters < 1024) return `${number(String(characters))} B`;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(characters / 1024)} kB`;
}

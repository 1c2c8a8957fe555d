/** Amounts and percentages in the page's language. Amounts are strings of wei: numbers lose digits above 2^53. */

import { currentLanguage } from "./words.js";

const ETHER = 10n ** 18n;

/** Return an amount of wei in ether, with all its digits. */
export function ether(wei) {
  const amount = BigInt(wei);
  const rest = (amount % ETHER).toString().padStart(18, "0").replace(/0+$/, "");
  const whole = new Intl.NumberFormat(currentLanguage()).format(amount / ETHER);
  return `${rest ? `${whole}.${rest}` : whole} ETH`;
}

/** Return an amount of wei in ether, rounded down to six decimals. */
export function roundedEther(wei) {
  const step = 10n ** 12n;
  return ether((BigInt(wei) / step) * step);
}

/** Return a percentage: 10.5 is 10.5 %. */
export function percent(number) {
  const format = { style: "unit", unit: "percent", maximumFractionDigits: 2 };
  return new Intl.NumberFormat(currentLanguage(), format).format(number);
}

/** Return the beginning and the end of an address. */
export function shortAddress(address) {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

/** Ticks of an axis: round numbers that cover a range. */

const STEPS = [1, 2, 5, 10];

/** Return about `count` multiples of 1, 2 or 5 times a power of ten between `low` and `high`. */
export function linearTicks(low, high, count = 5) {
  const power = 10 ** Math.floor(Math.log10((high - low) / count));
  const step = power * STEPS.find((factor) => factor * power * count >= high - low);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) ticks.push(index * step);
  return ticks;
}

/** Return the powers of ten between `low` and `high`; also 2 and 5 times them if there would be fewer than three. */
export function logTicks(low, high) {
  const powers = [];
  for (let exponent = Math.floor(Math.log10(low)); 10 ** exponent <= high; exponent++) powers.push(10 ** exponent);
  const within = (values) => values.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  const ticks = within(powers);
  if (ticks.length >= 3) {
    const every = Math.ceil(ticks.length / 6);
    return ticks.filter((_, index) => index % every === 0);
  }
  return within(powers.flatMap((power) => [power, 2 * power, 5 * power]));
}

/** Return `low` and `high` with some space around; a range of one value becomes one around it. */
export function padded(low, high, log) {
  if (log) return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  const space = low === high ? Math.abs(low) / 2 || 1 : (high - low) * 0.06;
  return [low - space, high + space];
}

/** Parses a comma-separated list of names. Throws if a name is not one of `names`. */
export function parseNames<T extends string>(option: string, text: string, names: readonly T[]): T[] {
  return text.split(",").map((name) => {
    const found = names.find((one) => one === name);
    if (!found) throw new Error(`${option}: unknown name "${name}"; expected ${names.join(", ")}`);
    return found;
  });
}

/** Parses a number from `min` to `max`. */
export function parseNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max)) {
    throw new Error(`${option}: expected a number from ${min} to ${max}`);
  }
  return value;
}

/** Parses an integer from `min` to `max`. */
export function parseInteger(option: string, text: string, min: number, max: number): number {
  const value = parseNumber(option, text, min, max);
  if (!Number.isInteger(value)) throw new Error(`${option}: expected an integer`);
  return value;
}

/** Returns the value of a generated enum that a word such as `service-account` names. No word is 0, which is unspecified. */
export function enumValue<N extends number>(
  values: Readonly<Record<string, N | string>>,
  word: string | undefined,
): N {
  const name = (word ?? "unspecified").toUpperCase().replaceAll("-", "_");
  const value = values[name];
  // The parser has checked the word against the choices of the option.
  if (typeof value !== "number") throw new Error(`${word} is no value of the enum`);
  return value;
}

/** Environment variables. */
export type Env = Record<string, string | undefined>;

/**
 * Reads one setting: the parsed value, or the fallback if the setting is unset or wrong. `parse` returns undefined for a
 * wrong value; `expected` completes the sentence "NAME: expected …".
 */
export type Read = <T>(
  name: string,
  fallback: T,
  parse: (text: string) => T | undefined,
  expected: string,
) => T;

/** Reads settings and collects what is wrong with them. */
export type Reader = ReturnType<typeof createReader>;

/** Collects every wrong setting, so that one error can name all of them. */
export function createReader(env: Env) {
  const problems: string[] = [];
  // Settings that are possible but dangerous: a sentence for the log.
  const warnings: string[] = [];
  const known = new Set<string>();

  const read: Read = (name, fallback, parse, expected) => {
    known.add(name);
    const text = env[name];
    if (text === undefined || text === "") return fallback;
    const value = parse(text);
    if (value === undefined) problems.push(`${name}: expected ${expected}`);
    return value ?? fallback;
  };

  /** Reports each `LATCHKEY_` name that no setting has, because an ignored setting would mislead the operator. */
  function checkNames(): void {
    for (const name of Object.keys(env).filter((one) => one.startsWith("LATCHKEY_") && env[one] !== "")) {
      if (!known.has(name)) problems.push(`${name}: unknown setting`);
    }
  }

  /** Reports each of these settings that is empty, because its default protects less than any value that an operator sets. */
  function refuseEmpty(names: readonly string[]): void {
    for (const name of names.filter((one) => env[one] === "")) {
      problems.push(`${name}: expected a value, because it is set but empty; unset it for the default`);
    }
  }

  const isSet = (name: string) => env[name] !== undefined && env[name] !== "";
  return { read, problems, warnings, checkNames, refuseEmpty, isSet };
}

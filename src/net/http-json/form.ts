/** The parameters of a form, or a sentence that says why it cannot be read. */
export type Form = { parameters: ReadonlyMap<string, string> } | { problem: string };

// Bounds the work on a body of empty parameters.
const maxParameters = 32;

/** Returns whether a content type is that of a form (RFC 6749, appendix B). The only character set is UTF-8. */
export function isForm(contentType: string | undefined): boolean {
  return /^application\/x-www-form-urlencoded *(; *charset="?utf-8"? *)?$/i.test(contentType ?? "");
}

/**
 * Reads the parameters of a form (`application/x-www-form-urlencoded`) by the rules of RFC 6749, section 3.2: a parameter
 * without a value counts as missing, and no parameter occurs twice. The problem never quotes the body.
 */
export function readForm(body: Uint8Array): Form {
  const parameters = new Map<string, string>();
  const pairs = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1").split("&");
  if (pairs.length > maxParameters) return { problem: `expected at most ${maxParameters} parameters` };
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : decoded(pair.slice(equals + 1));
    if (name === undefined || value === undefined) return { problem: malformed };
    if (parameters.has(name)) return { problem: "each parameter may occur only once" };
    parameters.set(name, value);
  }
  for (const [name, value] of parameters) if (value === "") parameters.delete(name);
  return { parameters };
}

const malformed = "expected a form: ASCII characters, and all others percent-encoded in UTF-8";

/** Returns a percent-decoded text of a form, in which `+` is a space. Returns undefined if it is malformed. */
export function decoded(text: string): string | undefined {
  if (!/^[\x21-\x7e]*$/.test(text)) return undefined;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** What a text contains: a whole token of a deployment of Latchkey, or the beginning of one. */
export interface FoundToken {
  whole: boolean;
  /** The id of the key. It is no secret. It is empty for a session, an invite or a proof. */
  keyId: string;
}

// `<prefix>_<kind>_<ulid><secret><check>`, see docs/tokens.md. The prefix of the deployment does not matter here.
const form =
  /[a-z0-9]{2,10}([_-])(live|test|svc|dev|ses|inv|otp|emb)\1([0-7][0-9a-hjkmnp-tv-z]{25})([0-9A-Za-z]*)/;
const keyKinds = ["live", "test", "svc", "dev"];
const tailLength = 38;
const checkLength = 6;
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Returns the token in a text, by its form and its checksum. A text with a token must not be sent or stored. */
export function findToken(text: string): FoundToken | undefined {
  const match = form.exec(text);
  if (!match) return undefined;
  const [all, , kind = "", ulid = "", tail = ""] = match;
  // A hint has no character of the secret after the id.
  if (tail === "") return undefined;
  const start = all.length - tail.length;
  const token = all.slice(0, start + tailLength);
  const whole =
    token.length === start + tailLength &&
    checksum(token.slice(0, -checkLength)) === token.slice(-checkLength);
  return { whole, keyId: keyKinds.includes(kind) ? `key_${ulid}` : "" };
}

/** Returns the CRC-32 (IEEE) of ASCII text in 6 characters of base62, as in `src/domain/kernel/token.ts`. */
export function checksum(text: string): string {
  let rest = crc32(text);
  let out = "";
  for (let i = 0; i < checkLength; i++) {
    out = base62[rest % 62] + out;
    rest = Math.floor(rest / 62);
  }
  return out;
}

function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

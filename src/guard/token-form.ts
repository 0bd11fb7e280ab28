import { parseTokenOfAnyPrefix, type TokenKind } from "../domain/kernel/token.ts";

/**
 * The form of a token, as its text shows it. `key` and `session` are tokens of Latchkey with a right checksum. `external` has the form of
 * a JWT. Every other text is `wrong`, and no server accepts it.
 */
export type TokenForm =
  | { readonly kind: "key"; readonly id: string }
  | { readonly kind: "session" }
  | { readonly kind: "external" }
  | { readonly kind: "wrong" };

/** The most characters of a token. `VerifyToken` accepts no longer one. */
export const maxTokenLength = 8_192;

const compactJws = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const wrong: TokenForm = { kind: "wrong" };
// Embed sessions call Latchkey only. Invites and proofs of an e-mail address authenticate nothing.
const noServices: ReadonlySet<TokenKind> = new Set<TokenKind>(["emb", "inv", "otp"]);
const session: TokenForm = { kind: "session" };
const external: TokenForm = { kind: "external" };

/** Returns the form of a token, without a call to the server. */
export function formOf(token: string): TokenForm {
  if (token.length > maxTokenLength) return wrong;
  const parsed = parseTokenOfAnyPrefix(token);
  if (!parsed) return compactJws.test(token) ? external : wrong;
  if (parsed.kind === "ses") return session;
  // These tokens authenticate no request of a service.
  return noServices.has(parsed.kind) ? wrong : { kind: "key", id: parsed.id };
}

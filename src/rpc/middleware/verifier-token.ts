import { DomainError } from "../../domain/kernel/error.ts";

/** The header in which a gateway sends its own token. The header `authorization` is that of the gateway's client. */
export const verifierHeader = "latchkey-verifier";

/** Returns the token of the header `latchkey-verifier`, which contains the token alone. Fails if there is none. */
export function verifierToken(headers: Pick<Headers, "get">): string {
  const value = headers.get(verifierHeader);
  if (value === null || value === "") {
    const message = "the gateway must send its own key in the header Latchkey-Verifier";
    throw new DomainError("MISSING_API_KEY", message, { header: verifierHeader });
  }
  const [token] = /^[!-~]+$/.exec(value) ?? [];
  if (token === undefined) {
    const message = "expected one token and nothing else in the header Latchkey-Verifier";
    throw new DomainError("INVALID_API_KEY", message, { header: verifierHeader });
  }
  return token;
}

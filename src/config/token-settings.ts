import { createVocabulary, type Vocabulary } from "../domain/access/permission-vocabulary.ts";
import type { OidcIssuer } from "../verify/oidc/oidc.ts";
import { parseOidcSetting } from "./oidc-setting.ts";
import { day, matching, parseDuration, splitList } from "./parse.ts";
import type { Reader } from "./reader.ts";

/** Which tokens this deployment issues and accepts. */
export interface TokenSettings {
  /** If it ends in `-`, then `-` separates the parts of a token, and otherwise `_`. */
  tokenPrefix: string;
  /** The permissions that this deployment knows. Unset: any. */
  permissions: Vocabulary | undefined;
  /** The issuers whose access tokens are accepted in addition to Latchkey's own tokens. */
  oidcIssuers: OidcIssuer[];
  /** A session expires after this time without a request. */
  sessionIdleMs: number;
  /** A session expires this time after its log-in. */
  sessionLifetimeMs: number;
}

const duration = "a duration such as 30m, 12h or 7d";

/** Reads the settings about tokens. */
export function readTokenSettings({ read, problems }: Reader): TokenSettings {
  return {
    tokenPrefix: read(
      "LATCHKEY_TOKEN_PREFIX",
      "lk",
      matching(/^[a-z0-9]{2,10}-?$/),
      "2 to 10 lower-case letters or digits, and optionally - at the end",
    ),
    permissions: read(
      "LATCHKEY_PERMISSIONS",
      undefined,
      (text) => createVocabulary(splitList(text)),
      "resources such as agents and verbs such as runs:start, comma-separated",
    ),
    oidcIssuers: read("LATCHKEY_OIDC_ISSUERS", [], parseIssuers, ""),
    sessionIdleMs: read("LATCHKEY_SESSION_IDLE", 7 * day, parseDuration, duration),
    sessionLifetimeMs: read("LATCHKEY_SESSION_LIFETIME", 30 * day, parseDuration, duration),
  };

  // Adds one problem for each wrong field, instead of one problem for the whole setting.
  function parseIssuers(text: string): OidcIssuer[] {
    const setting = parseOidcSetting(text);
    problems.push(...setting.problems.map((problem) => `LATCHKEY_OIDC_ISSUERS${problem}`));
    return setting.issuers;
  }
}

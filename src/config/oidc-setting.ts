import { asymmetricAlgorithms, defaultAlgorithms, type OidcIssuer } from "../verify/oidc/oidc.ts";

/** The parsed setting, and its problems: one line for each wrong field, which begins with the path of the field. */
export interface OidcSetting {
  issuers: OidcIssuer[];
  problems: string[];
}

type Fields = Record<string, unknown>;

const known = [
  "issuer",
  "audience",
  "algorithms",
  "accounts",
  "account_claim",
  "role_claim",
  "max_role",
] as const;
const accountId = /^acct_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const loopback = ["localhost", "127.0.0.1", "[::1]"];
const maxIssuers = 100;
const maxText = 255;

/** Reads `LATCHKEY_OIDC_ISSUERS`: JSON, a list of issuers. */
export function parseOidcSetting(text: string): OidcSetting {
  const problems: string[] = [];
  const entries = parseJson(text);
  if (!Array.isArray(entries) || entries.length > maxIssuers) {
    return { issuers: [], problems: [`: expected a JSON list of at most ${maxIssuers} issuers`] };
  }
  const issuers = entries.map((entry, index) => readIssuer(entry, `[${index}]`, problems));
  const urls = issuers.map(({ issuer }) => issuer);
  for (const [index, url] of urls.entries()) {
    if (url !== "" && urls.indexOf(url) < index)
      problems.push(`[${index}].issuer: expected each issuer once`);
  }
  return { issuers: problems.length > 0 ? [] : issuers, problems };
}

function readIssuer(entry: unknown, path: string, problems: string[]): OidcIssuer {
  const fields = isObject(entry) ? entry : {};
  if (!isObject(entry)) problems.push(`${path}: expected an object`);

  function read<T>(
    name: (typeof known)[number],
    fallback: T,
    fits: (value: unknown) => boolean,
    expected: string,
  ) {
    const value = fields[name];
    if (value !== undefined && fits(value)) return value as T;
    const required = ["issuer", "audience", "accounts"].includes(name);
    if (value !== undefined || required) problems.push(`${path}.${name}: expected ${expected}`);
    return fallback;
  }

  for (const name of Object.keys(fields)) {
    if (!known.some((one) => one === name)) problems.push(`${path}.${name}: unknown field`);
  }
  return {
    issuer: read("issuer", "", isIssuerUrl, "an https URL without a query (http on loopback only)"),
    audience: read("audience", "", isText, "the audience of this service, as the issuer names it"),
    algorithms: read(
      "algorithms",
      [...defaultAlgorithms],
      isListOf((one) => asymmetricAlgorithms.some((algorithm) => algorithm === one)),
      `a list of ${asymmetricAlgorithms.join(", ")}`,
    ),
    accounts: read<"*" | string[]>(
      "accounts",
      [],
      (value) => value === "*" || isListOf((one) => typeof one === "string" && accountId.test(one))(value),
      'a list of account ids, or "*"',
    ),
    accountClaim: read<string | undefined>("account_claim", undefined, isText, "the name of a claim"),
    roleClaim: read<string | undefined>("role_claim", undefined, isText, "the name of a claim"),
    maxRole: read(
      "max_role",
      "viewer",
      (value) => isText(value) && value.trim().toLowerCase() !== "owner",
      "admin, developer, viewer or the name of a role; never owner",
    ),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && value.length <= maxText;
}

function isListOf(fits: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.length > 0 && value.every(fits);
}

// OpenID Connect Discovery 1.0, 3: an https URL without query and fragment. Compared with `iss` letter by letter.
function isIssuerUrl(value: unknown): boolean {
  if (!isText(value) || !URL.canParse(value) || /[?#\s]/.test(value)) return false;
  const { protocol, hostname, username, password } = new URL(value);
  if (username !== "" || password !== "") return false;
  return protocol === "https:" || (protocol === "http:" && loopback.includes(hostname));
}

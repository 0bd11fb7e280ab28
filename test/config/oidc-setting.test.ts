import { expect, test } from "vitest";
import { ConfigError, readConfig } from "../../src/config/config.ts";

const good = {
  issuer: "https://issuer.test/tenant",
  audience: "https://latchkey.test",
  accounts: ["acct_01jd0000000000000000000000"],
};

function read(setting: unknown) {
  const text = typeof setting === "string" ? setting : JSON.stringify(setting);
  return readConfig({ LATCHKEY_OIDC_ISSUERS: text }).oidcIssuers;
}

function problemsOf(setting: unknown): string {
  try {
    read(setting);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  return expect.fail("expected the setting to be refused");
}

test("without the setting no issuer is trusted", () => {
  expect(readConfig({}).oidcIssuers).toEqual([]);
});

test("an omitted field has the narrowest useful default", () => {
  expect(read([good])).toEqual([
    {
      ...good,
      algorithms: ["RS256", "PS256", "ES256", "EdDSA"],
      accountClaim: undefined,
      roleClaim: undefined,
      maxRole: "viewer",
    },
  ]);
});

test("every field of an issuer can be set", () => {
  const more = {
    algorithms: ["ES384"],
    account_claim: "org",
    role_claim: "https://x.test/role",
    max_role: "admin",
  };
  expect(read([{ ...good, accounts: "*", ...more }])).toEqual([
    {
      issuer: good.issuer,
      audience: good.audience,
      accounts: "*",
      algorithms: ["ES384"],
      accountClaim: "org",
      roleClaim: "https://x.test/role",
      maxRole: "admin",
    },
  ]);
});

test.for(["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080"])(
  "an issuer on loopback may use http: %s",
  (issuer) => {
    expect(read([{ ...good, issuer }])).toHaveLength(1);
  },
);

test.for([
  ["issuer", "http://issuer.test"],
  ["issuer", "https://issuer.test?x=1"],
  ["issuer", "https://issuer.test#x"],
  ["issuer", "https://user:secret@issuer.test"],
  ["issuer", "http://127.0.0.1.issuer.test"],
  ["issuer", "file:///etc/passwd"],
  ["issuer", "issuer.test"],
  ["issuer", undefined],
  ["audience", ""],
  ["audience", ["a"]],
  ["audience", undefined],
  ["algorithms", []],
  ["algorithms", "RS256"],
  ["algorithms", ["none"]],
  ["algorithms", ["RS256", "HS256"]],
  ["accounts", undefined],
  ["accounts", []],
  ["accounts", ["*"]],
  ["accounts", ["acct_x"]],
  ["accounts", "acct_01jd0000000000000000000000"],
  ["account_claim", ""],
  ["role_claim", 1],
  ["max_role", "owner"],
  ["max_role", " Owner "],
  ["max_role", ""],
  ["max_roles", "viewer"],
] as const)("an issuer with the field %s %j is refused", ([name, value]) => {
  const problems = problemsOf([good, { ...good, issuer: "https://other.test", [name]: value }]).split("\n");
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^LATCHKEY_OIDC_ISSUERS\\[1\\]\\.${name}: (expected|unknown)`));
});

test.for(["not JSON", "{}", '"x"', "null"])("a setting that is not a list is refused: %s", (text) => {
  expect(problemsOf(text)).toBe("LATCHKEY_OIDC_ISSUERS: expected a JSON list of at most 100 issuers");
});

test("an issuer that occurs twice is refused, and one error names every problem", () => {
  expect(problemsOf([good, good])).toBe("LATCHKEY_OIDC_ISSUERS[1].issuer: expected each issuer once");
  expect(problemsOf([{}, 1]).split("\n")).toHaveLength(7);
});

import { expect, test } from "vitest";
import { readClientSettings } from "../../src/config/client-settings.ts";
import { readConfig } from "../../src/config/config.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { problemsOf } from "../support/config.ts";

const defaultBounds = {
  permissionsPerKey: 256,
  labelBytesPerKey: 4_096,
  permissionsPerRole: 256,
  rolesPerTeam: 32,
  rolesPerAccount: 100,
  teamsPerAccount: 1_000,
  serviceAccountsPerAccount: 1_000,
  teamsPerProfile: 32,
  permissionsPerPrincipal: 2_000,
  workspacesPerProfile: 1_000,
  membershipsPerUser: 100,
  accountsPerUser: 20,
  tokensPerKey: 100,
  pendingInvitesPerAccount: 1_000,
  gracePeriodsPerAccount: 1_000,
  gracePeriodsPerPlatformKey: 1_000,
};

test("without settings, the configuration has the documented defaults", () => {
  const { passwordThreads, ...config } = readConfig({});
  expect(passwordThreads).toEqual({ make: 1, check: expect.any(Number) });
  const { dataDir, host, port, tokenPrefix, signup, sessionIdleMs, sessionLifetimeMs, ...rest } = config;
  expect({ dataDir, host, port, tokenPrefix, signup }).toEqual({
    dataDir: ".latchkey",
    host: "127.0.0.1",
    port: 8080,
    tokenPrefix: "lk",
    signup: "open",
  });
  expect([sessionIdleMs, sessionLifetimeMs]).toEqual([7 * 86_400_000, 30 * 86_400_000]);
  const help =
    'a new setting: add its default here, and a row to section "Settings" of README.md and of docs/security.md';
  expect(rest, help).toEqual({
    mailFrom: "latchkey@localhost",
    oidcIssuers: [],
    redis: undefined,
    permissions: undefined,
    permissionSets: [],
    smtpUrl: undefined,
    databaseUrl: undefined,
    tls: undefined,
    corsOrigins: [],
    publicUrl: undefined,
    embedOrigins: [],
    trustedProxies: [],
    logLevel: "info",
    metricsPort: undefined,
    listenUrl: undefined,
    cacheEntries: 100_000,
    maxStalenessMs: 0,
    workers: 1,
    signUpsPerHour: 60,
    passwordChangesPerHour: 60,
    mailsPerHour: 100,
    invitesPerHour: 500,
    auditRetentionMs: 400 * 86_400_000,
    usageRetentionMs: 400 * 86_400_000,
    clientAddressRetentionMs: 30 * 86_400_000,
    bounds: defaultBounds,
    statementNames: true,
    warnings: [],
    maxConnections: 10_000,
    maxConnectionsPerAddress: 256,
  });
});

test("the settings and `defaultLimits` have the same defaults", () => {
  const { maxConnections, maxConnectionsPerAddress } = defaultLimits;
  expect(readConfig({})).toMatchObject({ maxConnections, maxConnectionsPerAddress });
});

test("an empty setting has its default, and the variables of other programs are ignored", () => {
  expect(readConfig({ LATCHKEY_PORT: "", LATCHKEY_UNKNOWN: "", PATH: "x", latchkey_port: "y" }).port).toBe(
    8080,
  );
});

test("one error has a line for every wrong setting, without its value", () => {
  const wrong = {
    LATCHKEY_PORT: "65536",
    LATCHKEY_DATABASE_URL: "mysql://u:secret-value@h/x",
    LATCHKEY_TOKEN_PREFIX: "Too_Long_Prefix",
    LATCHKEY_TLS_CERT: "/nowhere/secret-value.pem",
    LATCHKEY_CORS_ORIGINS: "https://a.example/path",
    LATCHKEY_TRUSTED_PROXIES: "10.0.0.0/33",
    LATCHKEY_SIGNUP: "maybe",
    LATCHKEY_SESSION_IDLE: "soon",
    LATCHKEY_SESSION_LIFETIME: "0s",
    LATCHKEY_LOG_LEVEL: "loud",
    LATCHKEY_METRICS_PORT: "http",
    LATCHKEY_CACHE_ENTRIES: "-1",
    LATCHKEY_DATABASE_LISTEN_URL: "http://secret-value",
    LATCHKEY_MAX_STALENESS: "soon",
    LATCHKEY_WORKERS: "all",
    LATCHKEY_STATEMENT_NAMES: "maybe",
    LATCHKEY_REDIS_URL: "http://secret-value",
    LATCHKEY_USAGE_RETENTION: "secret-value",
    LATCHKEY_PROT: "8080",
  };
  const problems = problemsOf(wrong);
  const names = problems.map((line) => line.split(":")[0]).filter((name) => !name?.includes(" and "));
  expect(names.sort()).toEqual(Object.keys(wrong).sort());
  for (const line of problems) {
    expect(line).toMatch(/^LATCHKEY_[A-Z_]+( and LATCHKEY_TLS_KEY)?: (expected .+|unknown setting)$/);
    expect(line).not.toContain("secret-value");
  }
  expect(problems).toContain("LATCHKEY_PROT: unknown setting");
});

test("the staleness is at most 60 s, and the number of workers is from 1 to 64 or `auto`", () => {
  const { maxStalenessMs, workers } = readConfig({ LATCHKEY_MAX_STALENESS: "60s", LATCHKEY_WORKERS: "auto" });
  expect({ maxStalenessMs, workers: workers >= 1 }).toEqual({ maxStalenessMs: 60_000, workers: true });
  for (const wrong of ["61", "-1", "1m", "0.5"]) {
    expect(problemsOf({ LATCHKEY_MAX_STALENESS: wrong })).toEqual([
      "LATCHKEY_MAX_STALENESS: expected seconds, 0 to 60",
    ]);
  }
  for (const wrong of ["0", "65", "many"]) {
    expect(problemsOf({ LATCHKEY_WORKERS: wrong })).toEqual([
      "LATCHKEY_WORKERS: expected a number, 1 to 64, or auto",
    ]);
  }
});

test("node's thread pool has at least 3 threads, and passwords leave one of them free", () => {
  expect(readConfig({ UV_THREADPOOL_SIZE: "3" }).passwordThreads).toEqual({ make: 1, check: 1 });
  for (const wrong of ["2", "0", "1025", "many"]) {
    expect(problemsOf({ UV_THREADPOOL_SIZE: wrong })).toEqual([
      "UV_THREADPOOL_SIZE: expected a number, 3 to 1024",
    ]);
  }
});

test.each([
  "LATCHKEY_SIGNUPS_PER_HOUR",
  "LATCHKEY_PASSWORD_CHANGES_PER_HOUR",
  "LATCHKEY_MAILS_PER_HOUR",
  "LATCHKEY_INVITES_PER_HOUR",
  "LATCHKEY_MAX_CONNECTIONS",
  "LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS",
])("%s is a number", (name) => {
  expect(Object.values(readConfig({ [name]: "4711" }))).toContain(4711);
  for (const wrong of ["0", "-1", "1.5", "many"]) {
    expect(problemsOf({ [name]: wrong })).toEqual([`${name}: expected a number, 1 to 100000000`]);
  }
});

test.each([
  ["LATCHKEY_MAX_PERMISSIONS_PER_KEY", 1, 1_024],
  ["LATCHKEY_MAX_LABEL_BYTES_PER_KEY", 1, 24_320],
  ["LATCHKEY_MAX_PERMISSIONS_PER_ROLE", 1, 1_024],
  ["LATCHKEY_MAX_ROLES_PER_TEAM", 1, 256],
  ["LATCHKEY_MAX_ROLES_PER_ACCOUNT", 4, 1_000],
  ["LATCHKEY_MAX_TEAMS_PER_ACCOUNT", 1, 10_000],
  ["LATCHKEY_MAX_SERVICE_ACCOUNTS_PER_ACCOUNT", 1, 10_000],
  ["LATCHKEY_MAX_TEAMS_PER_PROFILE", 1, 1_000],
  ["LATCHKEY_MAX_PERMISSIONS_PER_PRINCIPAL", 1, 10_000],
  ["LATCHKEY_MAX_WORKSPACES_PER_PROFILE", 1, 10_000],
  ["LATCHKEY_MAX_MEMBERSHIPS_PER_USER", 1, 1_000],
  ["LATCHKEY_MAX_ACCOUNTS_PER_USER", 1, 1_000],
  ["LATCHKEY_MAX_TOKENS_PER_KEY", 2, 1_000],
  ["LATCHKEY_MAX_GRACE_PERIODS_PER_PLATFORM_KEY", 1, 10_000],
])("%s is a number from %i to %i", (name, least, most) => {
  for (const fits of [least, most]) {
    expect(Object.values(readConfig({ [name]: String(fits) }).bounds)).toContain(fits);
  }
  for (const wrong of [String(least - 1), String(most + 1), "-1", "1.5", "many", "0x10"]) {
    expect(problemsOf({ [name]: wrong })).toEqual([`${name}: expected a number, ${least} to ${most}`]);
  }
});

const file = new URL(import.meta.url).pathname;

test("a certificate and a key are refused unless both are set and belong together", () => {
  const both = "LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY: expected both or neither";
  expect(problemsOf({ LATCHKEY_TLS_CERT: file })).toEqual([both]);
  expect(problemsOf({ LATCHKEY_TLS_KEY: file })).toEqual([both]);
  const notOne = "LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY: expected a certificate and its own key, in PEM";
  expect(problemsOf({ LATCHKEY_TLS_CERT: file, LATCHKEY_TLS_KEY: file })).toEqual([notOne]);
});

test("a file that cannot be read is one problem, not two", () => {
  const env = { LATCHKEY_TLS_CERT: "/nowhere/cert.pem", LATCHKEY_TLS_KEY: file };
  expect(problemsOf(env)).toEqual(["LATCHKEY_TLS_CERT: expected the path of a readable PEM file"]);
});

test.each<[name: string, good: Record<string, unknown>, bad: string[]]>([
  ["LATCHKEY_PORT", { "0": 0, "65535": 65_535 }, ["-1", "1e3", "80 ", "0x50", "99999", "http"]],
  [
    "LATCHKEY_TOKEN_PREFIX",
    { lk: "lk", "1a": "1a", abcdefghij: "abcdefghij", "ps-": "ps-", "abcdefghij-": "abcdefghij-" },
    ["a", "LK", "l_k", "abcdefghijk", "a-", "-", "l-k", "lk--", "-lk", "lk_", "abcdefghijk-"],
  ],
  [
    "LATCHKEY_DATABASE_URL",
    { "postgres://h/x": "postgres://h/x", "postgresql://u:p@h/x": "postgresql://u:p@h/x" },
    ["h", "http://h"],
  ],
  [
    "LATCHKEY_CORS_ORIGINS",
    { "*": ["*"], "https://a.example, http://b:81": ["https://a.example", "http://b:81"] },
    ["a.example", "https://a.example/", "null"],
  ],
  [
    "LATCHKEY_TRUSTED_PROXIES",
    { "10.0.0.0/8, ::1": ["10.0.0.0/8", "::1"] },
    ["10.0.0", "10.0.0.0/33", "::1/129", "10.0.0.0/8/8", "proxy", "10.0.0.0/"],
  ],
  ["LATCHKEY_SIGNUP", { open: "open", closed: "closed" }, ["Open", "yes"]],
  [
    "LATCHKEY_SESSION_IDLE",
    { "30m": 1_800_000, "1s": 1000, "12h": 43_200_000, "7d": 604_800_000 },
    ["0m", "1.5h", "-1d", "30", "1w", "1 h"],
  ],
  ["LATCHKEY_STATEMENT_NAMES", { on: true, off: false }, ["yes", "false", "ON"]],
  ["LATCHKEY_LOG_LEVEL", { silent: "silent", trace: "trace" }, ["INFO", "verbose"]],
])("%s accepts valid values and refuses all others", (name, good, bad) => {
  const fields: Record<string, string> = { LATCHKEY_SESSION_IDLE: "sessionIdleMs" };
  const field =
    fields[name] ??
    name
      .slice(9)
      .toLowerCase()
      .replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  for (const [text, value] of Object.entries(good)) {
    expect(Reflect.get(readConfig({ [name]: text }), field)).toEqual(value);
  }
  for (const text of bad)
    expect(problemsOf({ [name]: text })).toEqual([expect.stringMatching(`^${name}: expected `)]);
});

test("a server starts in a shell that has the settings of the command line", () => {
  readConfig({ LATCHKEY_URL: "https://keys.example.com", LATCHKEY_TOKEN: "a token" });
  readConfig({ LATCHKEY_URL: "", LATCHKEY_TOKEN: "" });
  expect(readClientSettings({ LATCHKEY_URL: "" })).toEqual({ url: undefined, token: undefined });
  // The command line refuses it.
  expect(readClientSettings({ LATCHKEY_TOKEN: "" })).toMatchObject({ token: "" });
});

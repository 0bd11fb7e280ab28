import { randomBytes } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, inject } from "vitest";
import type { Account } from "../../gen/latchkey/v1/account_pb.ts";
import type { ApiKey } from "../../gen/latchkey/v1/api_key_pb.ts";
import type { CreateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import type { Profile } from "../../gen/latchkey/v1/profile_pb.ts";
import type { App } from "../../src/app/app.ts";
import type { Db } from "../../src/db/connect.ts";
import type { Mail } from "../../src/domain/kernel/mail.ts";
import { createMetrics, type Metrics } from "../../src/infra/metrics.ts";
import { type Clients, clients } from "./actors/clients.ts";
import { makePlatform } from "./actors/platform.ts";
import {
  awaitingChanges,
  createTestDatabase,
  openTestDatabase,
  type TestDatabase,
} from "./database/database.ts";
import { type HeldStatement, watchStatements } from "./database/statements.ts";
import { type AppOptions, openApp } from "./instance.ts";
import { password } from "./known-password.ts";

export { type Clients, clients, password };

/** A new account with the clients of its owner. */
export interface Owner extends Clients {
  account: Account;
  profile: Profile;
  email: string;
}

/** What test files can share of a service: nothing here shows what other files did. See `useSharedApp`. */
export interface SharedApp {
  /** A pool for changes by SQL. Each statement returns when its change is effective. */
  db: Db;
  /** The pool of the service. */
  pool: Db;
  app: Omit<App, "close">;
  /** The token of the platform account's system key. */
  platformToken: string;
  /** The mails that were sent, oldest first. */
  mails: Mail[];
  /** The lines that were logged so far. */
  logLines: string[];
  /** Returns a transport to this instance that sends the bearer's token. */
  transportAs(token: string, headers?: Record<string, string>): Transport;
  /** Returns the clients of a bearer. An empty token sends none. */
  clientAs(token: string, headers?: Record<string, string>): Clients;
  /** Signs a user up and returns their account. */
  newAccount(name?: string): Promise<Owner>;
  /** Returns the statements of a call, without the background statements for times of last use. */
  statementsOf(call: () => Promise<unknown>): Promise<string[]>;
  /** Delays the result of the next matching statement. Other statements continue. */
  holdResultOf(pattern: RegExp): HeldStatement;
}

/**
 * The whole service on its own database. Tests call it by the typed client, through the real interceptors and a real
 * Postgres.
 */
export interface TestApp extends SharedApp {
  databaseUrl: string;
  pools: Pools;
  app: App;
  metrics: Metrics;
}

/** The pools of an instance: for its calls, for the lookups of verification, and for changes by SQL. */
interface Pools {
  calls: TestDatabase;
  lookups: TestDatabase;
  operator: TestDatabase;
}

/** Starts the service for a test file, and stops it after the last test. Read the result only inside tests. */
export function useApp(env: Record<string, string> = {}, options: AppOptions = {}): TestApp {
  let app: TestApp | undefined;
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    ({ app, end } = await startApp(env, options));
  });
  afterAll(() => end?.());
  return new Proxy({} as TestApp, {
    get(_target, name: keyof TestApp) {
      if (!app) throw new Error("the service exists only while tests run");
      return app[name];
    },
  });
}

/** Starts the service on its own database. */
export async function startApp(env: Record<string, string> = {}, options: AppOptions = {}) {
  const metrics = createMetrics("0.0.0", () => ({ calls: database.db.poolStats() }));
  const { turns = true } = options;
  // The platform account of the template has the default prefix.
  const kind = env.LATCHKEY_TOKEN_PREFIX === undefined ? "platform" : "migrated";
  const database = await createTestDatabase(kind, { turns, onQuery: metrics.query });
  if (kind === "migrated") return startAppOn(database, env, options, metrics);
  return serveTest(database, inject("platformTemplate").token, env, metrics, options);
}

/** Starts the service on a migrated database without a platform account. Works without a test runner. */
export async function startAppOn(
  database: TestDatabase,
  env: Record<string, string> = {},
  options: AppOptions = {},
  metrics: Metrics = createMetrics("0.0.0", () => ({ calls: database.db.poolStats() })),
) {
  const platformToken = await makePlatform(database.db, env);
  return serveTest(database, platformToken, env, metrics, options);
}

/** Starts another instance of the service on the same database, with its own pools and change feed. */
export function startBeside(
  one: Pick<TestApp, "databaseUrl" | "platformToken">,
  env: Record<string, string> = {},
  options: AppOptions = {},
) {
  const metrics = createMetrics("0.0.0", () => ({ calls: database.db.poolStats() }));
  const { turns = true, queryTimeoutMs } = options;
  const database = openTestDatabase(one.databaseUrl, { turns, queryTimeoutMs, onQuery: metrics.query });
  return serveTest(database, one.platformToken, env, metrics, options);
}

/**
 * Starts another instance on the connections of the first one, which ends last. Postgres plans each statement again on each new
 * connection, so this costs a third of `startBeside`.
 */
export async function startOnPools(one: TestApp, env: Record<string, string>, options: AppOptions = {}) {
  const metrics = createMetrics("0.0.0", () => ({ calls: one.pools.calls.db.poolStats() }));
  const app = await serveOn(one.pools, one.databaseUrl, one.platformToken, env, metrics, options);
  return { app, end: app.app.close };
}

async function serveTest(
  calls: TestDatabase,
  platformToken: string,
  env: Record<string, string>,
  metrics: Metrics,
  options: AppOptions,
) {
  const { lookupsUrl = calls.url, listenUrl = lookupsUrl, queryTimeoutMs } = options;
  const lookups = openTestDatabase(lookupsUrl, { queryTimeoutMs, onQuery: metrics.query });
  // Changes by SQL use a pool of their own.
  const pools = { calls, lookups, operator: openTestDatabase(calls.url) };
  const app = await serveOn(pools, listenUrl, platformToken, env, metrics, options);
  async function end(): Promise<void> {
    await app.app.close();
    for (const one of [pools.operator, lookups, calls]) await one.drop();
  }
  return { app, end };
}

async function serveOn(
  pools: Pools,
  listenUrl: string,
  platformToken: string,
  env: Record<string, string>,
  metrics: Metrics,
  options: AppOptions,
): Promise<TestApp> {
  const { calls, lookups, operator } = pools;
  const { watch, statementsOf, holdResultOf } = watchStatements();
  const watched = { db: watch(calls.db), lookups: watch(lookups.db), listenUrl };
  const { app, mails, logLines, transportAs } = await openApp(watched, env, metrics, options);
  const clientAs: TestApp["clientAs"] = (token, headers) => clients(transportAs(token, headers), token);
  let people = 0;
  // The domain is random, so that two instances of one database sign up different people.
  const domain = `${randomBytes(4).toString("hex")}.example.com`;
  const started: TestApp = {
    db: awaitingChanges(operator.db, app.settled),
    databaseUrl: calls.url,
    pools,
    pool: calls.db,
    app,
    platformToken,
    mails,
    metrics,
    logLines,
    transportAs,
    clientAs,
    statementsOf,
    holdResultOf,
    async newAccount(name = "Acme") {
      people += 1;
      const email = `person${people}@${domain}`;
      const signUp = { email, password, name: `Person ${people}`, accountName: name };
      const { account, profile, token } = await clientAs("").sessions.signUp(signUp);
      if (!account || !profile) throw new Error("the response of SignUp has no account or no profile");
      return { ...clientAs(token), account, profile, email };
    },
  };
  return started;
}

/** Issues a key as this caller, and returns it with its token in `token`. */
export async function issueKey(
  caller: Clients,
  request: Omit<MessageInitShape<typeof CreateApiKeyRequestSchema>, "$typeName"> = {},
): Promise<ApiKey & { id: string; token: string }> {
  const { apiKey } = await caller.apiKeys.createApiKey({ metadata: { name: "a key" }, ...request });
  if (!apiKey?.metadata || !apiKey.spec) throw new Error("the response of CreateApiKey has no key");
  return { ...apiKey, id: apiKey.metadata.id, token: apiKey.spec.token };
}

/** Creates a workspace as this caller, and returns its id. */
export async function newWorkspace(caller: Clients, name = "a workspace"): Promise<string> {
  const { workspace } = await caller.workspaceAdmin.createWorkspace({ metadata: { name } });
  if (!workspace?.metadata) throw new Error("the response of CreateWorkspace has no workspace");
  return workspace.metadata.id;
}

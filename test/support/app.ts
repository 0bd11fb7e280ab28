import type { DescService, MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, createRouterTransport, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll } from "vitest";
import type { Account } from "../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../gen/latchkey/v1/account_service_pb.ts";
import type { ApiKey } from "../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService, type CreateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { AuditService } from "../../gen/latchkey/v1/audit_service_pb.ts";
import { InviteService } from "../../gen/latchkey/v1/invite_service_pb.ts";
import type { Profile } from "../../gen/latchkey/v1/profile_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { RoleService } from "../../gen/latchkey/v1/role_service_pb.ts";
import { ServiceAccountService } from "../../gen/latchkey/v1/service_account_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TeamService } from "../../gen/latchkey/v1/team_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { WorkspaceAdminService } from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { WorkspaceService } from "../../gen/latchkey/v1/workspace_service_pb.ts";
import { readConfig } from "../../src/config.ts";
import type { Db } from "../../src/db/connect.ts";
import { bootstrap } from "../../src/domain/bootstrap.ts";
import type { Mail, Mailer } from "../../src/domain/mail.ts";
import { createPasswords } from "../../src/domain/password.ts";
import { mintToken } from "../../src/domain/token.ts";
import { createLog } from "../../src/log.ts";
import { createMetrics, type Metrics } from "../../src/metrics.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { type App, createApp } from "../../src/server.ts";
import { createTestDatabase } from "./database.ts";
import { watchStatements } from "./statements.ts";

/** Every service of ours, as one bearer sees it. */
export interface Clients {
  apiKeys: Client<typeof ApiKeyService>;
  accounts: Client<typeof AccountService>;
  workspaces: Client<typeof WorkspaceService>;
  workspaceAdmin: Client<typeof WorkspaceAdminService>;
  profiles: Client<typeof ProfileService>;
  sessions: Client<typeof SessionService>;
  tokens: Client<typeof TokenService>;
  audit: Client<typeof AuditService>;
  invites: Client<typeof InviteService>;
  teams: Client<typeof TeamService>;
  roles: Client<typeof RoleService>;
  serviceAccounts: Client<typeof ServiceAccountService>;
  token: string;
  as<S extends DescService>(service: S): Client<S>;
}

/** A fresh account, as its owner. */
export interface Owner extends Clients {
  account: Account;
  profile: Profile;
  email: string;
}

/** The whole service on a database of its own: through the typed client, the real interceptors and a real Postgres. */
export interface TestApp {
  db: Db;
  databaseUrl: string;
  app: App;
  /** Token of the platform account's system key. */
  platformToken: string;
  /** What was mailed, oldest first. */
  mails: Mail[];
  metrics: Metrics;
  /** What was logged so far. */
  logLines: string[];
  /** The clients of a bearer; an empty token sends none. */
  clientAs(token: string, headers?: Record<string, string>): Clients;
  /** Signs somebody up. */
  newAccount(name?: string): Promise<Owner>;
  /** The statements that a call costs, without those that remember in the background when something was used. */
  statementsOf(call: () => Promise<unknown>): Promise<string[]>;
}

export const password = "correct horse battery staple";

/** Starts the service for a test file, and ends it after its last test. Read it only inside tests. */
export function useApp(env: Record<string, string> = {}): TestApp {
  let app: TestApp | undefined;
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    ({ app, end } = await startApp(env));
  });
  afterAll(() => end?.());
  return new Proxy({} as TestApp, {
    get(_target, name: keyof TestApp) {
      if (!app) throw new Error("the service is there only while tests run");
      return app[name];
    },
  });
}

/** Starts the service on a database of its own. Its mails are kept in `mails`, or sent by the mailer that is given. */
export async function startApp(env: Record<string, string> = {}, sender?: Mailer) {
  const metrics = createMetrics(() => database.db.poolStats());
  const database = await createTestDatabase("migrated", { onQuery: metrics.query });
  const { db, statementsOf } = watchStatements(database.db);
  const { app, mails, logLines, clientAs, tokenPrefix } = await openApp(db, env, metrics, sender);
  let platformToken = "";
  await bootstrap(database.db, mintToken.bind(undefined, tokenPrefix), {
    verifier: false,
    onMinted({ platform }) {
      platformToken = platform;
    },
  });
  let people = 0;
  const started: TestApp = {
    db: database.db,
    databaseUrl: database.url,
    app,
    platformToken,
    mails,
    metrics,
    logLines,
    clientAs,
    statementsOf,
    async newAccount(name = "Acme") {
      people += 1;
      const email = `person${people}@example.com`;
      const signUp = { email, password, name: `Person ${people}`, accountName: name };
      const { account, profile, token } = await clientAs("").sessions.signUp(signUp);
      if (!account || !profile) throw new Error("SignUp answered without an account or a profile");
      return { ...clientAs(token), account, profile, email };
    },
  };
  async function end(): Promise<void> {
    await app.close();
    await database.drop();
  }
  return { app: started, end };
}

/** Starts the service on a database that is there already. Close it before the database goes. */
export async function openApp(
  db: Db,
  env: Record<string, string> = {},
  metrics: Metrics = createMetrics(() => ({ total: 0, idle: 0, waiting: 0 })),
  sender?: Mailer,
) {
  const config = readConfig(env);
  const logLines: string[] = [];
  const log = createLog("trace", { write: (line) => void logLines.push(line) });
  const passwords = await createPasswords();
  const mails: Mail[] = [];
  const mailer: Mailer = {
    delivers: config.smtpUrl !== undefined,
    async send(mail) {
      mails.push(mail);
    },
  };
  const app = createApp({
    db,
    config,
    passwords,
    mailer: sender ?? mailer,
    limits: defaultLimits,
    log,
    metrics,
  });
  const clientAs = (token: string, headers: Record<string, string> = {}) =>
    clients(inMemory(app, token, headers), token);
  return { app, mails, logLines, clientAs, tokenPrefix: config.tokenPrefix };
}

/** Issues a key as this caller, and returns it with its token in `token`. */
export async function issueKey(
  caller: Clients,
  request: Omit<MessageInitShape<typeof CreateApiKeyRequestSchema>, "$typeName"> = {},
): Promise<ApiKey & { id: string; token: string }> {
  const { apiKey } = await caller.apiKeys.createApiKey({ metadata: { name: "a key" }, ...request });
  if (!apiKey?.metadata || !apiKey.spec) throw new Error("CreateApiKey answered without a key");
  return { ...apiKey, id: apiKey.metadata.id, token: apiKey.spec.token };
}

/** Makes a workspace as this caller, and returns its id. */
export async function newWorkspace(caller: Clients, name = "a workspace"): Promise<string> {
  const { workspace } = await caller.workspaceAdmin.createWorkspace({ metadata: { name } });
  if (!workspace?.metadata) throw new Error("CreateWorkspace answered without a workspace");
  return workspace.metadata.id;
}

/** The clients of a bearer over any transport that sends its token. */
export function clients(transport: Transport, token: string): Clients {
  return {
    apiKeys: createClient(ApiKeyService, transport),
    accounts: createClient(AccountService, transport),
    workspaces: createClient(WorkspaceService, transport),
    workspaceAdmin: createClient(WorkspaceAdminService, transport),
    profiles: createClient(ProfileService, transport),
    sessions: createClient(SessionService, transport),
    tokens: createClient(TokenService, transport),
    audit: createClient(AuditService, transport),
    invites: createClient(InviteService, transport),
    teams: createClient(TeamService, transport),
    roles: createClient(RoleService, transport),
    serviceAccounts: createClient(ServiceAccountService, transport),
    token,
    as: (service) => createClient(service, transport),
  };
}

function inMemory(app: App, token: string, headers: Record<string, string>): Transport {
  const all = { ...headers, ...(token !== "" && { authorization: `Bearer ${token}` }) };
  return createRouterTransport(app.routes, {
    router: app.routerOptions,
    transport: {
      interceptors: [
        (next) => (request) => {
          for (const [name, value] of Object.entries(all)) request.header.set(name, value);
          return next(request);
        },
      ],
    },
  });
}

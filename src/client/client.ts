import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import type { Client, Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { AccountService } from "../../gen/latchkey/v1/account_service_pb.ts";
import type { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import type { AuditService } from "../../gen/latchkey/v1/audit_service_pb.ts";
import type { InviteService } from "../../gen/latchkey/v1/invite_service_pb.ts";
import type { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import type { RoleService } from "../../gen/latchkey/v1/role_service_pb.ts";
import type { ServiceAccountService } from "../../gen/latchkey/v1/service_account_service_pb.ts";
import type { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import type { TeamService } from "../../gen/latchkey/v1/team_service_pb.ts";
import type { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import type { UsageService } from "../../gen/latchkey/v1/usage_service_pb.ts";
import type { WorkspaceAdminService } from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { WorkspaceService } from "../../gen/latchkey/v1/workspace_service_pb.ts";
import { onDemand } from "./on-demand.ts";
import { createCallTransport } from "./transport.ts";

export { LatchkeyError, type Violation } from "./error.ts";

/** The options of a client. */
export interface ClientOptions {
  /** The address of the server, with `http` or `https`, and with a path if a proxy serves it under one. */
  url: string;
  /** The bearer of the calls, or a function that returns it before each attempt. Without it, only public calls succeed. */
  token?: string | (() => string | Promise<string>) | undefined;
  /** The id of the account that the calls act in. Users of several accounts and platform keys need it. */
  account?: string | undefined;
  /** The certificate of the only authority that this client trusts, in PEM. By default, the client trusts the authorities that Node trusts. */
  ca?: string | Buffer | undefined;
  /** The time for a call with all its attempts. The default is 30 seconds. */
  timeoutMs?: number | undefined;
  /** The number of further attempts of a call that is safe to retry. The default is 4. */
  retries?: number | undefined;
  /** A transport of the caller, which replaces the connection to `url`. */
  transport?: Transport | undefined;
}

/** The services of a server, as one caller. Every call throws `LatchkeyError` if it fails. */
export interface LatchkeyClient {
  readonly apiKeys: Client<typeof ApiKeyService>;
  readonly accounts: Client<typeof AccountService>;
  readonly workspaces: Client<typeof WorkspaceService>;
  readonly workspaceAdmin: Client<typeof WorkspaceAdminService>;
  readonly profiles: Client<typeof ProfileService>;
  readonly sessions: Client<typeof SessionService>;
  /** The stream `WatchTokens` belongs to `latchkey/guard`. */
  readonly tokens: Omit<Client<typeof TokenService>, "watchTokens">;
  readonly audit: Client<typeof AuditService>;
  readonly invites: Client<typeof InviteService>;
  readonly teams: Client<typeof TeamService>;
  readonly roles: Client<typeof RoleService>;
  readonly serviceAccounts: Client<typeof ServiceAccountService>;
  readonly usage: Client<typeof UsageService>;
  /** Ends running calls and closes the connections. */
  close(): void;
}

const defaultTimeoutMs = 30_000;
const defaultRetries = 4;
// The largest response is a page of 200 resources.
const maxResponseBytes = 32 * 1024 * 1024;

/** Creates a client. It opens connections when a call needs them, and reuses them. */
export function createClient(options: ClientOptions): LatchkeyClient {
  const { timeoutMs = defaultTimeoutMs, retries = defaultRetries } = options;
  const url = checkedUrl(options.url);
  if (options.account === "")
    throw new TypeError("account: expected an id, because an empty one names no account");
  requireNumber("timeoutMs", timeoutMs, 1);
  requireNumber("retries", retries, 0);
  const ends = new AbortController();
  const { transport: inner, close } = options.transport
    ? { transport: options.transport, close() {} }
    : connect(url, options.ca);
  const headers = () => headersOf(options);
  const transport = createCallTransport(inner, { url, headers, timeoutMs, retries, signal: ends.signal });
  return {
    ...servicesOver(transport),
    close() {
      ends.abort();
      close();
    },
  };
}

function servicesOver(transport: Transport): Omit<LatchkeyClient, "close"> {
  return {
    apiKeys: onDemand(
      async () => (await import("../../gen/latchkey/v1/api_key_service_pb.ts")).ApiKeyService,
      transport,
    ),
    accounts: onDemand(
      async () => (await import("../../gen/latchkey/v1/account_service_pb.ts")).AccountService,
      transport,
    ),
    workspaces: onDemand(
      async () => (await import("../../gen/latchkey/v1/workspace_service_pb.ts")).WorkspaceService,
      transport,
    ),
    workspaceAdmin: onDemand(
      async () => (await import("../../gen/latchkey/v1/workspace_admin_service_pb.ts")).WorkspaceAdminService,
      transport,
    ),
    profiles: onDemand(
      async () => (await import("../../gen/latchkey/v1/profile_service_pb.ts")).ProfileService,
      transport,
    ),
    sessions: onDemand(
      async () => (await import("../../gen/latchkey/v1/session_service_pb.ts")).SessionService,
      transport,
    ),
    tokens: onDemand(
      async () => (await import("../../gen/latchkey/v1/token_service_pb.ts")).TokenService,
      transport,
    ),
    audit: onDemand(
      async () => (await import("../../gen/latchkey/v1/audit_service_pb.ts")).AuditService,
      transport,
    ),
    invites: onDemand(
      async () => (await import("../../gen/latchkey/v1/invite_service_pb.ts")).InviteService,
      transport,
    ),
    teams: onDemand(
      async () => (await import("../../gen/latchkey/v1/team_service_pb.ts")).TeamService,
      transport,
    ),
    roles: onDemand(
      async () => (await import("../../gen/latchkey/v1/role_service_pb.ts")).RoleService,
      transport,
    ),
    serviceAccounts: onDemand(
      async () => (await import("../../gen/latchkey/v1/service_account_service_pb.ts")).ServiceAccountService,
      transport,
    ),
    usage: onDemand(
      async () => (await import("../../gen/latchkey/v1/usage_service_pb.ts")).UsageService,
      transport,
    ),
  };
}

// Connect over HTTP/1.1 passes every proxy.
function connect(url: string, ca: string | Buffer | undefined): { transport: Transport; close(): void } {
  const agent = url.startsWith("https:")
    ? new TlsAgent({ keepAlive: true, ...(ca !== undefined && { ca }) })
    : new Agent({ keepAlive: true });
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    nodeOptions: { agent },
    readMaxBytes: maxResponseBytes,
  });
  return { transport, close: () => agent.destroy() };
}

async function headersOf({ token, account }: ClientOptions): Promise<Record<string, string>> {
  const bearer = typeof token === "function" ? await token() : token;
  // An error of the header itself would quote the token.
  if (bearer !== undefined && !/^[!-~]+$/.test(bearer)) {
    throw new TypeError("token: expected one word of printable ASCII characters");
  }
  return {
    ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    ...(account !== undefined && { "latchkey-account": account }),
  };
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash;
  if (!isPlain || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      "url: expected an address such as https://keys.example.com, without a user, query or fragment",
    );
  }
  return url.href.replace(/\/+$/, "");
}

function requireNumber(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new TypeError(`${name}: expected a whole number of at least ${least}`);
  }
}

import type { Transport } from "@connectrpc/connect";
import type { Principal } from "../../gen/latchkey/v1/principal_pb.ts";

/** What `createGuard` depends on. */
export interface GuardOptions {
  /** The address of Latchkey, such as `https://latchkey.internal:8080`. The guard speaks gRPC over HTTP/2. */
  url: string;
  /** The guard's own bearer. It needs the permission `tokens:verify`, and should have no other. */
  token: string;
  /** The account of every requirement that names none. */
  account?: string | undefined;
  /** The environment of every requirement that names none. */
  environment?: "live" | "test" | undefined;
  /** The most entries of the cache. The default is 100,000. */
  entries?: number | undefined;
  /** Replaces the connection to `url`. It must carry bidirectional streams. The guard adds its bearer to every call. */
  transport?: Transport | undefined;
  /** Whether the guard reports the verifications that it answered from its cache. The default is true. */
  usage?: boolean | undefined;
  /** Called when the guard's connection changes. By default, the guard writes a rejection of its own bearer to stderr. */
  onEvent?: ((event: GuardEvent) => void) | undefined;
}

/** A change of the guard's connection. */
export interface GuardEvent {
  /**
   * - `connected`: the guard holds a lease and answers from its cache.
   * - `disconnected`: it holds none, and asks the server for each verification.
   * - `rejected`: the server rejects the guard's own bearer. The guard refuses every token.
   */
  type: "connected" | "disconnected" | "rejected";
  /** One sentence for an operator. It never contains a token. */
  message: string;
  /** The reason of a rejection, such as `REVOKED_API_KEY`. */
  reason?: string;
}

/**
 * What a token must fulfil. An unset field requires nothing.
 *
 * A frozen object with frozen lists is faster: the guard computes its cache key only once.
 */
export interface Requirements {
  readonly permissions?: readonly string[] | undefined;
  readonly workspaceId?: string | undefined;
  readonly accountId?: string | undefined;
  readonly environment?: "live" | "test" | undefined;
  readonly entitlements?: readonly string[] | undefined;
  /** What the verification takes from the limits of the key. The default is the cost of each limit. */
  readonly cost?: number | undefined;
  /** The address of the service's client. It is recorded with the usage of the key, and changes no verdict. */
  readonly clientAddress?: string | undefined;
}

/** Why a token is valid or not, by the table in docs/errors.md. */
export type GuardReason =
  | "VALID"
  | "MISSING_API_KEY"
  | "INVALID_API_KEY"
  | "EXPIRED_API_KEY"
  | "REVOKED_API_KEY"
  | "DISABLED_API_KEY"
  | "INVALID_SESSION"
  | "EXPIRED_SESSION"
  | "REVOKED_SESSION"
  | "ACCOUNT_REQUIRED"
  | "ACCOUNT_MISMATCH"
  | "ACCOUNT_SUSPENDED"
  | "ENVIRONMENT_MISMATCH"
  | "WORKSPACE_FORBIDDEN"
  | "WORKSPACE_ARCHIVED"
  | "PERMISSION_DENIED"
  | "ENTITLEMENT_REQUIRED"
  | "RATE_LIMITED"
  | "QUOTA_EXCEEDED"
  /** The guard cannot prove anything about the token now. The client may retry after `retryAfterMs`. */
  | "UNAVAILABLE"
  /** The requirements are malformed. This is a mistake of the service and not of its client. */
  | "INVALID_FIELDS";

/** The result of a verification. It is frozen, and may be the same object for several calls. */
export interface GuardVerdict {
  readonly valid: boolean;
  readonly reason: GuardReason;
  /** One sentence for the client of the service. It contains no token. */
  readonly message: string;
  /** The principal of the bearer, if the token is valid. */
  readonly principal?: Principal;
  /** Details of the reason, as in docs/errors.md. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The rate limit that has the least left, if the key has any. */
  readonly rateLimit?: GuardRateLimit;
  /** The credits that have the least left, if the key draws on any. */
  readonly credits?: GuardCredits;
  /** When a retry may succeed, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** `guard`: the guard refused the token without a call. */
  readonly source: "cache" | "server" | "guard";
}

/** The state of a rate limit after a verification. */
export interface GuardRateLimit {
  readonly name: string;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAt: Date;
}

/** The state of the credits after a verification. */
export interface GuardCredits {
  readonly remaining: number;
  readonly refillAt?: Date;
}

/** What a guard does at the moment. */
export interface GuardState {
  /** `open`: the stream to the server is established. `rejected`: the server rejects the guard's own bearer. */
  stream: "connecting" | "open" | "rejected" | "closed";
  /** Whether the guard may answer from its cache. */
  leased: boolean;
  entries: number;
  /** How many verifications the cache answered. */
  cacheHits: number;
  /** How many verifications needed a call to the server. */
  calls: number;
}

/** Verifies tokens in the process of another service, as `VerifyToken` does. */
export interface Guard {
  /**
   * Verifies a token. The promise never rejects: a verification that fails for any reason is a refusal with its reason.
   * An empty token is refused with `MISSING_API_KEY`.
   */
  verify(token: string, requirements?: Requirements): Promise<GuardVerdict>;
  /** Resolves with true when the guard may answer from its cache, or with false after `timeoutMs` (5 s by default). */
  ready(timeoutMs?: number): Promise<boolean>;
  state(): GuardState;
  /** Reports the remaining usage and closes the connections. Later verifications are refused with `UNAVAILABLE`. */
  close(): Promise<void>;
}

import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { isUnreachable, needsLogIn, reasonOf } from "./errors.ts";
import type { Reach } from "./reach.ts";
import { inSessionTurn } from "./session-turn.ts";

/** What a transport needs from the page. */
export interface TransportOptions {
  /** The account that calls name, if one is chosen. */
  account(): string | undefined;
  /** A bearer, for a page without a cookie. It stays in memory. */
  bearer?(): string | undefined;
  /** Without it, no call waits for a server that is away. */
  reach?: Reach;
  /**
   * Runs when a call is sent, and remembers whose call it is. The function that it returns runs after the server refused the
   * session of the call. It returns a promise that resolves when there is another session for the call, or undefined if the
   * page was not signed in. Without it, the call fails.
   */
  renewal?(sent: Sent): () => Promise<void> | undefined;
  /** Runs after the server refused a call because a permission was missing. */
  onDenied?(): void;
}

/** A call that was sent. */
export interface Sent {
  header: Headers;
  signal: AbortSignal;
}

// Longer than every wait of the server. A revocation waits about 1 s.
const timeoutMs = 30_000;
const retries = 4;
const firstRetryMs = 250;

/** Returns a transport to the server of this page. Its calls carry the cookie and the header of the console. */
export function createConsoleTransport(options: TransportOptions): Transport {
  return createConnectTransport({
    baseUrl: location.origin,
    useBinaryFormat: true,
    fetch: fetchInTurn,
    // The first is the outermost.
    interceptors: [...(options.reach ? [reached(options.reach)] : []), renewed(options), identified(options)],
  });
}

// The responses of these calls set or remove the cookie.
const changesSession = /\/(LogIn|LogOut|SignUp|AcceptInvite|ResetPassword|ChangePassword)$/;

function fetchInTurn(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const run = () => fetchInTime(input, init);
  return changesSession.test(String(input)) ? inSessionTurn("exclusive", run) : run();
}

// Each attempt has its own deadline, because a call may wait for the server or for the user between two attempts.
async function fetchInTime(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline;
  try {
    return await fetch(input, { ...init, signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    // The response counts as lost, as if the connection had failed.
    throw deadline.aborted ? new TypeError("the server did not answer in time") : error;
  }
}

// Sets the headers of every call.
function identified({ account, bearer }: TransportOptions): Interceptor {
  return (next) => (request) => {
    const [id, token] = [account(), bearer?.()];
    request.header.set("latchkey-console", "1");
    // A retry has the headers of its first attempt.
    for (const name of ["latchkey-account", "authorization"]) request.header.delete(name);
    if (id) request.header.set("latchkey-account", id);
    if (token) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}

// A call with an ended session did nothing. It is retried once with the next session.
function renewed({ renewal, onDenied }: TransportOptions): Interceptor {
  return (next) => async (request) => {
    const renew = renewal?.(request);
    try {
      return await next(request);
    } catch (error) {
      if (reasonOf(error) === "PERMISSION_DENIED") onDenied?.();
      const session = needsLogIn(error) ? renew?.() : undefined;
      if (!session) throw error;
      await session;
      return next(request);
    }
  };
}

// A call that changes nothing waits until the server is back. Another call fails, because it may have had its effect.
function reached(reach: Reach): Interceptor {
  return (next) => async (request) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await next(request);
      } catch (error) {
        if (!isLost(error) || request.signal.aborted) throw error;
        reach.doubt();
        const repeatable = request.method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
        if (!repeatable || attempt === retries) throw error;
        await reach.back(request.signal);
        await pause(firstRetryMs * 2 ** attempt * Math.random());
      }
    }
  };
}

function isLost(error: unknown): boolean {
  return isUnreachable(error) || ConnectError.from(error).code === Code.Unavailable;
}

function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  return promise;
}

import { createClient } from "@connectrpc/connect";
import {
  TokenService,
  type VerifyTokenRequest,
  type VerifyTokenResponse,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { type Rejection, refusalOf, rejectionOf } from "./errors.ts";
import { unavailable } from "./refused.ts";
import { createSlots } from "./slots.ts";
import type { Connection } from "./transport.ts";
import type { GuardVerdict } from "./types.ts";

/** The calls of a guard to `VerifyToken`. Their number at a time is bounded. */
export interface Calls {
  /**
   * Verifies a token by a call. `onSent` is called when the call begins. Resolves with a refusal if there is no response.
   */
  verify(request: VerifyTokenRequest, onSent?: () => void): Promise<CallResult>;
  /** Ends all calls. Later ones are refused. */
  close(): void;
}

/** What a call brought: a response, or a refusal if there is none. */
export type CallResult =
  | { response: VerifyTokenResponse; refusal?: undefined }
  | { response?: undefined; refusal: GuardVerdict };

// A server allows 100 streams per HTTP/2 connection.
const maxCalls = 64;
const maxWaiting = 2_000;
const maxWaitMs = 2_000;
const timeoutMs = 3_000;

/** Creates the calls of a guard. It calls `onRejected` if the server rejects the guard's own bearer. */
export function createCalls(connection: Connection, onRejected: (rejection: Rejection) => void): Calls {
  const client = createClient(TokenService, connection.transport);
  const slots = createSlots({ slots: maxCalls, waiting: maxWaiting, patienceMs: maxWaitMs });
  const ended = new AbortController();
  return {
    async verify(request, onSent) {
      if (!(await slots.take())) return { refusal: unavailable() };
      try {
        onSent?.();
        const options = { headers: connection.headers, timeoutMs, signal: ended.signal };
        return { response: await client.verifyToken(request, options) };
      } catch (error) {
        const rejection = rejectionOf(error);
        if (rejection && !ended.signal.aborted) onRejected(rejection);
        return { refusal: rejection ? unavailable() : refusalOf(error) };
      } finally {
        slots.giveBack();
      }
    },
    close() {
      slots.close();
      ended.abort();
    },
  };
}

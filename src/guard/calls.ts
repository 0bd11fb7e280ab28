import { createClient } from "@connectrpc/connect";
import {
  TokenService,
  type VerifyTokenRequest,
  type VerifyTokenResponse,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { networkOf } from "../domain/kernel/network.ts";
import { type Rejection, refusalOf, rejectionOf } from "./errors.ts";
import { unavailable } from "./refused.ts";
import { createSlots } from "./slots.ts";
import type { Connection } from "./transport.ts";
import type { GuardVerdict } from "./types.ts";

/** The calls of a guard to `VerifyToken`. Their number at a time is bounded. */
export interface Calls {
  /**
   * Verifies a token by a call. Resolves with a refusal if there is no response. `known`: the token was valid before. Calls
   * for other tokens cannot take all slots, and the networks of their clients take turns. `onSent` is called just before the request is sent.
   */
  verify(request: VerifyTokenRequest, known: boolean, onSent: () => void): Promise<CallResult>;
  /** Ends all calls. Later ones are refused. */
  close(): void;
}

/** The result of a call: a response, or a refusal if there is none. */
export type CallResult =
  | { response: VerifyTokenResponse; refusal?: undefined }
  | { response?: undefined; refusal: GuardVerdict };

// A server allows 100 streams per HTTP/2 connection.
const maxKnownCalls = 48;
const maxOtherCalls = 32;
const maxWaiting = 2_000;
const maxWaitMs = 2_000;
const timeoutMs = 3_000;

/** Creates the calls of a guard. It calls `onRejected` if the server rejects the guard's own bearer. */
export function createCalls(connection: Connection, onRejected: (rejection: Rejection) => void): Calls {
  const client = createClient(TokenService, connection.transport);
  const slotsOf = (count: number) =>
    createSlots({ slots: count, waiting: maxWaiting, patienceMs: maxWaitMs });
  const ofKnown = slotsOf(maxKnownCalls);
  const ofOthers = slotsOf(maxOtherCalls);
  const ended = new AbortController();
  return {
    async verify(request, known, onSent) {
      const slots = known ? ofKnown : ofOthers;
      if (!(await slots.take(networkOf(request.clientAddress)))) return { refusal: unavailable() };
      try {
        onSent();
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
      ofKnown.close();
      ofOthers.close();
      ended.abort();
    },
  };
}

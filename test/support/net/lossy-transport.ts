import { Code, ConnectError, type Transport } from "@connectrpc/connect";

/** Where a call is lost: the request does not arrive, or the answer does not. */
export type Loss = "request" | "answer";

/** A transport that loses the next calls, as a broken connection does, and counts the attempts. */
export interface LossyTransport extends Transport {
  attempts(): number;
}

/** Returns a transport that loses its first calls in this way. Later calls pass. */
export function lossyTransport(inner: Transport, losses: Loss[]): LossyTransport {
  const left = [...losses];
  let attempts = 0;
  return {
    ...inner,
    attempts: () => attempts,
    async unary(...call) {
      attempts += 1;
      const loss = left.shift();
      if (loss === "request") throw broken("ECONNREFUSED");
      const response = await inner.unary(...call);
      if (loss === "answer") throw broken("ECONNRESET");
      return response;
    },
  };
}

// As connect-node reports a failure of Node.
function broken(code: string): ConnectError {
  const cause = Object.assign(new Error(code), { code });
  return new ConnectError(code, Code.Unavailable, undefined, undefined, cause);
}

import { createCalls } from "./calls.ts";
import { refused, unavailable } from "./refused.ts";
import { createRequirementsReader, requestOf } from "./requirements.ts";
import { formOf } from "./token-form.ts";
import { createConnection } from "./transport.ts";
import type { Guard, GuardOptions, GuardVerdict, Requirements } from "./types.ts";
import { verdictOf } from "./verdict.ts";

export type { Access, GateOptions } from "./gate.ts";
export { type Refusal, refusalOf } from "./refusal.ts";
export type * from "./types.ts";

/** Creates a guard. It verifies tokens in this process as `VerifyToken` of the server at `url` does. */
export function createGuard(options: GuardOptions): Guard {
  const connection = createConnection(options);
  const readRequirements = createRequirementsReader(options);
  const noRequirements: Requirements = Object.freeze({});
  let calls = 0;
  let closed = false;
  const server = createCalls(connection, ({ reason, message }) =>
    options.onEvent?.({ type: "rejected", reason, message }),
  );

  async function verify(token: string, required: Requirements = noRequirements): Promise<GuardVerdict> {
    if (closed) return unavailable();
    const requirements = readRequirements(required);
    if (!requirements) return refused("INVALID_FIELDS");
    if (token === "") return refused("MISSING_API_KEY");
    const form = formOf(token);
    if (form.kind === "wrong") return refused("INVALID_API_KEY");
    calls += 1;
    const { response, refusal } = await server.verify(requestOf(token, requirements));
    return response ? verdictOf(response, form) : refusal;
  }

  return {
    verify,
    ready: async () => false,
    state: () => ({
      stream: closed ? "closed" : "connecting",
      leased: false,
      entries: 0,
      cacheHits: 0,
      calls,
    }),
    async close() {
      closed = true;
      server.close();
      connection.abort();
    },
  };
}

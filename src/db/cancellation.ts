import type pg from "pg";
import { cancelStatement } from "./cancel.ts";
import type { StatementScope } from "./statement-scope.ts";

/** Cancels one statement if it runs too long, if its caller gives up, or on request. */
export interface Cancellation {
  request(): void;
  /** Call it when the statement has ended. Resolves with false if a cancel request may still reach the connection. */
  end(): Promise<boolean>;
}

/** Starts to watch one statement within its scope. */
export function createCancellation(client: pg.PoolClient, { signal, limitMs }: StatementScope): Cancellation {
  let passedOn: Promise<boolean> | undefined;
  const request = () => {
    passedOn ??= cancelStatement(client);
  };
  const timer = limitMs === undefined ? undefined : setTimeout(request, limitMs);
  signal?.addEventListener("abort", request, { once: true });
  return {
    request,
    async end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", request);
      return passedOn === undefined || (await passedOn);
    },
  };
}

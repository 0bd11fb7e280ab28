import { join } from "node:path";
import { type FaultyProxy, startProxy } from "../test/support/database/proxy.ts";
import { type Child, startChild } from "./child.ts";

/** A service with a real guard, in its own process. The connections of the guard go through a proxy that can fail. */
export interface GuardedService extends AsyncDisposable, Omit<Child, "end"> {
  /** The proxy between the guard and its instance. */
  link: FaultyProxy;
}

/** Starts a service whose guard watches the instance on a port of loopback. */
export async function startGuardedService(port: number, token: string): Promise<GuardedService> {
  const link = await startProxy(`http://127.0.0.1:${port}`);
  const child = await startChild([join(import.meta.dirname, "guarded-service.ts")], token, () => ({
    LATCHKEY_URL: link.url,
    LATCHKEY_TOKEN: token,
  }));
  return {
    link,
    ...child,
    async [Symbol.asyncDispose]() {
      await child.end();
      await link.close();
    },
  };
}

import { type FaultyProxy, startProxy } from "../test/support/database/proxy.ts";
import { type Child, startChild } from "./child.ts";
import type { Instance } from "./instance.ts";

/** A service with a real guard, in its own process. The connections of the guard go through a proxy that can fail. */
export interface GuardedService extends AsyncDisposable, Omit<Child, "end"> {
  /** The proxy between the guard and its instance. */
  link: FaultyProxy;
}

/** Starts a service whose guard watches the instance on a port of loopback. `program` is the file that Node runs. */
export async function startGuardedService(
  program: string,
  port: number,
  token: string,
): Promise<GuardedService> {
  const link = await startProxy(`http://127.0.0.1:${port}`);
  const child = await startChild([program], token, () => ({
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

/** Starts the guards of a scenario. Guard n watches instance n, counted round. */
export function startGuards(
  count: number,
  program: string,
  instances: readonly Instance[],
  token: string,
  stack: AsyncDisposableStack,
): Promise<GuardedService[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const port = instances[index % instances.length]?.port() ?? 0;
      return stack.use(await startGuardedService(program, port, token));
    }),
  );
}

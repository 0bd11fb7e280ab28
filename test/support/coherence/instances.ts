import { type Clients, clients, type TestApp } from "../app.ts";

/** Returns the clients of a bearer. Their calls go to the instances in turn. */
export function inTurns(apps: TestApp[], token: string, headers: Record<string, string> = {}): Clients {
  const transports = apps.map((app) => app.transportAs(token, headers));
  let calls = 0;
  function turn() {
    calls += 1;
    const transport = transports[calls % transports.length];
    if (!transport) throw new Error("there is no instance");
    return transport;
  }
  return clients(
    { unary: (...call) => turn().unary(...call), stream: (...call) => turn().stream(...call) },
    token,
  );
}

/** Returns how many look-ups an instance has served from its cache. */
export async function servedFromCache({ metrics }: TestApp): Promise<number> {
  const { body } = await metrics.render();
  return Number(/^latchkey_lookups_total\{from="memory"\} (\d+)$/m.exec(body)?.[1] ?? 0);
}

import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";

type Calls = Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined>;

/**
 * Returns the client of a service whose schema is loaded by the first call. Loading all schemas would take a quarter of the start of
 * a program, and most programs call one service.
 */
export function onDemand<S extends DescService>(load: () => Promise<S>, transport: Transport): Client<S> {
  let client: Promise<Calls> | undefined;
  const get = (_: object, name: string | symbol) => {
    // `await` asks every object for `then`.
    if (typeof name === "symbol" || name === "then") return undefined;
    return async (...args: unknown[]) => {
      client ??= load().then((service) => createClient(service, transport) as Calls);
      const call = (await client)[name];
      if (!call) throw new TypeError(`${name} is not a call of this service`);
      return call(...args);
    };
  };
  return new Proxy({}, { get }) as Client<S>;
}

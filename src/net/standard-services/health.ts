import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/grpc/health/v1/health_pb.ts";
import type { OpenStreams } from "./open-streams.ts";

/** The services of this instance, and whether each of them serves. */
export type HealthStatus = {
  /** Declares a service, or changes its status. */
  set(service: string, serving: boolean): void;
  /** Returns the status of a service, or undefined if it was never declared. */
  get(service: string): boolean | undefined;
  /** Returns all declared services. */
  list(): Iterable<[service: string, serving: boolean]>;
  /**
   * Yields the status of a service, and then each change. A reader that is slower than the changes gets the latest status.
   * Ends only when `signal` is aborted, by throwing its reason.
   */
  watch(service: string, signal: AbortSignal): AsyncIterable<boolean | undefined>;
};

/** Creates a status without any service. */
export function createHealthStatus(): HealthStatus {
  const states = new Map<string, boolean>();
  const waiting = new Set<() => void>();
  return {
    set(service, serving) {
      states.set(service, serving);
      for (const wake of waiting) wake();
    },
    get: (service) => states.get(service),
    list: () => states,
    async *watch(service, signal) {
      for (;;) {
        const current = states.get(service);
        yield current;
        while (states.get(service) === current) await nextChange(waiting, signal);
      }
    },
  };
}

/** Serves `grpc.health.v1` from a status: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export function registerHealth(router: ConnectRouter, status: HealthStatus, streams: OpenStreams): void {
  router.service(Health, {
    check({ service }) {
      const serving = status.get(service);
      if (serving === undefined) throw new ConnectError("unknown service", Code.NotFound);
      return { status: toServingStatus(serving) };
    },
    list() {
      const statuses = [...status.list()].map(([service, serving]) => [
        service,
        { status: toServingStatus(serving) },
      ]);
      return { statuses: Object.fromEntries(statuses) };
    },
    watch: ({ service }, context) =>
      streams.follow(context, watchStatus(status.watch(service, context.signal))),
  });
}

async function* watchStatus(states: AsyncIterable<boolean | undefined>) {
  for await (const serving of states) yield { status: toServingStatus(serving) };
}

function toServingStatus(serving: boolean | undefined): ServingStatus {
  if (serving === undefined) return ServingStatus.SERVICE_UNKNOWN;
  return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}

function nextChange(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = () => {
      stop();
      resolve();
    };
    const abort = () => {
      stop();
      reject(signal.reason);
    };
    const stop = () => {
      waiting.delete(wake);
      signal.removeEventListener("abort", abort);
    };
    if (signal.aborted) return abort();
    waiting.add(wake);
    signal.addEventListener("abort", abort);
  });
}

import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/grpc/health/v1/health_pb.ts";

/** Which services may be sent traffic. */
export type HealthStatus = {
  /** Declares a service, or changes how it is. */
  set(service: string, serving: boolean): void;
  /** Says how a service is; undefined: never declared. */
  get(service: string): boolean | undefined;
  /** All declared services. */
  list(): Iterable<[service: string, serving: boolean]>;
  /**
   * Yields how a service is, and again at each change; a reader who is slower than the changes gets the latest.
   * Ends only by throwing what the signal was aborted with.
   */
  watch(service: string, signal: AbortSignal): AsyncIterable<boolean | undefined>;
};

/** Makes a status under which no service is declared. */
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
        const told = states.get(service);
        yield told;
        while (states.get(service) === told) await nextChange(waiting, signal);
      }
    },
  };
}

/** Serves `grpc.health.v1` from a status, as the public protocol describes it. */
export function registerHealth(router: ConnectRouter, status: HealthStatus): void {
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
    async *watch({ service }, { signal }) {
      for await (const serving of status.watch(service, signal)) yield { status: toServingStatus(serving) };
    },
  });
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

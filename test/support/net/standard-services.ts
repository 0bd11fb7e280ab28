import type { DescFile } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { type HealthStatus, registerHealth } from "../../../src/net/standard-services/health.ts";
import { createOpenStreams } from "../../../src/net/standard-services/open-streams.ts";
import { registerReflection } from "../../../src/net/standard-services/reflection.ts";

/** Serves health checks. All calls count as calls of one client. */
export function serveHealth(router: ConnectRouter, status: HealthStatus): void {
  registerHealth(router, status, oneClient());
}

/** Serves reflection. All calls count as calls of one client. */
export function serveReflection(router: ConnectRouter, files: readonly DescFile[] = []): void {
  registerReflection(router, oneClient(), files);
}

function oneClient() {
  return createOpenStreams(() => "client");
}

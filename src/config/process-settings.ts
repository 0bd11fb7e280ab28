import type { PasswordThreads } from "../domain/user/password.ts";
import { parsePort, parseWorkers } from "./parse.ts";
import { readPasswordThreads } from "./password-threads.ts";
import type { Read } from "./reader.ts";

/** How the processes of this server run, and what they report. */
export interface ProcessSettings {
  /** The number of processes that serve, on one port. */
  workers: number;
  /** Threads of node's pool that hash passwords. */
  passwordThreads: PasswordThreads;
  logLevel: string;
  /** Unset: no metrics are served. */
  metricsPort: number | undefined;
}

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

/** Reads the settings about processes. */
export function readProcessSettings(read: Read): ProcessSettings {
  const workers = read("LATCHKEY_WORKERS", 1, parseWorkers, "a number, 1 to 64, or auto");
  return {
    workers,
    passwordThreads: readPasswordThreads(read, workers),
    logLevel: read(
      "LATCHKEY_LOG_LEVEL",
      "info",
      (text) => logLevels.find((level) => level === text),
      logLevels.join(", "),
    ),
    metricsPort: read("LATCHKEY_METRICS_PORT", undefined, parsePort, "a port, 0 to 65535"),
  };
}

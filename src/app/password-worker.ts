import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";

/** A message to the thread: one password to score. */
export interface EstimateRequest {
  password: string;
  personal: readonly string[];
}

// The event loop of the server has priority over this thread. On Linux, the call affects only this thread. Elsewhere it would
// affect the whole process. The call comes before the import, because the dictionaries take a moment to load.
if (process.platform === "linux") setPriority(Math.max(getPriority(), 5));
const { estimatePassword } = await import("../domain/user/password-estimate.ts");

parentPort?.on("message", ({ password, personal }: EstimateRequest) => {
  parentPort?.postMessage(estimatePassword(password, personal));
});

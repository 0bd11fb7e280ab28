import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";

/** A message to the thread: one password to score. */
export interface EstimateRequest {
  password: string;
  personal: readonly string[];
}

// On Linux this lowers the priority of this thread only; elsewhere it would affect the whole process. The event loop goes
// first, also before the dictionaries, which take a moment to load.
if (process.platform === "linux") setPriority(Math.max(getPriority(), 5));
const { estimatePassword } = await import("../domain/user/password-estimate.ts");

parentPort?.on("message", ({ password, personal }: EstimateRequest) => {
  parentPort?.postMessage(estimatePassword(password, personal));
});

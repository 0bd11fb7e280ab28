import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { estimatePassword } from "./domain/password-estimate.ts";

/** What the thread is asked. */
export interface EstimateRequest {
  password: string;
  personal: readonly string[];
}

// On Linux this is the priority of this thread alone; elsewhere it would be the whole program's. The event loop goes first.
if (process.platform === "linux") setPriority(Math.max(getPriority(), 10));

parentPort?.on("message", ({ password, personal }: EstimateRequest) => {
  parentPort?.postMessage(estimatePassword(password, personal));
});

// A process with an embedded Postgres: `node embedded-server.ts <data dir>`. It reports and takes commands over IPC.
import { startEmbedded } from "../../../src/db/embedded/embedded.ts";
import { quietLog } from "./server.ts";

export type Report = { url: string; pid: number; operatorCommand: string } | { error: string };
export type Order = "stop" | "exit";

function report(message: Report): void {
  process.send?.(message);
}

try {
  let operatorCommand = "";
  const log = {
    ...quietLog,
    debug(fields: { command?: string }) {
      operatorCommand = fields.command ?? operatorCommand;
    },
  };
  const embedded = await startEmbedded({ dataDir: process.argv[2] ?? "", log });
  process.on("message", async (order: Order) => {
    if (order === "stop") await embedded.stop();
    process.exit(0);
  });
  report({ url: embedded.url, pid: embedded.pid, operatorCommand });
} catch (error) {
  report({ error: error instanceof Error ? error.message : String(error) });
  process.disconnect?.();
}

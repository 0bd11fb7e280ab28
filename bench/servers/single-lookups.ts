// `latchkey serve` with one look-up per statement, and with more statements at a time. Only the bench starts it.
import { serveCommand } from "../../src/cli/server.ts";
import { exitOnSignal } from "../../src/cli/signals.ts";
import { readConfig } from "../../src/config/config.ts";
import { createLog } from "../../src/infra/log.ts";

exitOnSignal();
const config = readConfig(process.env);
await serveCommand(config, createLog(config.logLevel, process.stderr), {
  lookupLimits: { maxPerStatement: 1, unseenStatements: 4 },
});

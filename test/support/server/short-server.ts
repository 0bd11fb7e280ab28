// `latchkey serve` with shorter timeouts than in production, for tests that wait for them.
import { serveCommand } from "../../../src/cli/server.ts";
import { exitOnSignal } from "../../../src/cli/signals.ts";
import { readConfig } from "../../../src/config/config.ts";
import { createLog } from "../../../src/infra/log.ts";
import { defaultLimits } from "../../../src/net/limits.ts";
import { shortPatience } from "./short-patience.ts";

exitOnSignal();
const config = readConfig(process.env);
await serveCommand(config, createLog(config.logLevel, process.stderr), {
  limits: { ...defaultLimits, ...shortPatience },
});

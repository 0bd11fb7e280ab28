// `latchkey serve` with one broken part of the coherence protocol, named by the only argument. Only the chaos run starts it.
import { serveCommand } from "../src/cli/server.ts";
import { exitOnSignal } from "../src/cli/signals.ts";
import { readConfig } from "../src/config/config.ts";
import { createLog } from "../src/infra/log.ts";
import { breakages } from "./broken.ts";

const [, , name = ""] = process.argv;
const breakage = breakages[name];
if (!breakage)
  throw new Error(`unknown breakage "${name}": expected one of ${Object.keys(breakages).join("; ")}`);
exitOnSignal();
const config = readConfig(process.env);
await serveCommand(config, createLog(config.logLevel, process.stderr), { coherenceParts: breakage.parts });

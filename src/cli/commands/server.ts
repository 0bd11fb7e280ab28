import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { usageError } from "../failure.ts";

const serve = command({
  path: ["serve"],
  summary: "run the service",
  description:
    "Runs the service until SIGTERM or SIGINT. Without LATCHKEY_DATABASE_URL, it starts an embedded Postgres. The README lists all settings, which are environment variables.",
  examples: [
    { text: "Serve on any free port.", command: "LATCHKEY_PORT=0 latchkey serve" },
    {
      text: "Serve on the port of a reverse proxy.",
      command: "LATCHKEY_PORT=0 LATCHKEY_TRUSTED_PROXIES=127.0.0.1 latchkey serve",
    },
  ],
  rpcs: [],
  async run(context) {
    const { config, log } = await openService(context);
    const { serveCommand } = await import("../server.ts");
    await serveCommand(config, log);
  },
});

const migrate = command({
  path: ["migrate"],
  summary: "apply pending migrations and exit",
  description:
    "Applies the migrations that the database lacks, and prints their names. `serve` does the same at its start.",
  examples: [{ text: "Apply pending migrations before an upgrade.", command: "latchkey migrate" }],
  rpcs: [],
  async run(context) {
    const { config, log } = await openService(context);
    const { migrateCommand } = await import("../migrate.ts");
    await migrateCommand(config, log);
  },
});

const bootstrap = command({
  path: ["bootstrap"],
  summary: "create the platform account and print its token once",
  description:
    "Creates the platform account of an external database. With the embedded database, `serve` has done so and has written the tokens to the data directory.",
  options: {
    out: { value: "FILE", summary: "write the token to a new file with mode 0600 instead" },
    "verifier-out": {
      value: "FILE",
      summary: "also create a key that can only verify, and write its token to a new file",
    },
    rotate: { summary: "revoke the platform token and print a new one" },
  },
  examples: [
    {
      text: "Create the account, and keep both tokens in new files.",
      command: "latchkey bootstrap --out platform-key --verifier-out verifier-key",
    },
    { text: "Replace a lost platform token.", command: "latchkey bootstrap --rotate --out new-platform-key" },
  ],
  rpcs: [],
  async run(context, { out, "verifier-out": verifierOut, rotate }) {
    if (rotate && verifierOut !== undefined) {
      throw usageError("--rotate replaces only the platform token, so it takes no --verifier-out");
    }
    const { config, log } = await openService(context);
    const { bootstrapCommand } = await import("../bootstrap.ts");
    await bootstrapCommand(config, log, { rotate, out, verifierOut });
  },
});

const externalIds = command({
  path: ["external-ids"],
  summary: "list or clear external ids that are not unique, before an upgrade",
  arguments: [
    { name: "id", summary: "with --clear: the resources whose external_id ends", optional: true, many: true },
  ],
  options: { clear: { summary: "clear the external_id of these resources, or of all but the oldest ones" } },
  examples: [
    { text: "List resources whose external_id is not unique.", command: "latchkey external-ids" },
    { text: "Keep each external_id on the oldest resource only.", command: "latchkey external-ids --clear" },
  ],
  rpcs: [],
  async run(context, { id, clear }) {
    if (id.length > 0 && !clear) throw usageError("ids belong to --clear");
    const { config, log } = await openService(context);
    const { externalIdsCommand } = await import("../external-ids.ts");
    await externalIdsCommand(config, log, { clear, ids: id });
  },
});

/** The commands that run the service or change its database themselves. */
export const serverCommands = [serve, migrate, bootstrap, externalIds];

/** Reads the settings of the server, and starts its log. */
async function openService({ env }: Context) {
  const [{ readConfig }, { createLog, lossy, withVersion }, { exitOnSignal }, { readVersion }] =
    await Promise.all([
      import("../../config/config.ts"),
      import("../../infra/log.ts"),
      import("../signals.ts"),
      import("../version.ts"),
    ]);
  exitOnSignal();
  const config = readConfig(env);
  return { config, log: createLog(config.logLevel, withVersion(readVersion(), lossy(process.stderr))) };
}

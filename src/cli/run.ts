import { parseArgs } from "node:util";
import { ConfigError, readConfig } from "../config/config.ts";
import type { Env } from "../config/reader.ts";
import { createLog, lossy, scrub } from "../infra/log.ts";
import { exitOnSignal } from "./signals.ts";

const help = `latchkey: API keys and workspace access for multi-tenant platforms

Usage:
  latchkey serve                 run the service; without LATCHKEY_DATABASE_URL, start an embedded Postgres
  latchkey migrate               apply pending migrations and exit
  latchkey bootstrap             create the platform account and print its token once
  latchkey bootstrap --rotate    revoke the platform token and print a new one
  latchkey external-ids          list resources whose external_id is not unique (before an upgrade)
  latchkey external-ids --clear [ID...]
                                 clear the external_id of these resources, or of all but the oldest ones
  latchkey --help

Settings are environment variables, all optional:
  LATCHKEY_HOST, LATCHKEY_PORT   where to listen (127.0.0.1, 8080; port 0 is any free port)
  LATCHKEY_DATABASE_URL          Postgres 15 or newer; unset: an embedded Postgres
  LATCHKEY_DATA_DIR              directory of the embedded Postgres (.latchkey)
  LATCHKEY_TLS_CERT, _KEY        PEM files; if both are set, serve TLS
  LATCHKEY_METRICS_PORT          serve Prometheus metrics on this port
  LATCHKEY_LOG_LEVEL             fatal, error, warn, info (default), debug, trace, silent
The README lists all settings.
`;

const hint = "run `latchkey --help`";
const commandNames = ["serve", "migrate", "bootstrap", "external-ids"] as const;

/** Runs the command that the arguments name. If it fails, writes one line for each problem and exits with code 1. */
export async function run(args: string[], env: Env): Promise<void> {
  try {
    await runCommand(args, env);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const lines = error instanceof ConfigError ? message.split("\n") : [message.replaceAll("\n", " ")];
    // A message may quote a URL with a password.
    for (const line of lines) process.stderr.write(`latchkey: ${scrub(line)}\n`);
    process.exit(1);
  }
}

async function runCommand(args: string[], env: Env): Promise<void> {
  const { values, positionals } = parse(args);
  const [name = "", ...more] = positionals;
  if (values.help || name === "help") {
    process.stdout.write(help);
    return;
  }
  const command = commandNames.find((one) => one === name);
  if (!command) {
    throw new Error(name === "" ? `expected a command; ${hint}` : `unknown command "${name}"; ${hint}`);
  }
  const clear = values.clear ?? false;
  if (clear && name !== "external-ids") throw new Error(`--clear belongs to external-ids; ${hint}`);
  if (more.length > 0 && !clear) throw new Error(`unexpected argument after ${name}; ${hint}`);
  if (values.rotate && name !== "bootstrap") throw new Error(`--rotate belongs to bootstrap; ${hint}`);
  exitOnSignal();
  // A reader of stdout that has ended must not end the server.
  process.stdout.on("error", () => {});
  const config = readConfig(env);
  // Loading the service takes most of the start. Help and wrong settings do not wait for it.
  const { bootstrapCommand, externalIdsCommand, migrateCommand, serveCommand } = await import(
    "./commands.ts"
  );
  const commands = {
    serve: serveCommand,
    migrate: migrateCommand,
    bootstrap: bootstrapCommand,
    "external-ids": externalIdsCommand,
  };
  await commands[command](config, createLog(config.logLevel, lossy(process.stderr)), {
    rotate: values.rotate ?? false,
    clear,
    ids: more,
  });
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        rotate: { type: "boolean" },
        clear: { type: "boolean" },
      },
    });
  } catch (cause) {
    throw new Error(`unknown option; ${hint}`, { cause });
  }
}

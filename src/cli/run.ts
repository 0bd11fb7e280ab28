import { parseArgs } from "node:util";
import { ConfigError, readConfig } from "../config/config.ts";
import type { Env } from "../config/reader.ts";
import { createLog, lossy, scrub, withVersion } from "../infra/log.ts";
import { exitOnSignal } from "./signals.ts";
import { readVersion } from "./version.ts";

const help = `latchkey: API keys and workspace access for multi-tenant platforms

Usage:
  latchkey serve                 run the service; without LATCHKEY_DATABASE_URL, start an embedded Postgres
  latchkey migrate               apply pending migrations and exit
  latchkey bootstrap             create the platform account and print its token once
    --out FILE                   write the token to a new file with mode 0600 instead
    --verifier-out FILE          also create a key that can only verify, and write its token to a new file
  latchkey bootstrap --rotate    revoke the platform token and print a new one; --out FILE writes it to a file
  latchkey external-ids          list resources whose external_id is not unique (before an upgrade)
  latchkey external-ids --clear [ID...]
                                 clear the external_id of these resources, or of all but the oldest ones
  latchkey --help
  latchkey --version

Settings are environment variables, all optional:
  LATCHKEY_HOST, LATCHKEY_PORT   where to listen (127.0.0.1, 8080; port 0 is any free port)
  LATCHKEY_DATABASE_URL          Postgres 15 or newer; unset: an embedded Postgres
  LATCHKEY_DATA_DIR              directory of the embedded Postgres (.latchkey)
  LATCHKEY_TLS_CERT, _KEY        PEM files; if both are set, serve TLS
  LATCHKEY_METRICS_PORT          serve Prometheus metrics on this port
  LATCHKEY_LOG_LEVEL             fatal, error, warn, info (default), debug, trace, silent
The README lists all settings.
`;

const wrongValue = "ERR_PARSE_ARGS_INVALID_OPTION_VALUE";
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
  if (values.version) {
    process.stdout.write(`latchkey ${readVersion()}\n`);
    return;
  }
  if (values.help || name === "help" || args.length === 0) {
    process.stdout.write(help);
    return;
  }
  const command = commandNames.find((one) => one === name);
  if (!command) {
    throw new Error(name === "" ? `expected a command; ${hint}` : `unknown command "${name}"; ${hint}`);
  }
  const options = readOptions(command, more, values);
  exitOnSignal();
  // A reader of stdout that has ended must not end the server.
  process.stdout.on("error", () => {});
  const config = readConfig(env);
  const log = createLog(config.logLevel, withVersion(readVersion(), lossy(process.stderr)));
  // Loading the service takes most of the start. Help and wrong settings do not wait for it.
  const { bootstrapCommand, externalIdsCommand, migrateCommand, serveCommand } = await import(
    "./commands.ts"
  );
  const commands = {
    serve: () => serveCommand(config, log),
    migrate: () => migrateCommand(config, log),
    bootstrap: () => bootstrapCommand(config, log, options),
    "external-ids": () => externalIdsCommand(config, log, options),
  };
  await commands[command]();
}

// Throws if an option or argument belongs to another command.
function readOptions(command: string, more: string[], values: ReturnType<typeof parse>["values"]) {
  const { rotate = false, clear = false, out, "verifier-out": verifierOut } = values;
  if (clear && command !== "external-ids") throw new Error(`--clear belongs to external-ids; ${hint}`);
  if (more.length > 0 && !clear) throw new Error(`unexpected argument after ${command}; ${hint}`);
  if ((rotate || out !== undefined || verifierOut !== undefined) && command !== "bootstrap") {
    throw new Error(`--rotate, --out and --verifier-out belong to bootstrap; ${hint}`);
  }
  if (rotate && verifierOut !== undefined) {
    throw new Error(`--rotate replaces only the platform token, so it takes no --verifier-out; ${hint}`);
  }
  return { rotate, out, verifierOut, clear, ids: more };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        clear: { type: "boolean" },
        version: { type: "boolean" },
        rotate: { type: "boolean" },
        out: { type: "string" },
        "verifier-out": { type: "string" },
      },
    });
  } catch (cause) {
    const lacksValue = cause instanceof Error && "code" in cause && cause.code === wrongValue;
    const problem = lacksValue
      ? "--out and --verifier-out need a file, and other options no value"
      : "unknown option";
    throw new Error(`${problem}; ${hint}`, { cause });
  }
}

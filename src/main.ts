#!/usr/bin/env node
import { parseArgs } from "node:util";
import { exitOnSignal } from "./cli/signals.ts";
import { ConfigError, readConfig } from "./config/config.ts";
import { createLog, scrub } from "./infra/log.ts";

const help = `latchkey: API keys and workspace access for multi-tenant platforms

Usage:
  latchkey serve                 run the service; without LATCHKEY_DATABASE_URL on an embedded Postgres
  latchkey migrate               bring the database forward, and stop
  latchkey bootstrap             make the platform account and print its token, once
  latchkey bootstrap --rotate    end the platform token, and print a new one
  latchkey --help

Settings are environment variables, all optional:
  LATCHKEY_HOST, LATCHKEY_PORT   where to listen (127.0.0.1, 8080; port 0 is any free one)
  LATCHKEY_DATABASE_URL          Postgres 15 or newer; unset: an embedded one
  LATCHKEY_DATA_DIR              where the embedded one lives (.latchkey)
  LATCHKEY_TLS_CERT, _KEY        PEM files; both: serve TLS
  LATCHKEY_METRICS_PORT          serve Prometheus metrics there
  LATCHKEY_LOG_LEVEL             fatal, error, warn, info (default), debug, trace, silent
The README lists all of them.
`;

const commandNames = ["serve", "migrate", "bootstrap"] as const;

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  const [name = "", ...more] = positionals;
  if (values.help || name === "help") {
    process.stdout.write(help);
    return;
  }
  const command = commandNames.find((one) => one === name);
  if (!command || more.length > 0 || (values.rotate && name !== "bootstrap")) {
    throw new Error(`expected one of serve, migrate, bootstrap: latchkey --help says more`);
  }
  exitOnSignal();
  const config = readConfig(process.env);
  // Loading the service takes most of a start: what ends before it does so at once.
  const { bootstrapCommand, migrateCommand, serveCommand } = await import("./cli/commands.ts");
  const commands = { serve: serveCommand, migrate: migrateCommand, bootstrap: bootstrapCommand };
  await commands[command](config, createLog(config.logLevel, process.stderr), {
    rotate: values.rotate ?? false,
  });
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { help: { type: "boolean", short: "h" }, rotate: { type: "boolean" } },
    });
  } catch (cause) {
    throw new Error("there is no such option: latchkey --help says more", { cause });
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  // One line a problem, and never a secret: a message may quote a URL.
  for (const line of error instanceof ConfigError ? message.split("\n") : [message.replaceAll("\n", " ")]) {
    process.stderr.write(`latchkey: ${scrub(line)}\n`);
  }
  process.exit(1);
});

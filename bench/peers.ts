import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import pg from "pg";
import { type Server, startServer } from "./processes.ts";
import { type Stack, startInto } from "./stack.ts";

const folder = "bench/peers";

/** Installs the products of others if they are missing. They have a separate package.json. */
export function installPeers(): void {
  if (existsSync(`${folder}/node_modules`)) return;
  const { status, stderr } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`could not install ${folder}: ${stderr}`);
}

/** Starts an echo on @grpc/grpc-js. Its response is `message`, in base64. */
export function startGrpcJs(stack: Stack, message: string): Promise<Server> {
  return startInto(stack, () => startServer([`${folder}/grpc-js.mjs`, message], {}, /listening on (\d+)/));
}

/** Starts better-auth with this number of API keys, on the same Postgres in a separate database. */
export async function startBetterAuth(stack: Stack, url: string, keys: number): Promise<Server> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("create database better_auth");
  await client.end();
  const own = new URL(url);
  own.pathname = "/better_auth";
  const env = { PEER_DATABASE_URL: own.href };
  return startInto(stack, () =>
    startServer([`${folder}/better-auth.mjs`, String(keys)], env, /listening on (\d+)/),
  );
}

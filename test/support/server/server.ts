import type { Socket } from "node:net";
import pg from "pg";
import type { Log } from "../../../src/db/log.ts";

/** A log that writes nothing. */
export const quietLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Runs `use` on one connection, without a pool. */
export async function withServer<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // The query itself also reports the error to its caller.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

// The connections that `withKeptServer` keeps, by the URL of the server.
const kept = new Map<string, Promise<pg.Client>>();

/**
 * Runs `use` on a connection that this process keeps until its end, because each new one costs 5 ms of CPU time. The
 * connection alone does not keep the process alive.
 */
export async function withKeptServer<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = kept.get(url) ?? openKept(url);
  kept.set(url, client);
  return use(await client);
}

async function openKept(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  const forget = () => kept.delete(url);
  // The query itself also reports the error to its caller.
  client.on("error", forget).on("end", forget);
  try {
    await client.connect();
  } catch (error) {
    forget();
    throw error;
  }
  (client.connection.stream as Socket).unref();
  return client;
}

/**
 * Creates a database on a server and returns its URL. With `template`, it is a copy of that database. The server copies
 * the files of the template, because a copy through its log takes ten times as long.
 */
export async function createDatabase(
  serverUrl: string,
  name: string,
  template = "template1",
  connected = withServer,
): Promise<string> {
  await connected(serverUrl, (client) =>
    client.query(`create database "${name}" template "${template}" strategy file_copy`),
  );
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Drops a database on a server, even if connections to it are open. */
export async function dropDatabase(serverUrl: string, name: string, connected = withServer): Promise<void> {
  await connected(serverUrl, (client) => client.query(`drop database if exists "${name}" with (force)`));
}

/** Hashes the password of this user again, with one round instead of 4,096. Tests open many connections. */
export async function makeLogInsCheap(url: string): Promise<void> {
  const password = decodeURIComponent(new URL(url).password);
  await withServer(url, async (client) => {
    await client.query("set scram_iterations = 1");
    await client.query(`alter role current_user password ${client.escapeLiteral(password)}`);
  });
}

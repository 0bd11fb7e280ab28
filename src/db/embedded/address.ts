import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { HostPort } from "./cluster.ts";
import type { Cluster } from "./data-dir.ts";

/** How clients reach an embedded Postgres. */
export interface Address extends HostPort {
  /** The settings that make Postgres listen only there. */
  settings: Record<string, string>;
}

// The port is only a part of the socket's name. Each data directory has its own directory for the socket.
const socketPort = 5432;
// The maximum length of a path in sockaddr_un, without the final zero.
const maxSocketPathBytes = process.platform === "darwin" ? 103 : 107;

/**
 * Returns a Unix socket in a directory with mode 0700. On Windows, and if the path is too long for a socket, returns a free
 * TCP port on loopback, where the password keeps other users out.
 */
export async function chooseAddress(cluster: Cluster): Promise<Address> {
  const directory = socketDirectory(cluster);
  if (process.platform === "win32" || Buffer.byteLength(socketPath(cluster)) > maxSocketPathBytes) {
    const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "" };
    return { host: "127.0.0.1", port: await freePort(), settings };
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  if (cluster.user) chownSync(directory, cluster.user.uid, cluster.user.gid);
  // Postgres reads a list of directories, in which quotes keep commas and spaces.
  const settings = {
    listen_addresses: "",
    unix_socket_directories: `"${directory.replaceAll('"', '""')}"`,
    unix_socket_permissions: "0700",
  };
  return { host: directory, port: socketPort, settings };
}

/**
 * Removes the files that a killed Postgres left in the directory of its socket. The lock file there names a process, and
 * Postgres would not start while any process has that id. `postmaster.pid` still keeps two servers apart.
 */
export function clearSocket(cluster: Cluster): void {
  rmSync(socketPath(cluster), { force: true });
  rmSync(`${socketPath(cluster)}.lock`, { force: true });
}

function socketPath(cluster: Cluster): string {
  return join(socketDirectory(cluster), `.s.PGSQL.${socketPort}`);
}

function socketDirectory({ dataDir }: Cluster): string {
  return join(dataDir, "socket");
}

/** Returns a loopback port on which nothing listens now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port on 127.0.0.1");
  return address.port;
}

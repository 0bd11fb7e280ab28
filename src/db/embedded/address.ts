import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Cluster, HostPort } from "./cluster.ts";

/** How clients reach an embedded Postgres. */
export interface Address extends HostPort {
  /** The settings by which Postgres listens there and nowhere else. */
  settings: Record<string, string>;
}

// The port only names the socket: each data directory has a directory of its own for it.
const socketPort = 5432;
// What fits into sockaddr_un, without the final zero.
const maxSocketPathBytes = process.platform === "darwin" ? 103 : 107;

/**
 * A Unix socket in a directory that only the user of Postgres may enter. On Windows, and if the path is too long for a
 * socket, a free TCP port on loopback: there the password keeps others out.
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
 * Removes what a killed Postgres left in the directory of its socket. Its lock there names a process: Postgres would not
 * start while another process has that id. `postmaster.pid` alone keeps two of them apart.
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port on 127.0.0.1");
  return address.port;
}

import type { Server } from "node:net";

/** The address on which a server listens. */
export type Address = { host: string; port: number };

const explanations: Record<string, string> = {
  EADDRINUSE: "the port is already in use",
  EACCES: "permission denied (ports below 1024 need a privilege)",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "the host name is unknown",
};

// Connections that the kernel holds until the event loop accepts them. Node's default is 511. A flood of connections fills
// that within milliseconds. The kernel then drops connections of other clients, which retry a second later. Linux allows
// 4,096 unless `net.core.somaxconn` differs.
const backlog = 4_096;

/** Starts to listen. Returns the real address, because port 0 means any free port. Rejects with one line that names it. */
export async function listen(server: Server, { host, port }: Address): Promise<Address> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const why = explanations[error.code ?? ""] ?? error.code ?? error.message;
      reject(new Error(`cannot listen on ${hostPort({ host, port })}: ${why}`, { cause: error }));
    };
    server.once("error", onError);
    server.listen({ port, host, backlog }, () => {
      server.off("error", onError);
      resolve();
    });
  });
  const address = server.address();
  return { host, port: address && typeof address === "object" ? address.port : port };
}

/** Returns an address as written in URLs: IPv6 in brackets. */
export function hostPort({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

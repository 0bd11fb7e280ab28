import type { Server } from "node:net";

/** Where a server listens. */
export type Address = { host: string; port: number };

const explanations: Record<string, string> = {
  EADDRINUSE: "the port is already in use",
  EACCES: "permission denied (ports below 1024 need a privilege)",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "the host name is unknown",
};

// Connections that the kernel holds until the event loop accepts them. Node's default is 511: a flood of connections fills that
// within milliseconds, and the kernel then drops those of other clients, who try again a second later. Linux allows 4,096
// unless `net.core.somaxconn` says otherwise.
const backlog = 4_096;

/** Starts listening and returns the real address (port 0 is any free one); rejects with one line that names it. */
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

/** Writes an address as URLs do: IPv6 in brackets. */
export function hostPort({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

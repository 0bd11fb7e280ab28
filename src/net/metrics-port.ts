import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { defaultLimits, type Limits } from "./limits.ts";
import { type Address, hostPort, listen } from "./listen.ts";

/** What a metrics port needs. */
export type MetricsPortOptions = Address & {
  render: () => Promise<{ contentType: string; body: string }>;
  limits?: Limits;
};

/** An open metrics port. */
export type MetricsPort = Address & { url: string; close(): Promise<void> };

/** Opens a separate port for `GET /metrics`, so that clients of the service cannot reach the metrics. */
export async function openMetricsPort(options: MetricsPortOptions): Promise<MetricsPort> {
  const { limits = defaultLimits } = options;
  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
    },
    (request, response) => void answer(request, response, options.render),
  );
  // A scrape is short. A connection without traffic for this long sends no request or does not read its response.
  server.timeout = limits.requestTimeoutMs;
  server.maxConnections = limits.maxConnections;
  const address = await listen(server, options);
  return {
    ...address,
    url: `http://${hostPort(address)}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  render: MetricsPortOptions["render"],
): Promise<void> {
  if (request.url?.split("?", 1)[0] !== "/metrics") {
    response.writeHead(404).end();
  } else if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end();
  } else {
    try {
      const { contentType, body } = await render();
      response.writeHead(200, { "Content-Type": contentType }).end(body);
    } catch {
      response.writeHead(500).end();
    }
  }
}

import pg from "pg";

/** Time limit of a cancellation, in milliseconds. */
export const cancelTimeoutMs = 1_000;

/** Properties of a pg client that its types do not declare. */
interface ClientInternals {
  host: string;
  port: number;
  ssl: pg.ConnectionConfig["ssl"];
  sslNegotiation: string;
  /** Both null if the server sent no key for cancellation. */
  processID: number | null;
  secretKey: number | null;
}

/** Properties of a pg connection that its types do not declare. */
interface ConnectionInternals {
  stream: { destroy(): void };
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
  once(event: "connect" | "sslconnect" | "end", listener: () => void): void;
  on(event: "error", listener: () => void): void;
}

/**
 * Asks the server to cancel the running statement of a connection, with a CancelRequest over another connection. Resolves
 * with true once the server has passed the request on, so that it cannot hit a later statement. Resolves with false if that
 * is unknown after a second. Never rejects.
 */
export function cancelStatement(client: pg.ClientBase): Promise<boolean> {
  const {
    host,
    port,
    ssl,
    sslNegotiation,
    processID: id,
    secretKey: key,
  } = client as unknown as ClientInternals;
  if (id === null || key === null) return Promise.resolve(false);
  return new Promise((resolve) => {
    const config = { ssl, sslNegotiation };
    const connection = new pg.Connection(config) as unknown as ConnectionInternals;
    let sent = false;
    const timer = setTimeout(end, cancelTimeoutMs, false);
    function end(passedOn: boolean): void {
      clearTimeout(timer);
      connection.stream.destroy();
      resolve(passedOn);
    }
    const send = () => {
      connection.cancel(id, key);
      sent = true;
    };
    connection.on("error", () => end(false));
    // The server sends no response. It closes the connection after it has signalled the other process.
    connection.once("end", () => end(sent));
    connection.once("connect", () => {
      if (!ssl) send();
      else if (sslNegotiation !== "direct") connection.requestSsl();
    });
    connection.once("sslconnect", send);
    if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}

import pg from "pg";

/** How long a cancellation may take until nothing waits for it any more. */
export const cancelTimeoutMs = 1_000;

/** What every client of pg has, and the types of pg do not name. */
interface ClientInternals {
  host: string;
  port: number;
  ssl: pg.ConnectionConfig["ssl"];
  sslNegotiation: string;
  /** Both null if the server named no key by which to cancel. */
  processID: number | null;
  secretKey: number | null;
}

/** The same of pg's connections. */
interface ConnectionInternals {
  stream: { destroy(): void };
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
  once(event: "connect" | "sslconnect" | "end", listener: () => void): void;
  on(event: "error", listener: () => void): void;
}

/**
 * Asks the server to cancel what a connection is running, over a connection of its own (CancelRequest of the protocol).
 * Resolves with true once the server has passed the request on: after that, it cannot hit a later statement. Resolves
 * with false if that is not known within a second. Never rejects.
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
    // The server answers nothing. It closes the connection when it has signalled the other process.
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

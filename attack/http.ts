import { Agent, request } from "node:http";

/** One HTTP/1.1 request to a server on loopback. */
export interface Exchange {
  port: number;
  path: string;
  body: string | Buffer;
  /** The `content-encoding` of the body. */
  encoding?: string;
  bearer?: string;
  agent?: Agent;
  /** The loopback address that the request comes from. */
  from?: string;
  timeoutMs?: number;
}

/** A complete response. */
export interface HttpResponse {
  status: number;
  text: string;
}

const defaultTimeoutMs = 10_000;

/** Sends one POST with a JSON body. Rejects if no complete response arrives within `timeoutMs`. */
export function post(exchange: Exchange): Promise<HttpResponse> {
  const { port, path, body, encoding, bearer, agent, from, timeoutMs = defaultTimeoutMs } = exchange;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        path,
        method: "POST",
        // Without an agent, the request opens a connection and closes it.
        agent: agent ?? false,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...(encoding !== undefined && { "content-encoding": encoding }),
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        },
        ...(from !== undefined && { localAddress: from }),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text })).on("error", reject);
      },
    );
    const timer = setTimeout(() => sent.destroy(new Error("timeout")), timeoutMs);
    sent.on("error", reject).on("close", () => clearTimeout(timer));
    sent.end(body);
  });
}

/** Creates a pool of connections that stay open between requests. */
export function keepAlive(): Agent {
  return new Agent({ keepAlive: true });
}

/** Calls a method and returns its JSON. Throws if the method fails. */
export async function call(
  port: number,
  method: string,
  body: object,
  bearer?: string,
): Promise<Record<string, unknown>> {
  const path = `/latchkey.v1.${method}`;
  const response = await post({
    port,
    path,
    body: JSON.stringify(body),
    ...(bearer !== undefined && { bearer }),
  });
  if (response.status !== 200) throw new Error(`${method}: status ${response.status}: ${response.text}`);
  return JSON.parse(response.text);
}

/** Returns a short name of the result: "ok", the reason in the error, the status, or the error of the connection. */
export function outcomeOf(result: HttpResponse | Error): string {
  if (result instanceof Error) return "code" in result ? String(result.code) : result.message;
  if (result.status === 200) return "ok";
  const [, reason] = /"reason":\s*"([A-Z_]+)"/.exec(result.text) ?? [];
  return reason ?? `HTTP ${result.status}`;
}

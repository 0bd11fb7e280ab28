import { Agent, request } from "node:http";

/** One HTTP/1.1 request to a server on loopback. */
export interface Exchange {
  port: number;
  path: string;
  body: string;
  bearer?: string;
  agent?: Agent;
  /** The loopback address that the request comes from. */
  from?: string;
  timeoutMs?: number;
}

/** A complete response. */
export interface Answer {
  status: number;
  text: string;
}

const patienceMs = 10_000;

/** Sends one POST with a JSON body. Rejects if no complete response arrives in time. */
export function post(exchange: Exchange): Promise<Answer> {
  const { port, path, body, bearer, agent, from, timeoutMs = patienceMs } = exchange;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        path,
        method: "POST",
        // Without an agent, the request has a connection of its own and closes it.
        agent: agent ?? false,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        },
        ...(from !== undefined && { localAddress: from }),
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text })).on("error", reject);
      },
    );
    const timer = setTimeout(() => sent.destroy(new Error("timeout")), timeoutMs);
    sent.on("error", reject).on("close", () => clearTimeout(timer));
    sent.end(body);
  });
}

/** A pool of connections that stay open between requests. */
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
  const answer = await post({
    port,
    path,
    body: JSON.stringify(body),
    ...(bearer !== undefined && { bearer }),
  });
  if (answer.status !== 200) throw new Error(`${method} answered ${answer.status}: ${answer.text}`);
  return JSON.parse(answer.text);
}

/** A short name for how an exchange ended: a status, a reason in the error, or the error of the connection. */
export function outcomeOf(result: Answer | Error): string {
  if (result instanceof Error) return "code" in result ? String(result.code) : result.message;
  if (result.status === 200) return "ok";
  const [, reason] = /"reason":\s*"([A-Z_]+)"/.exec(result.text) ?? [];
  return reason ?? `HTTP ${result.status}`;
}

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { serve } from "../../support/net/http.ts";
import { useSharedApp } from "../../support/shared-app.ts";

const app = useSharedApp();

test.each([
  ["plain HTTP", "/v1/tokens:verify", 413],
  ["Connect", "/latchkey.v1.TokenService/VerifyToken", 429],
])(
  "over %s, a connection continues after a body in pieces that is too large",
  async (_name, path, status) => {
    const { token } = await app.newAccount();
    const { port } = await serve(app);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    async function send(size: number) {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const sent = request({ host: "127.0.0.1", port, agent, method: "POST", path, headers });
      const responded = once(sent, "response") as Promise<[IncomingMessage]>;
      // Without a length, node sends the body in pieces.
      sent.write('{"token":"');
      sent.end(`${"x".repeat(size)}"}`);
      const [response] = await responded;
      await text(response);
      return { status: response.statusCode, reused: sent.reusedSocket };
    }
    expect(await send(400_000)).toEqual({ status, reused: false });
    expect(await send(10)).toEqual({ status: 200, reused: true });
    agent.destroy();
  },
);

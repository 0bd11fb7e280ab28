import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { serve } from "../support/net/http.ts";
import { connectRaw, openTestPort, shortLimits, trickle } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

const verify = { path: "/latchkey.v1.TokenService/VerifyToken", type: "application/json" };

// The connection may belong to a proxy: its next request is then of somebody else.
test.each([
  ["plain HTTP", { path: "/v1/tokens:verify", type: "application/json" }, 413],
  ["Connect", verify, 429],
  // gRPC-Web reports its status in the body.
  ["gRPC-Web", { ...verify, type: "application/grpc-web+proto" }, 200],
])(
  "over %s, a connection continues after a body in pieces that is too large",
  async (_name, large, status) => {
    const { token } = await app.newAccount();
    const { port } = await serve(app);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    async function send({ path, type }: typeof verify, size: number) {
      const headers = { authorization: `Bearer ${token}`, "content-type": type };
      const sent = request({ host: "127.0.0.1", port, agent, method: "POST", path, headers });
      const responded = once(sent, "response") as Promise<[IncomingMessage]>;
      // Without a length, node sends the body in pieces.
      sent.write('{"token":"');
      sent.end(`${"x".repeat(size)}"}`);
      const [response] = await responded;
      await text(response);
      return { status: response.statusCode, reused: sent.reusedSocket };
    }
    expect(await send(large, 400_000)).toEqual({ status, reused: false });
    expect(await send(verify, 10)).toEqual({ status: 200, reused: true });
    agent.destroy();
  },
  10_000,
);

test.each(["application/json", "application/grpc-web+proto"])(
  "a client that never ends a body of type %s that is too large gets its response, and is disconnected",
  async (type) => {
    const { handler, plain } = app.app;
    const port = await openTestPort({ handler, plain, limits: shortLimits });
    const { token } = await app.newAccount();
    const head = `POST ${verify.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${type}\r\n`;
    const piece = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    const raw = await connectRaw(port.port, `${head}Transfer-Encoding: chunked\r\n\r\n`);
    trickle(raw, piece);
    expect(await raw.closed).toMatch(/^HTTP\/1.1 (429|200) .*readMaxBytes/s);
    expect((await port.refusals()).map(({ reason }) => reason)).toEqual(["slow_request"]);
  },
);

import { once } from "node:events";
import { connect } from "node:http2";
import { request } from "node:https";
import { expect, test } from "vitest";
import { cookieName, fromOwnPage } from "../support/net/console.ts";
import { openTestPort, selfSigned } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const path = "/latchkey.v1.ProfileService/WhoAmI";
type Send = (url: string, headers: Record<string, string>) => Promise<number>;

const overHttp1: Send = async (url, headers) => {
  const sent = request(`${url}${path}`, { method: "POST", headers, rejectUnauthorized: false, agent: false });
  sent.end("{}");
  const [response] = await once(sent, "response");
  response.resume();
  return response.statusCode;
};

const overHttp2: Send = async (url, headers) => {
  const session = connect(url, { rejectUnauthorized: false });
  try {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    stream.end("{}");
    const [head] = await once(stream, "response");
    return head[":status"];
  } finally {
    session.destroy();
  }
};

test.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
])(
  "with TLS on the port, the own origin is https over %s, on the fast path and in the router",
  async (_, send) => {
    const { token } = await app.newAccount();
    const { url } = await openTestPort({ handler: app.app.handler, plain: app.app.plain, tls: selfSigned() });
    for (const encoding of ["identity", "identity;q=1"]) {
      const { "sec-fetch-site": _site, ...own } = fromOwnPage;
      const cookie = `${cookieName}=${token}`;
      const statusFrom = (origin: string) =>
        send(url, { ...own, cookie, origin, "accept-encoding": encoding });
      expect(await statusFrom(url)).toBe(200);
      expect(await statusFrom(url.replace("https:", "http:"))).toBe(403);
    }
  },
);

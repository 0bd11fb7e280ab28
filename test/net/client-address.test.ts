import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { WorkspaceAdminService } from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { createClientAddress } from "../../src/net/client-address.ts";
import { startApp } from "../support/app.ts";
import { serve } from "../support/net/http.ts";

function addressOf(proxies: string[], peer: string | undefined, forwarded?: string | string[]): string {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  const request = { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
  return createClientAddress(proxies)(request);
}
const trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"];

test.each<
  [name: string, peer: string | undefined, forwarded: string | string[] | undefined, address: string]
>([
  ["the peer if there is no header", "10.0.0.1", undefined, "10.0.0.1"],
  ["the peer if it is not a trusted proxy", "198.51.100.9", "203.0.113.5", "198.51.100.9"],
  ["the client behind one proxy", "10.0.0.1", "203.0.113.5", "203.0.113.5"],
  ["the client behind two proxies", "10.0.0.1", "203.0.113.5, 192.0.2.7", "203.0.113.5"],
  [
    "the last hop that is not a trusted proxy, and no hop before it",
    "10.0.0.1",
    "1.1.1.1, 203.0.113.5, 10.9.9.9",
    "203.0.113.5",
  ],
  ["an address next to a trusted proxy's address", "10.0.0.1", "192.0.2.8", "192.0.2.8"],
  ["the first hop if all hops are trusted proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["the proxy if the last hop is not an address", "10.0.0.1", "203.0.113.5, unknown", "10.0.0.1"],
  ["the proxy if the hop has a port", "10.0.0.1", "203.0.113.5:4711", "10.0.0.1"],
  ["the proxy if the header is empty", "10.0.0.1", "", "10.0.0.1"],
  ["an IPv6 client", "fd00::1", "2001:db8::5", "2001:db8::5"],
  ["an IPv4 client on a socket for both versions", "::ffff:10.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"],
  ["the last hop of several headers", "10.0.0.1", ["1.1.1.1", "203.0.113.5"], "203.0.113.5"],
  ["an address with a zone", "10.0.0.1", "fe80::1%eth0", "fe80::1%eth0"],
  ["an empty text for a closed connection", undefined, "203.0.113.5", ""],
])("the client address is %s", (_name, peer, forwarded, address) => {
  expect(addressOf(trusted, peer, forwarded)).toBe(address);
});

test("without trusted proxies, the server ignores the header", () => {
  expect(addressOf([], "127.0.0.1", "203.0.113.5")).toBe("127.0.0.1");
});

test("if every address is a trusted proxy, the client address is the first hop", () => {
  expect(addressOf(["0.0.0.0/0", "::/0"], "198.51.100.9", "203.0.113.5, 1.1.1.1")).toBe("203.0.113.5");
});

test.each([
  ["127.0.0.1", "203.0.113.5"],
  ["192.0.2.7", "127.0.0.1"],
])("with the trusted proxy %s, an audit event has the client address %s", async (proxy, address) => {
  const { app, end } = await startApp({ LATCHKEY_TRUSTED_PROXIES: proxy });
  try {
    const [http, owner] = [await serve(app), await app.newAccount()];
    await http.post(WorkspaceAdminService.method.createWorkspace, {
      token: owner.token,
      body: { metadata: { name: "x" } },
      headers: { "x-forwarded-for": "198.51.100.1, 203.0.113.5" },
    });
    const { items } = await owner.audit.listAuditEvents({ limit: 1 });
    expect(items).toMatchObject([{ clientAddress: address }]);
  } finally {
    await end();
  }
});

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
  ["the peer, where nothing was forwarded", "10.0.0.1", undefined, "10.0.0.1"],
  ["the peer, where it is no proxy of ours, whatever it says", "198.51.100.9", "203.0.113.5", "198.51.100.9"],
  ["the client behind one proxy", "10.0.0.1", "203.0.113.5", "203.0.113.5"],
  ["the client behind two proxies", "10.0.0.1", "203.0.113.5, 192.0.2.7", "203.0.113.5"],
  [
    "the last hop that is no proxy, whatever was said before it",
    "10.0.0.1",
    "1.1.1.1, 203.0.113.5, 10.9.9.9",
    "203.0.113.5",
  ],
  ["an address of a network next to a proxy's", "10.0.0.1", "192.0.2.8", "192.0.2.8"],
  ["the first hop, where all are proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["the last address that is one, behind what is none", "10.0.0.1", "203.0.113.5, unknown", "10.0.0.1"],
  ["the proxy, where a hop has a port", "10.0.0.1", "203.0.113.5:4711", "10.0.0.1"],
  ["the proxy, where nothing is in the header", "10.0.0.1", "", "10.0.0.1"],
  ["a client of IPv6", "fd00::1", "2001:db8::5", "2001:db8::5"],
  ["a client of IPv4 on a socket of both", "::ffff:10.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"],
  ["several headers as one", "10.0.0.1", ["1.1.1.1", "203.0.113.5"], "203.0.113.5"],
  ["an address with a zone", "10.0.0.1", "fe80::1%eth0", "fe80::1%eth0"],
  ["nothing, of a connection that is gone", undefined, "203.0.113.5", ""],
])("%s", (_name, peer, forwarded, address) => {
  expect(addressOf(trusted, peer, forwarded)).toBe(address);
});

test("without trusted proxies nothing is believed", () => {
  expect(addressOf([], "127.0.0.1", "203.0.113.5")).toBe("127.0.0.1");
});

test("a proxy of every address believes the whole header", () => {
  expect(addressOf(["0.0.0.0/0", "::/0"], "198.51.100.9", "203.0.113.5, 1.1.1.1")).toBe("203.0.113.5");
});

test.each([
  ["127.0.0.1", "203.0.113.5"],
  ["192.0.2.7", "127.0.0.1"],
])("with the proxy %s trusted, an audit event tells %s", async (proxy, address) => {
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

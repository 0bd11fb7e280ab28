import { expect, test } from "vitest";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { useApp } from "../support/app.ts";
import { serve } from "../support/net/http.ts";

const app = useApp({ LATCHKEY_TRUSTED_PROXIES: "127.0.0.1" });

/** Returns a function that sends a request as a client of an address, and returns the HTTP status. */
async function clients() {
  const http = await serve(app);
  return async (method: Parameters<typeof http.post>[0], address: string, body: Record<string, unknown>) =>
    (await http.post(method, { body, headers: { "x-forwarded-for": address } })).status;
}

test("an IPv6 client gets no more guesses by changing its address within its /64", async () => {
  const status = await clients();
  const guess = (address: string) => status(SessionService.method.proveEmail, address, { token: "garbage" });
  for (let i = 0; i < 100; i++) expect(await guess(`2001:db8::${i.toString(16)}`)).toBe(401);
  expect(await guess("2001:db8::ffff:1")).toBe(429);
  expect(await guess("2001:db8:0:1::1")).toBe(401);
});

test("an IPv4 client gets no more guesses by writing its address as IPv6", async () => {
  const status = await clients();
  const guess = (address: string) => status(SessionService.method.proveEmail, address, { token: "garbage" });
  for (let i = 0; i < 50; i++) expect(await guess("192.0.2.1")).toBe(401);
  for (let i = 0; i < 50; i++) expect(await guess("::ffff:c000:201")).toBe(401);
  expect(await guess("192.0.2.1")).toBe(429);
});

test("an IPv6 client cannot revoke more tokens by changing its address within its /64", async () => {
  const status = await clients();
  const end = (address: string) => status(TokenService.method.revokeToken, address, { token: "garbage" });
  const statuses = Array.from({ length: 600 }, (_, i) => end(`2001:db8:5::${i.toString(16)}`));
  expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]));
  expect(await end("2001:db8:5::ffff")).toBe(429);
});

import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { issueKey, useApp } from "../support/app.ts";
import { pathOf } from "../support/net/http.ts";
import { connectRaw, openTestPort, type Raw } from "../support/net/net.ts";

const app = useApp({ LATCHKEY_SIGNUPS_PER_HOUR: "2" });
const { verifyToken } = TokenService.method;
const { signUp } = SessionService.method;

function request(path: string, body: unknown, bearer?: string): string {
  const json = JSON.stringify(body);
  const authorization = bearer === undefined ? "" : `authorization: Bearer ${bearer}\r\n`;
  const length = `content-length: ${Buffer.byteLength(json)}`;
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${authorization}${length}\r\n\r\n${json}`;
}

const responseOf = async ({ socket }: Raw) => (await once(socket, "data"))[0] as string;

describe("a burst of calls", () => {
  test("does not delay a verification until all calls are done", async () => {
    const owner = await app.newAccount();
    const { token } = await issueKey(owner);
    const { port } = await openTestPort({ handler: app.app.handler, plain: app.app.plain });
    const verify = request(pathOf(verifyToken), { token }, app.platformToken);
    const weak = { email: "a@example.com", password: "password123", name: "Ada", accountName: "Engines" };
    const burst = await Promise.all(Array.from({ length: 200 }, () => connectRaw(port)));
    const victim = await connectRaw(port);
    for (let i = 0; i < 3; i++) {
      victim.write(verify);
      expect(await responseOf(victim)).toContain('"valid":true');
    }

    let done = 0;
    const statuses: string[] = [];
    const all = burst.map(async (one) => {
      one.write(request(pathOf(signUp), weak));
      statuses.push((await responseOf(one)).slice(9, 12));
      done += 1;
    });
    victim.write(verify);
    expect(await responseOf(victim)).toContain('"valid":true');
    expect(done).toBeLessThan(150);
    await Promise.all(all);
    // The limit rejects nearly all of them, so the password check does not take the time.
    expect(statuses.filter((status) => status === "429").length).toBeGreaterThan(190);
  });

  test("does not stop the other calls if clients leave while their calls wait", async () => {
    const { port } = await openTestPort({ handler: app.app.handler, plain: app.app.plain });
    const burst = await Promise.all(Array.from({ length: 50 }, () => connectRaw(port)));
    for (const one of burst) one.write(request("/latchkey.v1.SessionService/LogOut", {}));
    for (const { socket } of burst.slice(0, 49)) socket.destroy();
    const [last] = burst.slice(-1);
    if (!last) throw new Error("no connection");
    expect(await responseOf(last)).toMatch(/^HTTP\/1.1 401/);
    expect(app.logLines.filter((line) => line.includes("this is a bug"))).toEqual([]);
  });
});

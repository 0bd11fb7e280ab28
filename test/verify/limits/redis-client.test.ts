import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createRedisClient } from "../../../src/verify/limits/redis/client.ts";
import { createReplyReader, encodeCommand, type Reply } from "../../../src/verify/limits/redis/resp.ts";
import { skipWithoutRedis, startRedis } from "../../support/limits/redis.ts";
import { selfSigned } from "../../support/net/net.ts";
import { runs } from "../../support/random.ts";

const nowhere = { host: "127.0.0.1", tls: false, username: "", password: "", database: 0 };

async function listen(onConnection: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer(onConnection).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { port: portOf(server), server };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server on a port has a port");
  return address.port;
}

function encodeReply(reply: Reply): string {
  if (reply === null) return "$-1\r\n";
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (typeof reply === "string") return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if ("error" in reply) return `-${reply.error}\r\n`;
  return `*${reply.length}\r\n${reply.map(encodeReply).join("")}`;
}

test("replies are read whatever the pieces in which they arrive", () => {
  const text = fc
    .array(fc.constantFrom(...'aé€😀"\\\r\n\0'), { maxLength: 6 })
    .map((parts) => parts.join(""));
  const single: fc.Arbitrary<Reply> = fc.oneof(
    text,
    fc.integer(),
    fc.constant(null),
    fc.stringMatching(/^[A-Z]{1,9} [a-z ]{0,9}$/).map((error) => ({ error })),
  );
  const reply = fc.oneof(
    single,
    fc.array(fc.oneof(single, fc.array(single, { maxLength: 3 })), { maxLength: 3 }),
  );
  fc.assert(
    fc.property(
      fc.array(reply, { maxLength: 3 }),
      fc.array(fc.nat(40), { maxLength: 20 }),
      (replies, cuts) => {
        let bytes = Buffer.from(replies.map(encodeReply).join(""));
        const reader = createReplyReader();
        const seen: Reply[] = [];
        for (const cut of cuts) {
          seen.push(...reader.push(bytes.subarray(0, cut)));
          bytes = bytes.subarray(cut);
        }
        seen.push(...reader.push(bytes));
        expect(JSON.stringify(seen)).toBe(JSON.stringify(replies));
      },
    ),
    { numRuns: runs(25) },
  );
});

test("what is no reply of Redis ends the connection, and its commands fail", async () => {
  for (const answer of ["HTTP/1.1 400 Bad Request\r\n\r\n", ":many\r\n", `${"*1\r\n".repeat(20)}`]) {
    const { port } = await listen((socket) => void socket.once("data", () => socket.write(answer)));
    const client = createRedisClient({ ...nowhere, port }, 5_000);
    await expect(client.command(["PING"])).rejects.toThrow(/Redis/);
    client.close();
  }
});

test("a command is never sent twice, even if the connection breaks before its reply", async () => {
  const seen: string[] = [];
  const { port } = await listen((socket) => {
    socket.on("data", (data) => {
      seen.push(data.toString());
      socket.destroy();
    });
  });
  const client = createRedisClient({ ...nowhere, port }, 5_000);
  await expect(client.command(["INCR", "a"])).rejects.toThrow();
  await expect(client.command(["INCR", "b"])).rejects.toThrow();
  expect(seen).toEqual([encodeCommand(["INCR", "a"]), encodeCommand(["INCR", "b"])]);
  client.close();
  await expect(client.command(["PING"])).rejects.toThrow("closed");
});

test("over rediss, nothing is sent to a server that does not speak TLS", async () => {
  let received = "";
  const { port } = await listen((socket) => {
    socket.on("data", (data) => {
      received += data.toString("latin1");
      socket.end("-ERR unknown command\r\n");
    });
    socket.on("error", () => {});
  });
  const client = createRedisClient({ ...nowhere, port, tls: true, password: "secret" }, 5_000);
  await expect(client.command(["PING"])).rejects.toThrow();
  expect(received).not.toContain("secret");
  expect(received).not.toContain("PING");
  client.close();
});

test("over rediss, a certificate that no authority signed is refused before anything is sent", async () => {
  let received = "";
  const server = createTlsServer(selfSigned(), (socket) => {
    socket.on("data", (data) => {
      received += data.toString();
    });
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const client = createRedisClient(
    { ...nowhere, port: portOf(server), tls: true, password: "secret" },
    5_000,
  );
  await expect(client.command(["PING"])).rejects.toThrow(/self-signed/);
  expect(received).toBe("");
  client.close();
});

test("the password and the database of the URL are used, and a wrong password fails without showing it", async (context) => {
  await skipWithoutRedis(context);
  const redis = await startRedis();
  const open = (more: Partial<typeof nowhere>) => createRedisClient({ ...redis.address, ...more }, 10_000);
  const admin = open({});
  await admin.command(["SET", "which", "first"]);
  await admin.command(["ACL", "SETUSER", "limiter", "on", ">pass word", "~*", "+@all"]);
  await admin.command(["CONFIG", "SET", "requirepass", "general"]);
  const [other, user] = [
    open({ password: "general", database: 3 }),
    open({ username: "limiter", password: "pass word" }),
  ];
  expect(await other.command(["GET", "which"])).toBeNull();
  expect(await user.command(["GET", "which"])).toBe("first");
  const wrong = open({ password: "guess-9" });
  const error = await wrong.command(["GET", "which"]).catch((one: unknown) => String(one));
  expect(error).toMatch(/Redis|closed/);
  expect(error).not.toContain("guess-9");
  for (const client of [admin, other, user, wrong]) client.close();
  await redis.stop();
});

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { inspect } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";
import { createRedisClient } from "../../../src/verify/limits/redis/client.ts";
import { skipWithoutRedis, startRedis } from "../../support/limits/redis.ts";
import { selfSigned } from "../../support/net/net.ts";

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

test("a server that does not speak the protocol of Redis makes commands fail", async () => {
  for (const answer of ["HTTP/1.1 400 Bad Request\r\n\r\n", "*1\r\n".repeat(20)]) {
    const { port } = await listen((socket) => void socket.once("data", () => socket.write(answer)));
    const client = createRedisClient({ ...nowhere, port }, 200);
    await expect(client.command("PING")).rejects.toThrow(/Redis/);
    client.close();
  }
});

test("a command is never sent twice, even if the connection breaks before its reply", async () => {
  const seen: string[] = [];
  let connections = 0;
  const { port } = await listen((socket) => {
    connections += 1;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      seen.push(...(data.toString().match(/key_\w/g) ?? []));
      socket.destroy();
    });
  });
  const client = createRedisClient({ ...nowhere, port }, 5_000);
  const together = await Promise.allSettled([
    client.command("INCR", "key_a"),
    client.command("INCR", "key_b"),
  ]);
  expect(together.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  // Without a connection, a command fails at once and waits for none.
  await expect(client.command("INCR", "key_c")).rejects.toThrow("closed");
  await expect.poll(() => connections).toBe(2);
  await expect
    .poll(async () => {
      await client.command("INCR", "key_d").catch(() => {});
      return seen.includes("key_d");
    })
    .toBe(true);
  expect(seen).toEqual(["key_a", "key_b", "key_d"]);
  client.close();
  await expect(client.command("PING")).rejects.toThrow("closed");
});

test("a connection without replies is closed after the timeout, and the client connects again", async () => {
  const ends: Promise<unknown>[] = [];
  const { port } = await listen((socket) => {
    ends.push(once(socket, "close"));
    if (ends.length > 1) socket.on("data", () => socket.write("+PONG\r\n"));
    else socket.resume();
  });
  const client = createRedisClient({ ...nowhere, port }, 100);
  const startedAt = performance.now();
  await expect(client.command("PING")).rejects.toThrow("100 ms");
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  await ends[0];
  await expect.poll(() => client.command("PING").catch(String)).toBe("PONG");
  client.close();
  await ends[1];
});

test("no error contains the password, even if the server repeats it", async () => {
  const { port } = await listen((socket) => {
    socket.on("error", () => {});
    socket.on("data", () =>
      socket.write("-ERR unknown command `auth`, with args beginning with: `guess-9`\r\n"),
    );
  });
  const consoles = [vi.spyOn(console, "error"), vi.spyOn(console, "warn")];
  const client = createRedisClient({ ...nowhere, port, password: "guess-9" }, 5_000);
  const error = await client.command("GET", "a").catch((one: unknown) => one);
  expect(String(error)).toContain("refused");
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("guess-9");
  for (const one of consoles) expect(one).not.toHaveBeenCalled();
  for (const one of consoles) one.mockRestore();
  client.close();
});

test("if Redis refuses the database of the URL, no command reaches another database", async (context) => {
  await skipWithoutRedis(context);
  const redis = await startRedis();
  const wrong = createRedisClient({ ...redis.address, database: 9_999 }, 10_000);
  await expect(wrong.command("SET", "which", "wrong")).rejects.toThrow();
  await expect(wrong.command("SET", "which", "wrong")).rejects.toThrow();
  const right = createRedisClient(redis.address, 10_000);
  expect(await right.command("GET", "which")).toBeNull();
  for (const client of [wrong, right]) client.close();
  await redis.stop();
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
  await expect(client.command("PING")).rejects.toThrow();
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
  await expect(client.command("PING")).rejects.toThrow(/self-signed/);
  expect(received).toBe("");
  client.close();
});

test("the password and the database of the URL are used, and a wrong password fails without showing it", async (context) => {
  await skipWithoutRedis(context);
  const redis = await startRedis();
  const open = (more: Partial<typeof nowhere>) => createRedisClient({ ...redis.address, ...more }, 10_000);
  const admin = open({});
  await admin.command("SET", "which", "first");
  await admin.command("ACL", "SETUSER", "limiter", "on", ">pass word", "~*", "+@all");
  await admin.command("CONFIG", "SET", "requirepass", "general");
  const [other, user] = [
    open({ password: "general", database: 3 }),
    open({ username: "limiter", password: "pass word" }),
  ];
  expect(await other.command("GET", "which")).toBeNull();
  expect(await user.command("GET", "which")).toBe("first");
  const wrong = open({ password: "guess-9" });
  const error = await wrong.command("GET", "which").catch((one: unknown) => String(one));
  expect(error).toMatch(/Redis|closed/);
  expect(error).not.toContain("guess-9");
  for (const client of [admin, other, user, wrong]) client.close();
  await redis.stop();
});

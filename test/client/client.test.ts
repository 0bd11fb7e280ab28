import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { type ClientOptions, createClient, LatchkeyError } from "../../src/client/client.ts";
import { issueKey } from "../support/app.ts";
import { type Loss, lossyTransport } from "../support/net/lossy-transport.ts";
import { openTestPort, selfSigned } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

/** Returns the error of a call that fails. */
async function failureOf(call: Promise<unknown>): Promise<LatchkeyError> {
  const error = await call.then(
    () => expect.fail("expected the call to fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LatchkeyError);
  return error as LatchkeyError;
}

/** A client whose first calls are lost in this way. */
function lossyClient(token: string, losses: Loss[], options: Partial<ClientOptions> = {}) {
  const transport = lossyTransport(app.transportAs(""), losses);
  const client = createClient({ url: "http://server", token, transport, ...options });
  return { client, attempts: transport.attempts };
}

/** A client of the app over a real port. */
async function portClient(token: string | undefined, options: Partial<ClientOptions> = {}) {
  const port = await openTestPort({ handler: app.app.handler, plain: app.app.plain });
  const client = createClient({ url: port.url, token, ...options });
  onTestFinished(client.close);
  return client;
}

test("a client calls every service over a real connection with its token and account", async () => {
  const owner = await app.newAccount();
  const { token } = owner;
  const accountId = owner.account.metadata?.id ?? "";
  const client = await portClient(token, { account: accountId });
  const { principal } = await client.profiles.whoAmI({});
  expect(principal?.accountId).toBe(accountId);
  const { apiKey } = await client.apiKeys.createApiKey({ metadata: { name: "a key" } });
  const { items } = await client.apiKeys.listApiKeys({});
  expect(items.map((item) => item.metadata?.id)).toContain(apiKey?.metadata?.id);
  const elsewhere = await portClient(token, { account: "acct_00000000000000000000000000" });
  expect(await failureOf(elsewhere.profiles.whoAmI({}))).toMatchObject({ reason: "ACCOUNT_MISMATCH" });
});

test("a function gives the token of each call", async () => {
  const owner = await app.newAccount();
  const [first, second] = [await issueKey(owner), await issueKey(owner)];
  const tokens = [first.token, second.token];
  const client = await portClient(undefined, { token: async () => tokens.shift() ?? "" });
  const ids = [await client.profiles.whoAmI({}), await client.profiles.whoAmI({})];
  expect(ids.map(({ principal }) => principal?.keyId)).toEqual([first.id, second.id]);
});

test("an error has the reason, facts and request id of the server, and its sentence", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const client = await portClient(key.token);
  const error = await failureOf(client.apiKeys.listApiKeys({}));
  expect(error).toMatchObject({
    reason: "PERMISSION_DENIED",
    code: Code.PermissionDenied,
    metadata: { permission: "api_keys:read" },
    violations: [],
    retryAfterMs: undefined,
  });
  expect(error.requestId).toMatch(/^[\w-]{8,36}$/);
  expect(error.message).toContain("api_keys:read");
});

test("an error about fields lists each of them", async () => {
  const owner = await app.newAccount();
  const { client } = lossyClient(owner.token, []);
  const error = await failureOf(client.apiKeys.listApiKeys({ sortOrder: "up", limit: -1 }));
  expect(error).toMatchObject({ reason: "INVALID_FIELDS", code: Code.InvalidArgument });
  expect(error.violations.map(({ field }) => field).sort()).toEqual(["limit", "sort_order"]);
});

const lost: [call: string, loss: Loss, repeated: boolean][] = [
  ["listApiKeys", "answer", true],
  ["listApiKeys", "request", true],
  ["revokeApiKey", "answer", true],
  ["createApiKey", "answer", false],
  ["createApiKey", "request", true],
];

test.each(lost)(
  "after a lost connection, %s whose %s was lost is repeated: %s",
  async (name, loss, repeated) => {
    const owner = await app.newAccount();
    const key = await issueKey(owner);
    const { client, attempts } = lossyClient(owner.token, [loss, loss]);
    const calls: Record<string, () => Promise<unknown>> = {
      listApiKeys: () => client.apiKeys.listApiKeys({}),
      revokeApiKey: () => client.apiKeys.revokeApiKey({ id: key.id }),
      createApiKey: () => client.apiKeys.createApiKey({ metadata: { name: "b" } }),
    };
    const call = calls[name]?.() ?? Promise.reject();
    if (repeated) await call;
    else expect(await failureOf(call)).toMatchObject({ reason: "UNREACHABLE" });
    expect(attempts()).toBe(repeated ? 3 : 1);
  },
);

test("a creation with a request_id whose answer was lost fails with ALREADY_EXISTS, which names what it created", async () => {
  const owner = await app.newAccount();
  const { client } = lossyClient(owner.token, ["answer"]);
  const error = await failureOf(
    client.apiKeys.createApiKey({ metadata: { name: "once" }, requestId: "r-1" }),
  );
  expect(error.reason).toBe("ALREADY_EXISTS");
  const { items } = await owner.apiKeys.listApiKeys({ query: "once" });
  expect(items.map((item) => item.metadata?.id)).toEqual([error.metadata.id]);
});

test("the number of attempts has a bound, and the last error is thrown", async () => {
  const owner = await app.newAccount();
  const { client, attempts } = lossyClient(owner.token, Array(9).fill("request"), { retries: 2 });
  expect(await failureOf(client.profiles.whoAmI({}))).toMatchObject({ reason: "UNREACHABLE" });
  expect(attempts()).toBe(3);
});

test("a call ends at its deadline, also between two attempts", async () => {
  const owner = await app.newAccount();
  const { client } = lossyClient(owner.token, Array(99).fill("request"), { retries: 99, timeoutMs: 300 });
  const startedAt = performance.now();
  expect(await failureOf(client.profiles.whoAmI({}))).toMatchObject({ reason: "UNREACHABLE" });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("a server that does not answer ends the call at its deadline", async () => {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  onTestFinished(() => void silent.close().closeAllConnections());
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = silent.address() as AddressInfo;
  const client = createClient({ url: `http://127.0.0.1:${port}`, timeoutMs: 200 });
  expect(await failureOf(client.profiles.whoAmI({}))).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
});

test("a call that its caller aborts is not repeated, and neither is one of a closed client", async () => {
  const owner = await app.newAccount();
  const { client, attempts } = lossyClient(owner.token, Array(9).fill("request"));
  await failureOf(client.profiles.whoAmI({}, { signal: AbortSignal.abort() }));
  client.close();
  await failureOf(client.profiles.whoAmI({}));
  expect(attempts()).toBeLessThanOrEqual(2);
});

test("a self-signed certificate is refused, and accepted as `ca`", async () => {
  const tls = selfSigned();
  const port = await openTestPort({ handler: app.app.handler, plain: app.app.plain, tls });
  const url = port.url.replace("http:", "https:");
  const plain = createClient({ url });
  const trusting = createClient({ url, ca: tls.cert });
  onTestFinished(plain.close);
  onTestFinished(trusting.close);
  const error = await failureOf(plain.profiles.whoAmI({}));
  expect(error).toMatchObject({ reason: "UNTRUSTED_CERTIFICATE" });
  expect(error.message).toBe(`the certificate of ${url} is not trusted: it is self-signed`);
  expect(await failureOf(trusting.profiles.whoAmI({}))).toMatchObject({ reason: "MISSING_API_KEY" });
});

test("a port without a server is unreachable, and the error says so in one sentence", async () => {
  const closed = createClient({ url: "http://127.0.0.1:1", retries: 0 });
  expect((await failureOf(closed.profiles.whoAmI({}))).message).toBe(
    "cannot reach http://127.0.0.1:1: the connection was refused",
  );
});

test("an answer that is no answer of Latchkey has the name of its code as reason", async () => {
  const other = createServer((_, response) =>
    response.writeHead(404, { "content-type": "text/html" }).end("<p>no"),
  );
  other.listen(0, "127.0.0.1");
  onTestFinished(() => void other.close().closeAllConnections());
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  onTestFinished(client.close);
  expect(await failureOf(client.profiles.whoAmI({}))).toMatchObject({ reason: "UNIMPLEMENTED" });
});

test("wrong options are refused without quoting the token", async () => {
  for (const url of ["", "keys.example.com", "ftp://x", "http://user:secret@x", "http://x/?a=b"]) {
    expect(() => createClient({ url })).toThrow(/^url: expected an address/);
  }
  // A platform key would act in its own account instead of a tenant's.
  expect(() => createClient({ url: "http://x", account: "" })).toThrow(/^account: /);
  await expect(createClient({ url: "http://x", token: "" }).profiles.whoAmI({})).rejects.toThrow(/^token: /);
  expect(() => createClient({ url: "http://x", timeoutMs: 0 })).toThrow(/^timeoutMs: /);
  expect(() => createClient({ url: "http://x", retries: -1 })).toThrow(/^retries: /);
  const client = createClient({ url: "http://x", token: "lk_svc_secret\n" });
  await expect(client.profiles.whoAmI({})).rejects.toThrow(/^token: expected one word/);
  await expect(client.profiles.whoAmI({})).rejects.not.toThrow(/secret/);
});

test("a client loads the schema of the service that it calls, and of no other", async () => {
  const program = `
    import module from "node:module";
    const services = [];
    module.registerHooks({
      load(url, context, next) {
        const [, service] = /(\\w+_service)_pb/.exec(url) ?? [];
        if (service) services.push(service);
        return next(url, context);
      },
    });
    const { createClient } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/client/client.ts"))});
    const client = createClient({ url: "http://127.0.0.1:1", retries: 0 });
    await client.apiKeys;
    if (services.length > 0) throw new Error(services.join());
    await client.apiKeys.listApiKeys({}).catch(() => {});
    console.log(services.join());`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
  expect(stdout.trim()).toBe("api_key_service");
});

import { expect, onTestFinished, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { issueKey, useApp } from "../support/app.ts";
import { serve } from "../support/net/http.ts";

const app = useApp();
const { whoAmI } = ProfileService.method;

/** Returns the value of a metric with these labels, or 0 if it was never counted. */
async function count(name: string, labels: Record<string, string> = {}): Promise<number> {
  const { body } = await app.metrics.render();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return body
    .split("\n")
    .filter(
      (line) =>
        (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) &&
        wanted.every((one) => line.includes(one)),
    )
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** Returns how much a metric grows while `run` runs. A call is counted when its response was written to the connection. */
async function growth(
  name: string,
  labels: Record<string, string>,
  run: () => Promise<unknown>,
): Promise<number> {
  const before = await count(name, labels);
  await run();
  return (await count(name, labels)) - before;
}

const calls = (method: { name: string; parent: { typeName: string } }, code: string) =>
  ["latchkey_call_seconds_count", { method: `${method.parent.typeName}/${method.name}`, code }] as const;

test("each call is counted once, by method and code", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const { getApiKey, createApiKey } = ApiKeyService.method;
  const getMissing = { token: owner.token, body: { id: newId("key") } };
  const framed = { "content-type": "application/grpc-web+proto" };
  for (const [[name, labels], run] of [
    [calls(whoAmI, "ok"), () => http.post(whoAmI, owner)],
    [calls(whoAmI, "unauthenticated"), () => http.post(whoAmI, { token: "garbage" })],
    [calls(getApiKey, "not_found"), () => http.post(getApiKey, getMissing)],
    [calls(getApiKey, "invalid_argument"), () => http.post(getApiKey, owner)],
    [calls(createApiKey, "invalid_argument"), () => http.post(createApiKey, { ...owner, body: "{" })],
    [
      // The code that gRPC prescribes, and that the client receives.
      calls(createApiKey, "internal"),
      () =>
        http.post(createApiKey, {
          token: owner.token,
          headers: framed,
          body: new Uint8Array([0, 0, 0, 0, 2, 0x0a, 0xff]),
        }),
    ],
    [["latchkey_call_seconds_count", { method: "unknown" }], () => http.get("/nowhere")],
  ] as const) {
    // The server may see the close of a response after the client received the last byte.
    const before = await count(name, labels);
    await run();
    await expect.poll(() => count(name, labels)).toBe(before + 1);
  }
});

// The largest timeouts of the protocols. No timer of Node can hold them. The fast path takes neither of these calls.
test.each([
  [
    "Connect",
    "application/json",
    { "connect-timeout-ms": "9999999999", "content-encoding": "gzip" },
    '"code":"invalid_argument"',
  ],
  ["gRPC-Web", "application/grpc-web+proto", { "grpc-timeout": "99999999H" }, "grpc-status: 3"],
])(
  "a call over %s whose timeout is too long is counted with the code that its client receives, and Node warns of nothing",
  async (_, type, headers, refused) => {
    const [http, owner] = [await serve(app), await app.newAccount()];
    const { createApiKey } = ApiKeyService.method;
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    onTestFinished(() => void process.off("warning", onWarning));
    const [name, labels] = calls(createApiKey, "invalid_argument");
    const before = await count(name, labels);
    const body = new Uint8Array(5);
    const { text } = await http.post(createApiKey, {
      ...owner,
      headers: { "content-type": type, ...headers },
      body,
    });
    expect(text).toContain(refused);
    await expect.poll(() => count(name, labels)).toBe(before + 1);
    expect(warnings).toEqual([]);
  },
);

test("each verdict is counted", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const platform = app.clientAs(app.platformToken).tokens;
  const verdicts = "latchkey_verdicts_total";
  const verify = () => platform.verifyToken({ token: key.token });
  expect(await growth(verdicts, { verdict: "VALID" }, verify)).toBe(1);
  await owner.apiKeys.disableApiKey({ id: key.id });
  expect(await growth(verdicts, { verdict: "DISABLED" }, verify)).toBe(1);
  const batch = () => platform.batchVerifyTokens({ requests: [{ token: "x" }, { token: "y" }] });
  expect(await growth(verdicts, { verdict: "INVALID" }, batch)).toBe(2);
});

test("the time of statements is counted, and failed statements separately", async () => {
  const owner = await app.newAccount();
  const name = "latchkey_database_seconds_count";
  expect(await growth(name, { outcome: "ok" }, () => owner.profiles.whoAmI({}))).toBeGreaterThanOrEqual(1);
  const fail = () => app.pool.selectFrom("account").selectAll().where("version", "=", Number.NaN).execute();
  expect(await growth(name, { outcome: "failed" }, () => fail().catch(() => {}))).toBe(1);
});

test("the metrics of the pool show its present state", async () => {
  await app.newAccount();
  expect(await count("latchkey_database_pool", { pool: "calls", state: "total" })).toBeGreaterThan(0);
  const { idle, total } = {
    idle: { pool: "calls", state: "idle" },
    total: { pool: "calls", state: "total" },
  };
  const before = await count("latchkey_database_pool", idle);
  await app.pool.transaction().execute(async (tx) => {
    await tx.selectFrom("account").select("id").limit(1).execute();
    const held =
      (await count("latchkey_database_pool", total)) - (await count("latchkey_database_pool", idle));
    expect(held).toBeGreaterThanOrEqual(1);
  });
  expect(await count("latchkey_database_pool", idle)).toBeGreaterThanOrEqual(before);
  expect(await count("latchkey_database_pool", { pool: "calls", state: "waiting" })).toBe(0);
});

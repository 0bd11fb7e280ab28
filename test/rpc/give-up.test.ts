import { sql } from "kysely";
import { expect, test } from "vitest";
import { issueKey, type Owner, useApp } from "../support/app.ts";
import { lockWaiters } from "../support/database/waiting.ts";
import { handlerOf, openTestPort } from "../support/net/net.ts";

const app = useApp();

// A busy machine needs some time until the call waits.
const deadlineMs = 1_000;

// Half of the limit of a statement in tests, which would end the wait too.
const untilWaiting = (count: number) =>
  expect.poll(() => lockWaiters(app.pool), { timeout: 10_000 }).toBe(count);

/** Locks a key while `run` runs, so that every change of the key waits. */
async function whileHeld(owner: Owner, run: (id: string) => Promise<void>): Promise<void> {
  const { id } = await issueKey(owner);
  await app.pool.transaction().execute(async (tx) => {
    await sql`select from api_key where id = ${id} for update`.execute(tx);
    await run(id);
  });
  const { apiKey } = await owner.apiKeys.getApiKey({ id });
  expect(apiKey?.metadata?.name).toBe("a key");
}

const rename = (id: string) => ({ id, metadata: { name: "renamed" } });

test("a call whose deadline passes cancels its statement, and changes nothing", async () => {
  const owner = await app.newAccount();
  await whileHeld(owner, async (id) => {
    const call = owner.apiKeys.updateApiKey(rename(id), { timeoutMs: deadlineMs });
    await untilWaiting(1);
    await expect(call).rejects.toThrow("deadline_exceeded");
    await untilWaiting(0);
  });
});

const handlers = {
  "of Connect": () => handlerOf(app.app.routes, app.app.routerOptions),
  "of the fast path": () => app.app.handler,
};

test.each(Object.entries(handlers))(
  "a client %s that disconnects cancels its statement, and changes nothing",
  async (_name, handler) => {
    const owner = await app.newAccount();
    const port = await openTestPort({ handler: handler() });
    await whileHeld(owner, async (id) => {
      const client = new AbortController();
      const call = fetch(`${port.url}/latchkey.v1.ApiKeyService/UpdateApiKey`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${owner.token}` },
        body: JSON.stringify(rename(id)),
        signal: client.signal,
      });
      await untilWaiting(1);
      client.abort();
      await expect(call).rejects.toThrow("abort");
      await untilWaiting(0);
    });
    expect(app.logLines.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  },
);

test("a call of the fast path whose deadline passes cancels its statement, and changes nothing", async () => {
  const owner = await app.newAccount();
  const port = await openTestPort({ handler: app.app.handler });
  await whileHeld(owner, async (id) => {
    const call = fetch(`${port.url}/latchkey.v1.ApiKeyService/UpdateApiKey`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${owner.token}`,
        "connect-timeout-ms": String(deadlineMs),
      },
      body: JSON.stringify(rename(id)),
    });
    await untilWaiting(1);
    expect(await (await call).json()).toMatchObject({ code: "deadline_exceeded" });
    await untilWaiting(0);
  });
});

import { expect, onTestFinished, test } from "vitest";
import { issueKey, startBeside, useApp } from "../support/app.ts";
import { servedFromCache } from "../support/coherence/instances.ts";
import { startProxy } from "../support/database/proxy.ts";
import { sendForm } from "../support/net/form.ts";
import { serve } from "../support/net/http.ts";

const app = useApp();

async function introspector(url: string, verifier: string) {
  return async (token: string) => {
    const answer = await sendForm(`${url}/v1/oauth/introspect`, { form: { token }, token: verifier });
    return { ...answer, json: JSON.parse(answer.text) as Record<string, unknown> };
  };
}

test.each(["RevokeApiKey", "the endpoint of revocation"])(
  "a token that %s ended is inactive at another instance at once, although its answer was kept there",
  async (way) => {
    const { app: other, end } = await startBeside(app);
    onTestFinished(end);
    const [here, there] = [await serve(app), await serve(other)];
    const owner = await app.newAccount();
    const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
    const introspect = await introspector(there.url, verifier.token);
    for (let round = 0; round < 4; round++) {
      const key = await issueKey(owner);
      const before = await servedFromCache(other);
      const served = async () => {
        expect((await introspect(key.token)).json.active).toBe(true);
        return (await servedFromCache(other)) - before;
      };
      // Without a lease, the instance asks the database.
      await expect.poll(served).toBeGreaterThan(0);
      if (way === "RevokeApiKey") await owner.apiKeys.revokeApiKey({ id: key.id });
      else await sendForm(`${here.url}/v1/oauth/revoke`, { form: { token: key.token } });
      expect((await introspect(key.token)).json).toEqual({ active: false });
    }
  },
);

test("a verifier that lost tokens:verify gets 403 at once, although answers were kept for it", async () => {
  const { url } = await serve(app);
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const key = await issueKey(owner);
  const introspect = await introspector(url, verifier.token);
  for (let n = 0; n < 3; n++) expect((await introspect(key.token)).status).toBe(200);
  await owner.apiKeys.updateApiKey({ id: verifier.id, spec: { permissions: ["runs:start"] } });
  expect(await introspect(key.token)).toMatchObject({ status: 403, json: { error: "insufficient_scope" } });
});

test("an instance without its database answers 503 with a time to retry", async () => {
  const proxy = await startProxy(app.databaseUrl);
  const { app: other, end } = await startBeside(app, {}, { lookupsUrl: proxy.url });
  onTestFinished(async () => {
    await proxy.heal();
    await end();
    await proxy.close();
  });
  const { url } = await serve(other);
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const introspect = await introspector(url, verifier.token);
  expect((await introspect(verifier.token)).json.active).toBe(true);
  await proxy.refuse();
  await expect.poll(async () => (await introspect(verifier.token)).status).toBe(503);
  const answer = await introspect(verifier.token);
  expect(answer).toMatchObject({ status: 503, json: { error: "temporarily_unavailable" } });
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { type Clients, issueKey, newWorkspace } from "../support/app.ts";
import { createTestDatabase, type TestDatabase } from "../support/database/database.ts";
import { refusal } from "../support/errors.ts";
import { createSite, type Served, type Site } from "../support/server/serve.ts";

let database: TestDatabase;
let site: Site;
let [one, other]: [Served | undefined, Served | undefined] = [undefined, undefined];
let platformToken: string;

// Both servers start at once on an empty database.
beforeAll(async () => {
  database = await createTestDatabase("empty");
  site = createSite({ LATCHKEY_DATABASE_URL: database.url });
  [one, other] = await Promise.all([site.serve(), site.serve()]);
  platformToken = (await site.run(["bootstrap"])).stdout.trim();
});
afterAll(async () => {
  await site.clear();
  await database.drop();
});

/** Returns clients of the same bearer at both servers. */
const atBoth = (token: string): [Clients, Clients] => [
  clientsAt(one?.url ?? "", token),
  clientsAt(other?.url ?? "", token),
];

test("a key that one server issues is valid at the other, and revoked at both after either has revoked it", async () => {
  const [here, there] = atBoth((await signUpAt(one?.url ?? "", "a@example.com")).token);
  const [platformHere, platformThere] = atBoth(platformToken);
  const workspaceId = await newWorkspace(here);
  const key = await issueKey(here, { spec: { permissions: ["agents:read"] } });
  await there.apiKeys.addApiKeyWorkspace({ id: key.id, workspaceId });
  for (const platform of [platformHere, platformThere]) {
    const verdict = await platform.tokens.verifyToken({ token: key.token, workspaceId });
    expect(verdict).toMatchObject({ valid: true });
  }
  const { apiKey } = await there.apiKeys.rotateApiKey({ id: key.id });
  const next = apiKey?.spec?.token ?? "";
  expect(await platformHere.tokens.verifyToken({ token: key.token })).toMatchObject({
    verdict: Verdict.REVOKED,
  });
  expect(await platformHere.tokens.verifyToken({ token: next })).toMatchObject({ valid: true });

  await there.apiKeys.revokeApiKey({ id: key.id });
  for (const platform of [platformHere, platformThere]) {
    expect(await platform.tokens.verifyToken({ token: next })).toMatchObject({ verdict: Verdict.REVOKED });
  }
  const { items } = await here.audit.listAuditEvents({ resourceId: key.id });
  const methods = ["CreateApiKey", "AddApiKeyWorkspace", "RotateApiKey", "RevokeApiKey"];
  expect(items.map(({ method }) => method.split("/")[1]).sort()).toEqual(methods.sort());
});

test("a create request that reaches both servers at once creates one key", async () => {
  const clients = atBoth((await signUpAt(other?.url ?? "", "b@example.com")).token);
  for (const requestId of ["r1", "r2", "r3", "r4", "r5"]) {
    const calls = clients.map((client) => issueKey(client, { requestId }));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const rejected = calls[outcomes.findIndex(({ status }) => status === "rejected")];
    const fulfilled = calls[outcomes.findIndex(({ status }) => status === "fulfilled")];
    expect(await refusal(rejected ?? Promise.resolve())).toMatchObject({
      reason: "ALREADY_EXISTS",
      metadata: { id: (await fulfilled)?.id },
    });
  }
});

test("concurrent rotations of one key at both servers leave one valid token", async () => {
  const clients = atBoth((await signUpAt(one?.url ?? "", "c@example.com")).token);
  const { id } = await issueKey(clients[0]);
  const rotations = Array.from({ length: 10 }, (_, i) => clients[i % 2]?.apiKeys.rotateApiKey({ id }));
  const tokens = (await Promise.all(rotations)).map((rotation) => rotation?.apiKey?.spec?.token ?? "");
  const [platform] = atBoth(platformToken);
  const verdicts = await Promise.all(tokens.map((token) => platform.tokens.verifyToken({ token })));
  expect(verdicts.filter(({ valid }) => valid)).toHaveLength(1);
});

test("a server continues to serve after the other one has stopped", async () => {
  const owner = await signUpAt(one?.url ?? "", "d@example.com");
  expect(await one?.stop()).toMatchObject({ code: 0 });
  await issueKey(clientsAt(other?.url ?? "", owner.token));
});

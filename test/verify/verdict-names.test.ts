import { afterAll, beforeAll, expect, test } from "vitest";
import { newDeveloperKey, newServiceAccount, newServiceKey, newTeam } from "../support/actors/actors.ts";
import { issueKey, type Owner, startBeside, type TestApp, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp({ LATCHKEY_MAX_LABEL_BYTES_PER_KEY: "100" });
let owner: Owner;
let beside: { app: TestApp; end: () => Promise<void> };
beforeAll(async () => {
  owner = await app.newAccount();
  await owner.accounts.updateAccount({ metadata: { externalId: "org-42" } });
  beside = await startBeside(app);
});
afterAll(() => beside.end());

async function principalAt(one: TestApp, token: string) {
  const { principal } = await one.clientAs(app.platformToken).tokens.verifyToken({ token });
  return principal;
}

const labels = { env: "prod", "example.com/team": "ai" };
// An external id is unique in its account.
const newNames = () => ({ name: "CI key", externalId: `ci-${crypto.randomUUID()}`, labels });
const principalWith = ({ name, externalId }: ReturnType<typeof newNames>) => ({
  accountExternalId: "org-42",
  keyName: name,
  keyExternalId: externalId,
  keyLabels: labels,
});

test("the principal of a key has the names of the key and its account, in VerifyToken and WhoAmI", async () => {
  const names = newNames();
  const key = await issueKey(owner, { metadata: names });
  const expected = principalWith(names);
  expect(await principalAt(app, key.token)).toMatchObject({ keyId: key.id, ...expected });
  const { principal } = await app.clientAs(key.token).profiles.whoAmI({});
  expect(principal).toMatchObject({ keyId: key.id, ...expected });
});

test("the names of a service or developer key are those of the key, and the profile is that of its owner", async () => {
  const team = await newTeam(owner, "CI", "viewer");
  const robot = await newServiceAccount(owner, "robot", team);
  const service = await newServiceKey(app, owner, robot.id);
  const developer = await newDeveloperKey(app, owner);
  for (const [{ id, token }, type] of [
    [service, "robot"],
    [developer, owner.profile.spec?.name],
  ] as const) {
    const names = newNames();
    await owner.apiKeys.updateApiKey({ id, metadata: names });
    const profile = { spec: { name: type } };
    expect(await principalAt(app, token)).toMatchObject({ ...principalWith(names), profile });
  }
});

test("the principal of a session has the external id of the account, and no names of a key", async () => {
  expect(await principalAt(app, owner.token)).toMatchObject({
    accountExternalId: "org-42",
    keyId: "",
    keyName: "",
    keyExternalId: "",
    keyLabels: {},
  });
});

test("a platform key that acts for an account is named with its own name, in an account with its external id", async () => {
  const platform = app.clientAs(app.platformToken);
  const spec = { permissions: ["accounts:act", "api_keys:write"] };
  const names = newNames();
  const { id, token } = await issueKey(platform, { metadata: names, spec });
  const acting = app.clientAs(token, { "latchkey-account": owner.account.metadata?.id ?? "" });
  const { principal } = await acting.profiles.whoAmI({});
  expect(principal).toMatchObject({
    accountId: owner.account.metadata?.id,
    keyId: id,
    ...principalWith(names),
  });
});

const changes: [string, (id: string) => Promise<unknown>, object][] = [
  ["name", (id) => owner.apiKeys.updateApiKey({ id, metadata: { name: "new" } }), { keyName: "new" }],
  [
    "labels",
    (id) => owner.apiKeys.updateApiKey({ id, metadata: { labels: { env: "test" } } }),
    { keyLabels: { env: "test" } },
  ],
  [
    "external id",
    (id) => owner.apiKeys.updateApiKey({ id, metadata: { externalId: "new" } }),
    { keyExternalId: "new" },
  ],
  [
    "account's external id",
    () => owner.accounts.updateAccount({ metadata: { externalId: "org-43" } }),
    { accountExternalId: "org-43" },
  ],
];

test.each(changes)(
  "after a change of the %s returned, every instance's verdict has it",
  async (_, change, after) => {
    const key = await issueKey(owner, { metadata: newNames() });
    for (const one of [app, beside.app]) await principalAt(one, key.token);
    const before = await Promise.all([app, beside.app].map((one) => principalAt(one, key.token)));
    for (const principal of before) expect(principal).not.toMatchObject(after);
    await change(key.id);
    for (const one of [beside.app, app]) expect(await principalAt(one, key.token)).toMatchObject(after);
  },
);

test("labels that together exceed the bound are refused, and the error names the field and the bound", async () => {
  const labelsOf = (bytes: number) => ({ a: "x".repeat(62), b: "y".repeat(bytes - 64) });
  const error = {
    reason: "BOUND_EXCEEDED",
    message: expect.stringMatching(/metadata\.labels.*label_bytes_per_key/),
    metadata: { bound: "label_bytes_per_key", limit: "100" },
  };
  const create = (bytes: number) => issueKey(owner, { metadata: { name: "key", labels: labelsOf(bytes) } });
  expect(await refusal(create(101))).toMatchObject(error);
  const { id, token } = await create(100);
  expect((await principalAt(app, token))?.keyLabels).toEqual(labelsOf(100));
  const update = (bytes: number) => owner.apiKeys.updateApiKey({ id, metadata: { labels: labelsOf(bytes) } });
  expect(await refusal(update(101))).toMatchObject(error);
  await app.db
    .updateTable("api_key")
    .set({ labels: JSON.stringify(labelsOf(110)) as never })
    .where("id", "=", id)
    .execute();
  expect(await refusal(update(111))).toMatchObject(error);
  await owner.apiKeys.updateApiKey({ id, metadata: { name: "renamed" } });
  await update(109);
  expect((await principalAt(app, token))?.keyLabels).toEqual(labelsOf(109));
});

import { describe, expect, test } from "vitest";
import { accountIdOf, naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import { newEmail } from "../support/actors/actors.ts";
import { verdictOf } from "../support/actors/api-key.ts";
import { issueKey, type Owner, password } from "../support/app.ts";
import { outcome } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);

const held = ["accounts:act", "*:read", "api_keys:write", "invites:write", "agents:read"];

/** A tenant, and a service key of the platform that acts for it. */
async function scene() {
  const owner = await app.newAccount();
  const { id: keyId, token, setRole } = await newPlatformServiceKey(app, held);
  return { owner, keyId, setRole, acting: naming(app, token, accountIdOf(owner)) };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** What may happen to the platform key, and whether what it gave still holds afterwards. */
const changes: [what: string, change: (scene: Scene) => Promise<unknown>, holds: boolean][] = [
  [
    "something else in the tenant changes",
    ({ owner }) => issueKey(owner).then(({ id }) => owner.apiKeys.revokeApiKey({ id })),
    true,
  ],
  ["the platform key is rotated", ({ keyId }) => platform().apiKeys.rotateApiKey({ id: keyId }), true],
  [
    "the platform key loses something else",
    ({ setRole }) => setRole(held.filter((one) => one !== "agents:read")),
    true,
  ],
  ["the platform key is revoked", ({ keyId }) => platform().apiKeys.revokeApiKey({ id: keyId }), false],
  ["the platform key is disabled", ({ keyId }) => platform().apiKeys.disableApiKey({ id: keyId }), false],
  [
    "the platform key loses what it gave",
    ({ setRole }) => setRole(["accounts:act", "api_keys:write", "invites:write"]),
    false,
  ],
  ["the platform key loses accounts:act", ({ setRole }) => setRole(held.slice(1)), false],
];

describe.each(changes)("if %s", (_what, change, holds) => {
  test(`a grace period that it gave ${holds ? "goes on" : "ends"}`, async () => {
    const at = await scene();
    const key = await issueKey(at.owner, { spec: { permissions: ["*:read"] } });
    const untouched = await issueKey(at.owner, { spec: { permissions: ["*:read"] } });
    const gracePeriod = { seconds: 3_600n, nanos: 0 };
    await at.acting.apiKeys.rotateApiKey({ id: key.id, gracePeriod });
    await at.owner.apiKeys.rotateApiKey({ id: untouched.id, gracePeriod });
    await change(at);
    expect(await verdictOf(app, key.token)).toBe(holds ? "VALID" : "REVOKED");
    expect(await verdictOf(app, untouched.token)).toBe("VALID");
    if (!holds) await expectEnded(at.owner, key.id, at.keyId);
  });

  test(`an invite that it made ${holds ? "goes on" : "ends"}`, async () => {
    const at = await scene();
    const { invite } = await at.acting.invites.createInvite({ email: newEmail(), role: "viewer" });
    expect(invite?.info?.createdBy).toMatchObject({ via: "platform", keyId: at.keyId });
    await change(at);
    const acceptance = { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
    const accepted = outcome(app.clientAs("").invites.acceptInvite({ ...acceptance, name: "New", password }));
    if (holds) expect(await accepted).toBe("ok");
    else expect(["ALREADY_USED", "PERMISSION_DENIED"]).toContain(await accepted);
  });
});

/** Expects the event of an ended grace period in the account of the key. */
async function expectEnded(owner: Owner, resourceId: string, keyId: string): Promise<void> {
  const { items } = await owner.audit.listAuditEvents({ resourceId });
  expect(items[0]).toMatchObject({ via: "platform", keyId, after: { token: null } });
}

test("RevokeApiKeys finds the keys that a platform key minted in an account, and their successors", async () => {
  const { owner, acting, keyId } = await scene();
  const permissions = ["api_keys:write"];
  const made = await issueKey(acting, { spec: { permissions } });
  const successor = await issueKey(app.clientAs(made.token), { spec: { permissions: [] } });
  const other = await issueKey(owner);
  expect(await owner.apiKeys.revokeApiKeys({ filter: { mintedByKeyId: keyId } })).toMatchObject({
    revokedCount: 2,
    remainingCount: 0,
  });
  const verdicts = [made, successor, other].map(({ token }) => verdictOf(app, token));
  expect(await Promise.all(verdicts)).toEqual(["REVOKED", "REVOKED", "VALID"]);
});

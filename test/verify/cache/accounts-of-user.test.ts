import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VerdictSchema } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { joinSignedIn, logIn, newRole } from "../../support/actors/actors.ts";
import { type Clients, type Owner, startBeside, type TestApp, useApp } from "../../support/app.ts";
import { inTurns, servedFromCache } from "../../support/coherence/instances.ts";
import { expectSameAccess } from "../../support/coherence/same-access.ts";
import { runs } from "../../support/random.ts";

const app = useApp();
let other: TestApp;
let end: (() => Promise<void>) | undefined;
let hosts: Host[] = [];
afterAll(() => end?.());

/** An account that the user may belong to, with the state that the model expects. */
interface Host {
  id: string;
  owner: Owner;
  profileId: string;
  /** The user's role. Undefined: the user is not a member. */
  role: string | undefined;
  varying: string[];
  suspended: boolean;
}

const permissionsOf: Record<string, string[]> = {
  viewer: ["*:read"],
  developer: ["*:write", "api_keys:write"],
};
const actions = ["joinOrLeave", "setRole", "editRole", "suspend"] as const;
const roles = ["viewer", "developer", "varying"] as const;
const step = fc.record({
  action: fc.constantFrom(...actions),
  host: fc.nat(3),
  role: fc.constantFrom(...roles),
  order: fc.nat(1000),
});

beforeAll(async () => {
  const beside = await startBeside(app);
  other = beside.app;
  end = beside.end;
  hosts = await Promise.all(
    [1, 2, 3, 4].map(async (n) => {
      const owner = await app.newAccount(`Host ${n}`);
      await newRole(owner, "varying", "agents:read");
      const id = owner.account.metadata?.id ?? "";
      return { id, owner, profileId: "", role: undefined, varying: ["agents:read"], suspended: false };
    }),
  );
});

/** Makes a change in the service and in the model, if it is possible now. */
async function change(
  host: Host,
  user: Owner,
  { action, role }: { action: string; role: string },
): Promise<void> {
  const { owner, profileId } = host;
  if (action === "suspend") {
    const { accounts } = app.clientAs(app.platformToken);
    await (host.suspended ? accounts.resumeAccount : accounts.suspendAccount)({ accountId: host.id });
    host.suspended = !host.suspended;
  } else if (host.suspended) return;
  else if (action === "editRole") {
    host.varying = host.varying.length === 1 ? ["agents:read", "runs:start"] : ["agents:read"];
    const { items } = await owner.roles.listRoles({ query: "varying" });
    await owner.roles.updateRole({ id: items[0]?.metadata?.id, spec: { permissions: host.varying } });
  } else if (host.role === undefined) {
    host.profileId = await joinSignedIn(owner, user, user.email, role);
    host.role = role;
  } else if (action === "setRole") {
    await owner.profiles.setProfileRole({ id: profileId, role });
    host.role = role;
  } else {
    await owner.profiles.removeProfile({ id: profileId });
    host.role = undefined;
  }
}

function expected(host: Host) {
  if (host.role === undefined) return { verdict: "ACCOUNT_MISMATCH", permissions: undefined };
  const permissions = permissionsOf[host.role] ?? host.varying;
  return host.suspended
    ? { verdict: "ACCOUNT_SUSPENDED", permissions: undefined }
    : { verdict: "VALID", permissions };
}

async function verify(verifier: Clients, token: string, accountId: string) {
  const { verdict, principal, metadata } = await verifier.tokens.verifyToken({ token, accountId });
  const name = VerdictSchema.values.find(({ number }) => number === verdict)?.name.replace("VERDICT_", "");
  return { verdict: name, permissions: principal?.permissions, ids: metadata.account_ids?.split(",") };
}

test("every instance verifies each session of a user of many accounts as the last change in each account made it", async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 10 }), async (steps) => {
    const user = await app.newAccount("Home");
    const home = user.account.metadata?.id ?? "";
    const sessions = [user.token, (await logIn(app, user.email)).token];
    const verifier = inTurns([app, other], app.platformToken);
    for (const host of hosts) {
      Object.assign(host, { role: undefined, profileId: "" });
      await change(host, user, { action: "joinOrLeave", role: "varying" });
    }
    for (const { host: index, order, ...rest } of steps) {
      const changed = hosts[index];
      if (changed) await change(changed, user, rest);
      // The order differs each time, so that each access is sometimes the first one to be loaded.
      for (const [n, token] of [...sessions, ...sessions].entries()) {
        for (let turn = 0; turn < hosts.length; turn++) {
          const host = hosts[(order + n + turn) % hosts.length];
          if (!host) continue;
          const { verdict, permissions } = await verify(verifier, token, host.id);
          expect({ verdict, permissions }).toEqual(expected(host));
        }
        expect(await verify(verifier, token, home)).toMatchObject({ verdict: "VALID", permissions: ["*"] });
        const ids = [home, ...hosts.filter(({ role }) => role !== undefined).map(({ id }) => id)].toSorted();
        const unnamed = await verify(verifier, token, "");
        expect(unnamed).toMatchObject(
          ids.length === 1 ? { verdict: "VALID" } : { verdict: "ACCOUNT_REQUIRED", ids },
        );
      }
    }
  });
  await fc.assert(property, { numRuns: runs(1, 40), endOnFailure: true });
  for (const one of [app, other]) expect(await servedFromCache(one)).toBeGreaterThan(0);
  expect(await expectSameAccess(app.db)).toBeGreaterThan(10);
});

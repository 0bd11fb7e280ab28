import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { beforeAll, expect, test } from "vitest";
import { call } from "../support/actors/call.ts";
import { type Owner, useApp } from "../support/app.ts";
import { callerFor } from "../support/schema/callers.ts";
import { methods, nameOf, validRequest } from "../support/schema/requests.ts";

const app = useApp();

const repeatable = methods.filter((method) => method.idempotency === Idempotency.IDEMPOTENT);
const named = (some: DescMethod[]) => some.map((method) => [nameOf(method), method] as const);

// The owner of the account that most calls share.
let shared: Owner;
beforeAll(async () => {
  shared = await app.newAccount();
});

async function prepare(method: DescMethod) {
  // These calls change the user, the sessions or the account itself, so each of them has its own account.
  const needsOwn = /^(SessionService|AccountService)/.test(nameOf(method));
  const owner = needsOwn ? await app.newAccount() : shared;
  const request = await validRequest(app, owner, method);
  const caller = callerFor(app, owner, method);
  return { owner, send: () => call(caller, method, request) };
}

async function events() {
  await app.app.flush();
  return app.db.selectFrom("audit_event").selectAll().orderBy("id").execute();
}

test.each(named(repeatable))(
  "%s a second time changes nothing and writes no event",
  async (_name, method) => {
    const { send } = await prepare(method);
    await send();
    const before = await events();
    // A deleted resource is then not found.
    await send().catch(() => undefined);
    const help = "return no `events` if nothing changes, or remove IDEMPOTENT from the RPC in the schema";
    expect(await events(), help).toEqual(before);
  },
);

test("the platform's changes in an account are recorded there, with the platform key", async () => {
  const owner = await app.newAccount();
  const accountId = owner.account.metadata?.id ?? "";
  const platform = app.clientAs(app.platformToken);
  const { principal } = await platform.profiles.whoAmI({});
  await platform.accounts.setEntitlements({ accountId, entitlements: ["realtime"] });
  await platform.accounts.suspendAccount({ accountId });
  await platform.accounts.resumeAccount({ accountId });
  const { items } = await owner.audit.listAuditEvents({ keyId: principal?.keyId ?? "", sortOrder: "asc" });
  expect(items.map(({ method }) => method.split("/")[1])).toEqual([
    "SetEntitlements",
    "SuspendAccount",
    "ResumeAccount",
  ]);
  for (const event of items) {
    expect(event).toMatchObject({ via: "platform", resourceId: accountId });
    const { profile } = await owner.profiles.getProfile({ id: event.profileId });
    expect(profile?.metadata?.accountId).toBe(accountId);
  }
});

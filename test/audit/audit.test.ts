import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { call } from "../support/actors/call.ts";
import { useApp } from "../support/app.ts";
import { callerFor } from "../support/schema/callers.ts";
import { isRead, methods, nameOf, validRequest } from "../support/schema/requests.ts";

const app = useApp();

const reads = methods.filter(isRead);
const repeatable = methods.filter((method) => method.idempotency === Idempotency.IDEMPOTENT);
const named = (some: DescMethod[]) => some.map((method) => [nameOf(method), method] as const);

async function prepare(method: DescMethod) {
  const owner = await app.newAccount();
  const request = await validRequest(app, owner, method);
  const caller = callerFor(app, owner, method);
  return { owner, send: () => call(caller, method, request) };
}

async function events() {
  await app.app.flush();
  return app.db.selectFrom("audit_event").selectAll().orderBy("id").execute();
}

test.each(named(reads))("%s writes no event", async (_name, method) => {
  const { send } = await prepare(method);
  const before = await events();
  await send();
  expect(await events(), "a read writes no event").toEqual(before);
});

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

import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { orOwn, ruleOf } from "../../src/rpc/middleware/access.ts";
import { call } from "../support/actors/call.ts";
import { issueKey } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { methods } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const forbidden = methods.filter((method) => ruleOf(method).case === "permission" && !orOwn(method));

test("a principal that calls every method writes at most eleven refusal events per minute, which count all refusals", async () => {
  const owner = await app.newAccount();
  const [key, other] = [await issueKey(owner), await issueKey(owner)];
  const bearer = app.clientAs(key.token);
  expect(forbidden.length).toBeGreaterThan(30);
  for (const round of [1, 2]) {
    for (const method of forbidden) await refusal(call(bearer, method, create(method.input)));
    // Events that were already written in this minute still count.
    if (round === 1) await app.app.flush();
  }
  await refusal(app.clientAs(other.token).apiKeys.listApiKeys({}));
  await app.app.flush();

  const rows = await app.db
    .selectFrom("audit_event")
    .selectAll()
    .where("key_id", "=", key.id)
    .where("outcome", "=", "refused")
    .orderBy("id")
    .execute();
  const minutes = Map.groupBy(rows, (row) => row.minute?.getTime());
  for (const ofMinute of minutes.values()) {
    expect(ofMinute.length).toBeLessThanOrEqual(11);
    expect(new Set(ofMinute.map((row) => row.method)).size).toBe(ofMinute.length);
  }
  expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(2 * forbidden.length);
  const { items } = await owner.audit.listAuditEvents({ keyId: key.id });
  expect(items.map(({ method }) => method)).toContain("*");
  const others = await owner.audit.listAuditEvents({ keyId: other.id });
  expect(others.items.map(({ method }) => method)).toEqual(["latchkey.v1.ApiKeyService/ListApiKeys"]);
});

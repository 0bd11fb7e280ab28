import { sql } from "kysely";
import { expect, test } from "vitest";
import { purgeOneAccount } from "../../src/domain/account/delete.ts";
import { accountIdOf, naming, newActing } from "../support/actors/acting.ts";
import { systemKeyOf } from "../support/actors/api-key.ts";
import { type Clients, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();

const create = ({ workspaceAdmin }: Clients) =>
  workspaceAdmin.createWorkspace({ metadata: { name: "w" }, requestId: "same" });

test("an idempotency key belongs to the platform key and the account that it acts for", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const accountId = accountIdOf(owner);
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id: await systemKeyOf(app, accountId) });
  const acting = await newActing(app, accountId, "workspaces:write");
  const { workspace } = await create(acting);
  await create(app.clientAs(apiKey?.spec?.token ?? ""));
  await create(naming(app, acting.token, accountIdOf(other)));
  await create(await newActing(app, accountId, "workspaces:write"));
  expect(await refusal(create(acting))).toMatchObject({
    reason: "ALREADY_EXISTS",
    metadata: { id: workspace?.metadata?.id },
  });
});

test("the idempotency keys of a platform key go with the account that it acted for", async () => {
  const [tenant, other] = [accountIdOf(await app.newAccount()), accountIdOf(await app.newAccount())];
  const acting = await newActing(app, tenant, "workspaces:write");
  await create(acting);
  await create(naming(app, acting.token, other));
  await sql`update account set deleted_at = now(), delete_at = now() where id = ${tenant}`.execute(app.db);
  expect(await purgeOneAccount(app.pool)).toBe(tenant);
  const { rows } = await sql`
    select caller_id from request where caller_id like ${`% ${acting.keyId}`}`.execute(app.db);
  expect(rows).toEqual([{ caller_id: `${other} ${acting.keyId}` }]);
});

import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { migrations } from "../../src/db/migrations/index.ts";
import { bootstrap } from "../../src/domain/account/bootstrap.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { createTestDatabase } from "../support/database/database.ts";
import { unserved } from "../support/database/store.ts";

const service = "latchkey.v1.AccountService";

/** Invites as an earlier server left them: the method that made each, and its state. */
const invites: Record<string, { method: string; by?: "person"; ended?: "accepted_at" | "revoked_at" }> = {
  first_owner: { method: `${service}/InviteFirstOwner` },
  open: { method: `${service}/OpenAccount` },
  create: { method: "latchkey.v1.InviteService/CreateInvite" },
  person: { method: `${service}/InviteFirstOwner`, by: "person" },
  accepted: { method: `${service}/InviteFirstOwner`, ended: "accepted_at" },
  revoked: { method: `${service}/InviteFirstOwner`, ended: "revoked_at" },
};

test("migration 0022 marks the pending invites that a platform key made by InviteFirstOwner, and no others", async () => {
  const { db, drop } = await createTestDatabase("empty");
  onTestFinished(drop);
  const place = migrations.findIndex(({ name }) => name === "0022_maker_permission");
  await migrate(db, migrations.slice(0, place));
  const mint = mintToken.bind(undefined, "lk");
  await bootstrap(unserved(db), mint, { verifier: false, onMinted() {} });
  for (const [id, { method, by, ended }] of Object.entries(invites)) {
    const key = by === "person" ? sql`null` : sql`k.id`;
    const accepted = ended === "accepted_at" ? sql`now(), k.created_by` : sql`null, null`;
    const revoked = ended === "revoked_at" ? sql`now()` : sql`null`;
    await sql`
      with made as (
        insert into invite
          (id, account_id, email, role_id, hash, mailed, created_by, made_by_key, expires_at, accepted_at, accepted_by, revoked_at)
        select ${id}, k.account_id, ${`${id}@example.com`}, r.id, sha256(${id}::bytea), false, k.created_by, ${key},
          now() + interval '1 day', ${accepted}, ${revoked}
        from api_key k join role r on r.account_id = k.account_id and r.builtin = 'owner'
        returning account_id, created_by
      )
      insert into audit_event (id, account_id, profile_id, key_id, method, outcome, request_id, client_address, resource_type, resource_id)
      select ${`evt_${id}`}, account_id, created_by, '', ${method}, 'done', 'test', 'test', 'invite', ${id} from made`.execute(
      db,
    );
  }
  await migrate(db, migrations.slice(0, place + 1));
  const found = await sql<{ id: string; maker_permission: string | null }>`
    select id, maker_permission from invite`.execute(db);
  expect(Object.fromEntries(found.rows.map((row) => [row.id, row.maker_permission]))).toEqual({
    first_owner: "accounts:manage",
    open: null,
    create: null,
    person: null,
    accepted: null,
    revoked: null,
  });
});

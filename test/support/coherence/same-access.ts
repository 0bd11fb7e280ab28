import { sql } from "kysely";
import { expect } from "vitest";
import type { Db } from "../../../src/db/connect.ts";
import { inTurns } from "../../../src/domain/kernel/slices.ts";
import { load } from "../../../src/verify/cache/load.ts";
import { type CredentialRow, toCredentials } from "../../../src/verify/evaluate/credential.ts";

/**
 * Loads each credential of a database, account by account, and compares the results with the view `credential`, which has
 * all accounts in one row. Returns how many account accesses it compared.
 */
export async function expectSameAccess(db: Db): Promise<number> {
  const { rows } = await sql<CredentialRow>`
    select c.*, case when c.kind in ('session', 'outside') then c.openings end as accounts, o.name, o.external_id, o.labels
    from credential c left join own_credential o on o.id = c.id order by c.id`.execute(db);
  let compared = 0;
  for (const whole of await inTurns(toCredentials(rows))) {
    // A background job may write the last use between the two loads.
    const { accounts, openings, last_used_at: _, ...head } = whole;
    const ids = openings.map((access) => access.account_id);
    const lookupKey = { id: whole.id, workspaceId: "" };
    const lookupKeys = ["", "acct_of_others", ...ids].map((accountId) => ({ ...lookupKey, accountId }));
    const loaded = await load(db, lookupKeys, { limitMs: 5_000, primary: "" });
    for (const [index, { credential }] of loaded.entries()) {
      const { accounts: known, openings: access, last_used_at: _later, ...rest } = credential ?? whole;
      expect(rest).toEqual(head);
      expect(known.map((account) => account.account_id)).toEqual(ids);
      const named = lookupKeys[index]?.accountId ?? "";
      const only = whole.user_id === null || (named === "" && ids.length === 1);
      expect(access).toEqual(openings.filter((one) => only || one.account_id === named));
      for (const account of known) {
        const { platform, standing } = openings.find((one) => one.account_id === account.account_id) ?? {};
        if (whole.kind === "outside") expect(account).toMatchObject({ platform, standing });
      }
      compared += access.length;
    }
  }
  return compared;
}

import type { Selectable } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { invalidField } from "../kernel/error.ts";
import { nameKey } from "../kernel/text.ts";

/** Finds a role of an account by its id or its name. Refuses the field that named none. */
export async function findRole(
  db: Db,
  accountId: string,
  reference: string,
  field: string,
): Promise<Selectable<Database["role"]>> {
  const role = await db
    .selectFrom("role")
    .selectAll()
    .where("account_id", "=", accountId)
    .where((eb) => eb.or([eb("id", "=", reference), eb("name_key", "=", nameKey(reference))]))
    // Somebody may have named a role like another's id: the id is meant.
    .orderBy((eb) => eb.case().when("id", "=", reference).then(0).else(1).end())
    .limit(1)
    .executeTakeFirst();
  if (!role) throw invalidField(field, "expected the id or the name of a role of this account");
  return role;
}

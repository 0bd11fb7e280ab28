import { type Selectable, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { type DomainError, invalidField } from "../kernel/error.ts";
import { nameKey } from "../kernel/text.ts";

type Role = Selectable<Database["role"]>;

/** Finds a role of an account by its id or its name. Fails with a violation of `field` if there is none. */
export async function findRole(db: Db, accountId: string, reference: string, field: string): Promise<Role> {
  return requireRole(await readReference(db, accountId, reference), field);
}

/** Fails with a violation of `field` if a reference names no role. */
export function requireRole(role: Role | undefined, field: string): Role {
  if (!role) throw unknownRole(field);
  return role;
}

/** Reads the role of an account that has this id or this name. */
export function readReference(db: Db, accountId: string, reference: string): Promise<Role | undefined> {
  return (
    db
      .selectFrom("role")
      .selectAll()
      .where("account_id", "=", accountId)
      .where((eb) => eb.or([eb("id", "=", reference), eb("name_key", "=", nameKey(reference))]))
      // The name of a role may equal the id of another role. Then the id wins.
      .orderBy((eb) => eb.case().when("id", "=", reference).then(0).else(1).end())
      .limit(1)
      .executeTakeFirst()
  );
}

/**
 * Finds roles by their ids or names, with one statement, in the order of the references. Fails with a violation of the
 * first field that names no role.
 */
export async function findRoles(
  db: Db,
  accountId: string,
  references: readonly string[],
  field: (index: number) => string,
): Promise<Selectable<Database["role"]>[]> {
  if (references.length === 0) return [];
  const names = references.map(nameKey);
  const found = await db
    .selectFrom("role")
    .selectAll()
    .where("account_id", "=", accountId)
    .where(sql<boolean>`(id = any (${references}::text[]) or name_key = any (${names}::text[]))`)
    .execute();
  const byId = new Map(found.map((role) => [role.id, role]));
  const byName = new Map(found.map((role) => [role.name_key, role]));
  return references.map((reference, index) => {
    const role = byId.get(reference) ?? byName.get(names[index] ?? "");
    if (!role) throw unknownRole(field(index));
    return role;
  });
}

function unknownRole(field: string): DomainError {
  return invalidField(field, "expected the id or the name of a role of this account");
}

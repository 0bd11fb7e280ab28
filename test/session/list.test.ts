import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import { logIn } from "../support/actors/actors.ts";
import { doneTo } from "../support/actors/api-key.ts";
import type { Clients, Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const idOf = ({ token }: Clients) => `ses_${token.split("_")[2]?.slice(0, 26)}`;
const listed = async (caller: Clients) =>
  (await caller.sessions.listSessions({})).items.map((session) => session.id);
const revoked = { code: "Unauthenticated", reason: "REVOKED_SESSION" };
const whoAmI = (caller: Clients) => caller.profiles.whoAmI({});

async function withThree(): Promise<[Owner, Clients, Clients]> {
  const owner = await app.newAccount();
  return [owner, await logIn(app, owner.email), await logIn(app, owner.email)];
}

describe("ListSessions", () => {
  test("returns the live sessions of the user, newest first, and marks the current one", async () => {
    const [owner, second, third] = await withThree();
    const { items } = await second.sessions.listSessions({});
    expect(items.map((session) => session.id)).toEqual([third, second, owner].map(idOf));
    expect(items.map((session) => session.current)).toEqual([false, true, false]);
    for (const { createdAt, expiresAt } of items) {
      expect(Number((expiresAt?.seconds ?? 0n) - (createdAt?.seconds ?? 0n))).toBe(30 * 86_400);
    }
  });

  test("returns no session of another user, and no token", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    expect(await listed(owner)).toEqual([idOf(owner)]);
    expect(await listed(other)).toEqual([idOf(other)]);
    const text = JSON.stringify(await owner.sessions.listSessions({}), (_key, value) =>
      typeof value === "bigint" ? String(value) : value,
    );
    expect(text).not.toContain(owner.token.slice(-20));
  });

  test("omits sessions that ended: logged out, expired or unused for too long", async () => {
    const [owner, out, expired] = await withThree();
    const idle = await logIn(app, owner.email);
    await out.sessions.logOut({});
    await sql`update session set expires_at = clock_timestamp() where id = ${idOf(expired)}`.execute(app.db);
    await sql`
      update session set created_at = clock_timestamp() - interval '7 days' where id = ${idOf(idle)}`.execute(
      app.db,
    );
    expect(await listed(owner)).toEqual([idOf(owner)]);
  });

  test("has pages", async () => {
    const [owner, second, third] = await withThree();
    const first = await owner.sessions.listSessions({ limit: 2, sortOrder: "asc" });
    const rest = await owner.sessions.listSessions({
      limit: 2,
      sortOrder: "asc",
      cursor: first.pagination?.nextCursor ?? "",
    });
    expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual([owner, second, third].map(idOf));
    expect(rest.pagination?.nextCursor).toBe("");
  });
});

describe("RevokeSession", () => {
  test("ends one session at once and no other", async () => {
    const [owner, second, third] = await withThree();
    await owner.sessions.revokeSession({ id: idOf(second) });
    expect(await refusal(whoAmI(second))).toMatchObject(revoked);
    await whoAmI(third);
    expect(await listed(owner)).toEqual([idOf(third), idOf(owner)]);
    expect(await doneTo(app, idOf(second))).toEqual(["LogIn", "RevokeSession"]);
  });

  test("of an ended session changes nothing", async () => {
    const [owner, second] = await withThree();
    await owner.sessions.revokeSession({ id: idOf(second) });
    await owner.sessions.revokeSession({ id: idOf(second) });
    expect(await doneTo(app, idOf(second))).toEqual(["LogIn", "RevokeSession"]);
  });

  test("ends all other sessions and keeps the current one", async () => {
    const [owner, second, third] = await withThree();
    await second.sessions.revokeSession({ allOthers: true });
    for (const ended of [owner, third]) expect(await refusal(whoAmI(ended))).toMatchObject(revoked);
    expect(await listed(second)).toEqual([idOf(second)]);
  });

  test("treats another user's session exactly like a missing one, and does not end it", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const refusals = [];
    for (const id of [idOf(other), newId("ses")]) {
      const { headers, ...told } = await refusal(owner.sessions.revokeSession({ id }));
      refusals.push(told);
    }
    expect(refusals[0]).toMatchObject({ code: "NotFound", metadata: {} });
    expect(refusals[0]).toEqual(refusals[1]);
    await owner.sessions.revokeSession({ allOthers: true });
    await whoAmI(other);
  });

  test("needs either an id or all_others", async () => {
    const owner = await app.newAccount();
    for (const request of [{}, { id: idOf(owner), allOthers: true }]) {
      const refused = await refusal(owner.sessions.revokeSession(request));
      expect(refused).toMatchObject({ code: "InvalidArgument", violations: [{ field: "id" }] });
    }
    await whoAmI(owner);
  });
});

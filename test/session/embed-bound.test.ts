import { sql } from "kysely";
import { expect, test } from "vitest";
import { deleteOldEmbedSessions } from "../../src/domain/session/embed-retention.ts";
import { accountIdOf, naming, useTenant } from "../support/actors/acting.ts";
import { type Embedded, embed, newEmbedded } from "../support/actors/embed.ts";
import { useApp } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";

const app = useApp();
const tenant = useTenant(app);
const platform = () => app.clientAs(app.platformToken);

test("a key has a bounded number of live sessions in one account", async () => {
  const session = await newEmbedded(app, tenant.owner);
  const row = await app.db
    .selectFrom("embed_session")
    .selectAll()
    .where("id", "=", session.id)
    .executeTakeFirstOrThrow();
  const others = Array.from({ length: 999 }, (_, n) => ({ ...row, id: `emb_${n}` }));
  await app.db.insertInto("embed_session").values(others).execute();
  expect(await refusal(session.acting.sessions.createEmbedSession({}))).toMatchObject({
    reason: "BOUND_EXCEEDED",
    metadata: { bound: "embed_sessions", limit: "1000" },
  });
  const elsewhere = naming(app, session.acting.token, accountIdOf(await app.newAccount()));
  await elsewhere.sessions.createEmbedSession({});
  await app.clientAs("").tokens.revokeToken({ token: session.token });
  await session.acting.sessions.createEmbedSession({});
});

test("a new session takes the place of an ended one, so that the rows of a key in an account have a bound", async () => {
  const { acting, ...session } = await newEmbedded(app, tenant.owner);
  const rowsOf = () =>
    app.db
      .selectFrom("embed_session")
      .select("id")
      .where("key_id", "=", acting.keyId)
      .orderBy("id")
      .execute();
  const row = await app.db
    .selectFrom("embed_session")
    .selectAll()
    .where("id", "=", session.id)
    .executeTakeFirstOrThrow();
  const before = (seconds: number) => new Date(Date.now() - seconds * 1000);
  const ended = Array.from({ length: 999 }, (_, n) => ({
    ...row,
    id: `emb_ended_${n}`,
    ...(n % 2 === 0 ? { ended_at: before(1) } : { expires_at: before(n) }),
  }));
  await app.db.insertInto("embed_session").values(ended).execute();
  const made = [await embed(app, acting), await embed(app, acting)];
  const ids = (await rowsOf()).map(({ id }) => id);
  expect(ids).toHaveLength(1_000);
  expect(ids).toEqual(expect.arrayContaining([session.id, ...made.map(({ id }) => id)]));
  // The rows of the sessions that expired first are removed first.
  expect(ids).not.toContain("emb_ended_997");
  for (const one of [session, ...made]) expect(await outcome(one.profiles.whoAmI({}))).toBe("ok");
});

test("sessions that ended more than an hour ago are deleted, however they ended, and no others", async () => {
  const sessions = await Promise.all(Array.from({ length: 5 }, () => newEmbedded(app, tenant.owner)));
  const [expired, revoked, disabled, recent, live] = sessions as [
    Embedded,
    Embedded,
    Embedded,
    Embedded,
    Embedded,
  ];
  for (const { token } of [revoked, recent]) await app.clientAs("").tokens.revokeToken({ token });
  await platform().apiKeys.disableApiKey({ id: disabled.acting.keyId });
  const old = [expired, revoked, disabled].map(({ id }) => id);
  await sql`
    update embed_session set
      created_at = clock_timestamp() - interval '76 minutes',
      expires_at = clock_timestamp() - interval '61 minutes'
    where id = any (${old})`.execute(app.db);
  expect(await deleteOldEmbedSessions(app.db)).toBe(3);
  const rows = await app.db.selectFrom("embed_session").select("id").execute();
  const ids = rows.map(({ id }) => id);
  for (const { id } of [recent, live]) expect(ids).toContain(id);
  for (const id of old) expect(ids).not.toContain(id);
});

import { expect, test } from "vitest";
import { AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { inviteOf, logIn } from "../support/actors/actors.ts";
import { password, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { serve } from "../support/net/http.ts";

const app = useApp({ LATCHKEY_TRUSTED_PROXIES: "127.0.0.1" });
const method = "latchkey.v1.SessionService/LogIn";

/** Creates a client with its own address that guesses passwords over HTTP. */
async function guesser() {
  const http = await serve(app);
  return async (email: string, address: string, secret = "a wrong password") =>
    http.post(SessionService.method.logIn, {
      body: { email, password: secret },
      headers: { "x-forwarded-for": address, "x-request-id": "the-same" },
    });
}

async function failed(owner: Awaited<ReturnType<typeof app.newAccount>>) {
  const { items } = await owner.audit.listAuditEvents({});
  return items.filter((event) => event.outcome === AuditOutcome.REFUSED && event.method === method);
}

test("failed log-ins are one event per address and minute, with a count", async () => {
  const owner = await app.newAccount();
  const guess = await guesser();
  for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"]) {
    expect((await guess(owner.email, address)).status).toBe(401);
    // Events that were already written get a higher count.
    if (address === "192.0.2.2") await app.app.flush();
  }
  const events = await failed(owner);
  const counts = new Map<string, number>();
  for (const event of events) {
    counts.set(event.clientAddress, (counts.get(event.clientAddress) ?? 0) + event.count);
    const { principal } = await owner.profiles.whoAmI({});
    expect(event).toMatchObject({
      profileId: owner.profile.metadata?.id,
      keyId: "",
      reason: "INVALID_CREDENTIALS",
      resourceType: "user",
      resourceId: principal?.userId,
      requestId: "the-same",
    });
  }
  expect(Object.fromEntries(counts)).toEqual({ "192.0.2.1": 3, "192.0.2.2": 1 });
  // There are two events, or more if a new minute began in between.
  expect(events.length).toBeLessThanOrEqual(4);
});

test("all accounts of the user see the events, and no other account", async () => {
  const [owner, host, stranger] = [await app.newAccount(), await app.newAccount(), await app.newAccount()];
  await owner.invites.acceptInvite(await inviteOf(host, { email: owner.email, role: "viewer" }));
  const { email } = owner;
  await refusal(logIn(app, email, "a wrong password"));
  const inFirst = app.clientAs(owner.token, { "latchkey-account": owner.account.metadata?.id ?? "" });
  expect(await failed({ ...owner, audit: inFirst.audit })).toHaveLength(1);
  expect(await failed(host)).toMatchObject([{ accountId: host.account.metadata?.id, count: 1 }]);
  expect(await failed(stranger)).toEqual([]);
});

test("an unknown address writes no event and gets the same response as a known one", async () => {
  const owner = await app.newAccount();
  const guess = await guesser();
  const rows = async () => {
    await app.app.flush();
    const { count } = app.db.fn;
    return app.db.selectFrom("audit_event").select(count<string>("id").as("count")).executeTakeFirstOrThrow();
  };
  const before = await rows();
  const unknown = await guess("nobody@example.com", "192.0.2.3");
  expect(await rows()).toEqual(before);
  const known = await guess(owner.email, "192.0.2.3");
  const seen = ({ status, headers, text }: typeof known) => {
    const { date, ...others } = Object.fromEntries(headers);
    return { status, others, text };
  };
  expect(seen(known)).toEqual(seen(unknown));
  expect(unknown.status).toBe(401);
});

test("a log-in that succeeds, or that a limit refuses, does not count as failed", async () => {
  const owner = await app.newAccount();
  await logIn(app, owner.email, password);
  for (let i = 0; i < 12; i++) await refusal(logIn(app, owner.email, "a wrong password"));
  const events = await failed(owner);
  expect(events.reduce((sum, event) => sum + event.count, 0)).toBe(10);
});

test("a failed log-in writes nothing before its response", async () => {
  const owner = await app.newAccount();
  const statements = await app.statementsOf(() => refusal(logIn(app, owner.email, "a wrong password")));
  expect(statements.filter((statement) => /^\s*insert/.test(statement))).toEqual([]);
  expect(await failed(owner)).toHaveLength(1);
});

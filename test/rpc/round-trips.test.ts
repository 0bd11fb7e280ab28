import type { DescMethod } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rotate } from "../support/actors/api-key.ts";
import { call } from "../support/actors/call.ts";
import { issueKey, type Owner, useApp } from "../support/app.ts";
import { watchTrips } from "../support/database/trips.ts";
import { callerFor } from "../support/schema/callers.ts";
import { isRead, methods, nameOf, validRequest } from "../support/schema/requests.ts";
import { furtherTrips } from "../support/schema/trips.ts";

const app = useApp();
let watch: ReturnType<typeof watchTrips>;
beforeAll(() => {
  watch = watchTrips();
});
afterAll(() => watch.restore());

// The account of all reads, because they change nothing in it. Each change gets an account of its own.
let ofReads: Owner | undefined;
async function accountFor(method: DescMethod): Promise<Owner> {
  if (!isRead(method)) return app.newAccount();
  ofReads ??= await app.newAccount();
  return ofReads;
}

const mostOfRead = 1;
// One locks, checks and reads; one writes; one commits.
const mostOfChange = 3;

test.each(methods.map((method) => [nameOf(method), method] as const))(
  "%s takes no more round trips to Postgres than a read or a change may",
  async (name, method) => {
    const owner = await accountFor(method);
    const request = await validRequest(app, owner, method);
    const caller = callerFor(app, owner, method);
    // The auth interceptor finds the caller in the cache.
    await caller.profiles.whoAmI({});
    const trips = await watch.tripsOf(() => call(caller, method, request));
    await app.app.flush();
    const most = isRead(method) ? mostOfRead : mostOfChange;
    const further = furtherTrips[name];
    const help = `Send queries together: with \`read\` and \`write\` of the mutation, and with \`together\`.
If the RPC needs more trips, name it with its reason in test/support/schema/trips.ts. Its trips: ${JSON.stringify(trips, null, 2)}`;
    expect(trips.length, help).toBeLessThanOrEqual(most + (further?.trips ?? 0));
    if (further)
      expect(
        trips.length,
        `remove ${name} from test/support/schema/trips.ts: it needs no entry any more`,
      ).toBeGreaterThan(most);
  },
);

test("the reviewed list of further round trips names methods of the schema", () => {
  const help = "remove the other names from test/support/schema/trips.ts";
  expect(methods.map(nameOf), help).toEqual(expect.arrayContaining(Object.keys(furtherTrips)));
});

test("a change takes one more round trip while a grace period is pending whose maker still holds what it gave", async () => {
  const owner = await app.newAccount();
  const rotated = await issueKey(owner);
  await rotate(owner, rotated.id, 3_600);
  const { id } = await issueKey(owner);
  await owner.profiles.whoAmI({});
  const trips = await watch.tripsOf(() => owner.apiKeys.revokeApiKey({ id }));
  expect(trips).toHaveLength(mostOfChange + 1);
});

import { expect, test } from "vitest";
import { UsageGroup } from "../../gen/latchkey/v1/usage_pb.ts";
import { issueKey } from "../support/app.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("series by key come with the names of the keys, if the caller may read keys", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "deploy" } });
  await app.clientAs(app.platformToken).tokens.verifyToken({ token: key.token });
  await app.app.flush();
  expect((await owner.usage.getUsage({ groupBy: [UsageGroup.KEY] })).keyNames).toEqual({
    [key.id]: "deploy",
  });
  expect((await owner.usage.getUsage({})).keyNames).toEqual({});
  const narrow = await issueKey(owner, { spec: { permissions: ["usage:read"] } });
  const { series, keyNames } = await app.clientAs(narrow.token).usage.getUsage({ groupBy: [UsageGroup.KEY] });
  expect(series.map(({ keyId }) => keyId)).toEqual([key.id]);
  expect(keyNames).toEqual({});
});

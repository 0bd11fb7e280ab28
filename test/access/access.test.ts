import type { DescService } from "@bufbuild/protobuf";
import { createClient, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { Access } from "../../gen/latchkey/v1/access_pb.ts";
import { issueKey } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { madeUp } from "../support/schema/made-up.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

function callAs(token: string, service: DescService): { call: Promise<unknown>; ran: () => boolean } {
  let ran = false;
  const run = () => {
    ran = true;
    return {};
  };
  const transport = createRouterTransport(
    (router) => void router.service(service, { do: run } as unknown as ServiceImpl<DescService>),
    {
      router: app.app.routerOptions,
    },
  );
  const client = createClient(service, transport) as unknown as Record<
    string,
    (request: object, options: object) => Promise<unknown>
  >;
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  return { call: Promise.resolve(client.do?.({}, { headers })), ran: () => ran };
}

async function bearers(): Promise<string[]> {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["*"] } });
  return ["", "garbage", owner.token, key.token, app.platformToken];
}

test.each<[name: string, rule: Access["rule"] | undefined]>([
  ["without a rule", undefined],
  ["with an empty rule", { case: undefined }],
  ["that is not public", { case: "public", value: false }],
  ["with an empty permission", { case: "permission", value: "" }],
  ["with an empty platform permission", { case: "platformPermission", value: "" }],
])("a method %s is closed to every bearer", async (_name, rule) => {
  const service = madeUp(rule);
  for (const token of await bearers()) {
    const { call, ran } = callAs(token, service);
    expect(await refusal(call)).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_DENIED" });
    expect(ran()).toBe(false);
  }
});

test.each(["agents", "agents:read:x", "read", "Agents:read"])(
  "a method whose rule (%s) is not a permission rejects every caller",
  async (permission) => {
    for (const token of await bearers()) {
      const { call, ran } = callAs(token, madeUp({ case: "permission", value: permission }));
      await refusal(call);
      expect(ran()).toBe(false);
    }
  },
);

test("a platform permission needs a key of the platform account, regardless of other permissions", async () => {
  const service = madeUp({ case: "platformPermission", value: "accounts:manage" });
  for (const token of (await bearers()).slice(2, 4)) {
    const { call, ran } = callAs(token, service);
    const denied = { reason: "PERMISSION_DENIED", metadata: { permission: "accounts:manage" } };
    expect(await refusal(call)).toMatchObject(denied);
    expect(ran()).toBe(false);
  }
  const { call, ran } = callAs(app.platformToken, service);
  await call;
  expect(ran()).toBe(true);
});

test("a rule for users admits sessions and rejects keys", async () => {
  const service = madeUp({ case: "user", value: true });
  const [, , session = "", key = "", platform = ""] = await bearers();
  await callAs(session, service).call;
  for (const token of [key, platform]) {
    expect(await refusal(callAs(token, service).call)).toMatchObject({ reason: "LOGIN_REQUIRED" });
  }
});

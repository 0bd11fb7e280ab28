import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AccountService } from "../../gen/latchkey/v1/account_service_pb.ts";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import type { Clients, Owner } from "../support/app.ts";
import { rowsOf } from "../support/database/contents.ts";
import { join, newSubject, useExternal } from "../support/oidc/external.ts";
import { openStallingClient } from "../support/stalled/client.ts";
import { beginCall } from "../support/stalled/run.ts";

const external = useExternal({ role_claim: "role", max_role: "admin" });
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";

/** A person of the external issuer in an account, by membership or by a role that their token claims. */
interface Scene {
  owner: Owner;
  person: Clients;
  profileId: string;
}

type Asked = [method: DescMethod, request: Record<string, unknown>];

const reads: Asked = [AccountService.method.getAccount, {}];
const makes: Asked = [
  ApiKeyService.method.createApiKey,
  { metadata: { name: "mine" }, spec: { permissions: ["agents:read"] } },
];
const asUser: Asked = [AccountService.method.createAccount, { metadata: { name: "Mine" } }];

const losses: Record<
  string,
  [as: "member" | "guest", reason: string, lose: (scene: Scene) => Promise<unknown>]
> = {
  "a member is removed": [
    "member",
    "ACCOUNT_MISMATCH",
    ({ owner, profileId }) => owner.profiles.removeProfile({ id: profileId }),
  ],
  "a member is demoted": [
    "member",
    "PERMISSION_DENIED",
    async ({ owner, profileId }) => {
      await owner.roles.createRole({ metadata: { name: "nothing" } });
      await owner.profiles.setProfileRole({ id: profileId, role: "nothing" });
    },
  ],
  "the account of a member is suspended": [
    "member",
    "ACCOUNT_SUSPENDED",
    ({ owner }) => platform().accounts.suspendAccount({ accountId: idOf(owner) }),
  ],
  "a guest with a claimed role is removed": [
    "guest",
    "ACCOUNT_MISMATCH",
    ({ owner, profileId }) => owner.profiles.removeProfile({ id: profileId }),
  ],
};

const platform = () => external.app.clientAs(external.app.platformToken);

async function newScene(as: "member" | "guest"): Promise<Scene> {
  const owner = await external.app.newAccount();
  const claims = { sub: newSubject(), ...(as === "guest" && { role: "admin" }) };
  const person = await external.as(claims, { "latchkey-account": idOf(owner) });
  if (as === "member") await join(owner, person, "admin");
  const { profile } = await person.profiles.whoAmI({});
  return { owner, person, profileId: profile?.metadata?.id ?? "" };
}

async function stalled(
  { owner, person }: Scene,
  [method, request]: Asked,
  lose: () => Promise<unknown>,
): Promise<string> {
  const client = await openStallingClient(external.app.app);
  const headers = { "latchkey-account": idOf(owner) };
  try {
    const message = create(method.input, request) as Message;
    const bearer = { token: person.token, headers };
    const end = await beginCall(client, "Connect over HTTP/1.1", bearer, method, message);
    await lose();
    return await end();
  } finally {
    await client.close();
  }
}

test.each(Object.entries(losses))(
  "if %s while the body of a call with an external token is incomplete, the call is refused",
  async (_, [as, reason, lose]) => {
    for (const call of [reads, makes]) {
      expect(await stalled(await newScene(as), call, async () => {})).toBe("ok");
      const scene = await newScene(as);
      expect(await stalled(scene, call, () => lose(scene))).toBe(reason);
    }
  },
);

test("a user of an external issuer who was erased while the body was incomplete is not created again", async () => {
  expect(await stalled(await newScene("member"), asUser, async () => {})).toBe("ok");
  const scene = await newScene("member");
  const users = await usersOf();
  const erase = () => external.app.clientAs(scene.person.token).sessions.deleteUser({});
  expect(await stalled(scene, asUser, erase)).toBe("INVALID_SESSION");
  expect(await usersOf()).toBe(users);
});

async function usersOf(): Promise<number> {
  return (await rowsOf(external.app.db)).filter(({ table }) => table === "user").length;
}

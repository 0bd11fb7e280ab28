import { create, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, inject, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { joinSignedIn, newMember } from "../support/actors/actors.ts";
import { storedKey } from "../support/actors/api-key.ts";
import { issueKey, type Owner, useApp } from "../support/app.ts";
import { long } from "../support/long.ts";
import { methods, nameOf } from "../support/schema/requests.ts";
import { openStallingClient } from "../support/stalled/client.ts";
import { losses, namedRpcs } from "../support/stalled/exempt.ts";
import { planCases, protocolNames } from "../support/stalled/plan.ts";
import type { ProtocolName } from "../support/stalled/protocol.ts";
import { beginCall, runStalledBodies } from "../support/stalled/run.ts";

const app = useApp();

test("a bearer that loses its authority while its request body is incomplete cannot read or change anything", async () => {
  const cover = long ? "each" : "some";
  const { failed, results, table } = await runStalledBodies({ app, cover, seed: inject("seed") });
  const help = `use the caller that the callback of the mutation gets. If the call ends its own bearer, add it to \`ends\`
in test/support/stalled/run.ts. If a case cannot apply, add it with its reason to test/support/stalled/exempt.ts.`;
  expect(failed, `${table}\n${help}`).toEqual([]);
  expect(new Set(results.map(({ loss }) => loss)).size).toBe(losses.length);
  expect(new Set(results.map(({ protocol }) => protocol)).size).toBe(protocolNames.length);
  const pairs = new Set(results.map(({ protocol, loss }) => `${protocol} ${loss}`));
  if (long) expect(pairs.size).toBe(protocolNames.length * losses.length);
});

test("every RPC of the schema is stalled in this test, or is on the reviewed list for every loss", () => {
  const { cases, exempt } = planCases({ cover: "all" });
  for (const method of methods) {
    const run = new Set(cases.filter((one) => one.method === method).map(({ loss }) => loss));
    const left = exempt.filter(({ rpc }) => rpc === nameOf(method)).map(({ loss }) => loss);
    const help = `correct the cases of ${nameOf(method)} in test/support/stalled/exempt.ts`;
    expect([...run, ...left].sort(), help).toEqual([...losses].sort());
  }
  const help = "remove the RPCs that no longer exist from `byName` in test/support/stalled/exempt.ts";
  expect(methods.map(nameOf), help).toEqual(expect.arrayContaining(namedRpcs));
});

/** Stalls one call, takes the authority of its bearer away, and returns how the call ends. */
async function stalled<M extends DescMethod>(
  protocol: ProtocolName,
  bearer: { token: string; headers?: Record<string, string> },
  method: M,
  request: MessageInitShape<M["input"]>,
  lose: () => Promise<unknown>,
): Promise<string> {
  const client = await openStallingClient(app.app);
  try {
    const message = create(method.input, request) as Message;
    const end = await beginCall(client, protocol, { headers: {}, ...bearer }, method, message);
    await lose();
    return await end();
  } finally {
    await client.close();
  }
}

async function keysOf(owner: Owner): Promise<string[]> {
  const { items } = await owner.apiKeys.listApiKeys({ showRevoked: true });
  return items.map(({ metadata }) => metadata?.name ?? "");
}

const all = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };

describe("an owner who was removed while the request body was incomplete", () => {
  async function scene() {
    const owner = await app.newAccount();
    const second = await newMember(app, owner, "owner");
    const headers = { "latchkey-account": owner.account.metadata?.id ?? "" };
    const remove = () => owner.profiles.removeProfile({ id: second.profileId });
    return { owner, second: { token: second.token, headers }, remove };
  }

  test("cannot mint a key", async () => {
    const { owner, second, remove } = await scene();
    const { createApiKey } = ApiKeyService.method;
    const request = { metadata: { name: "mine for ever" }, spec: all };
    expect(await stalled("Connect over HTTP/1.1", second, createApiKey, request, remove)).toBe(
      "ACCOUNT_MISMATCH",
    );
    expect(await keysOf(owner)).toEqual(["system key"]);
  });

  test("cannot promote a member", async () => {
    const { owner, second, remove } = await scene();
    const viewer = await newMember(app, owner, "viewer");
    const { setProfileRole } = ProfileService.method;
    const request = { id: viewer.profileId, role: "owner" };
    expect(await stalled("gRPC over HTTP/2", second, setProfileRole, request, remove)).toBe(
      "ACCOUNT_MISMATCH",
    );
    const { profile } = await owner.profiles.getProfile({ id: viewer.profileId });
    expect(profile?.info?.role).toBe("viewer");
  });
});

test("a key that was revoked while its request body was incomplete cannot rotate another key", async () => {
  const owner = await app.newAccount();
  const [key, other] = [await issueKey(owner, { spec: all }), await issueKey(owner)];
  const before = await storedKey(app, other.id);
  const { rotateApiKey } = ApiKeyService.method;
  const revoke = () => owner.apiKeys.revokeApiKey({ id: key.id });
  expect(await stalled("Connect over HTTP/2", key, rotateApiKey, { id: other.id }, revoke)).toBe(
    "REVOKED_API_KEY",
  );
  expect(await storedKey(app, other.id)).toEqual(before);
});

// The fast path has a cached response.
test.each(["Connect over HTTP/1.1", "Connect over HTTP/2", "gRPC over HTTP/2"] as const)(
  "a verifier that was revoked while its request body was incomplete gets no verdict, not even a cached one (%s)",
  async (protocol) => {
    const owner = await app.newAccount();
    const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
    const { token } = await issueKey(owner);
    const { verifyToken } = TokenService.method;
    const revoke = () => owner.apiKeys.revokeApiKey({ id: verifier.id });
    const verify = (lose: () => Promise<unknown>) =>
      stalled(protocol, verifier, verifyToken, { token }, lose);
    for (let time = 0; time < 2; time++) expect(await verify(async () => {})).toBe("ok");
    expect(await verify(revoke)).toBe("REVOKED_API_KEY");
  },
);

test("a user whose only account changed while the request body was incomplete cannot act in the new one", async () => {
  const owner = await app.newAccount();
  const member = await newMember(app, owner, "admin");
  const elsewhere = await app.newAccount("Elsewhere");
  const { createApiKey } = ApiKeyService.method;
  const request = { metadata: { name: "astray" }, spec: all };
  const move = async () => {
    await owner.profiles.removeProfile({ id: member.profileId });
    await joinSignedIn(elsewhere, member, member.email, "admin");
  };
  expect(await stalled("Connect over HTTP/1.1", member, createApiKey, request, move)).toBe(
    "ACCOUNT_MISMATCH",
  );
  expect(await keysOf(elsewhere)).toEqual(["system key"]);
});

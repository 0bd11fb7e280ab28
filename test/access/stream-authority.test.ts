import type { DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import type { Access } from "../../gen/latchkey/v1/access_pb.ts";
import { newMember } from "../support/actors/actors.ts";
import { rotate } from "../support/actors/api-key.ts";
import { type Clients, issueKey } from "../support/app.ts";
import { outcome } from "../support/errors.ts";
import { handlerOf, openTestPort } from "../support/net/net.ts";
import { madeUp } from "../support/schema/made-up.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

/** A service with one method, which sends a message when the test requests it. */
function streaming(rule: Access["rule"]) {
  const service = madeUp(rule, true);
  let send = () => {};
  let ended = false;
  async function* messages() {
    try {
      for (;;) {
        yield {};
        await new Promise<void>((resolve) => {
          send = resolve;
        });
      }
    } finally {
      ended = true;
    }
  }
  const routes = (router: ConnectRouter) =>
    void router.service(service, { do: messages } as unknown as ServiceImpl<DescService>);
  return { service, routes, send: () => send(), ended: () => ended };
}

type Streaming = ReturnType<typeof streaming>;

/** Opens the stream as a bearer, and returns a function that reads the next message. */
async function open({ service }: Streaming, transport: Transport, token: string, accountId = "") {
  const client = createClient(service, transport) as unknown as {
    do(request: object, options: object): AsyncIterable<object>;
  };
  const headers = { authorization: `Bearer ${token}`, ...(accountId && { "latchkey-account": accountId }) };
  const messages = client.do({}, { headers })[Symbol.asyncIterator]();
  expect((await messages.next()).done).toBe(false);
  return () => outcome(messages.next());
}

const permission = { case: "permission", value: "api_keys:read" } as const;

/** The reader of a stream, its access rule, and the change that ends its right to read. */
interface Loss {
  rule: Access["rule"];
  reason: string;
  start(): Promise<{
    token: string;
    accountId?: string;
    lose(): Promise<unknown>;
    keep?(): Promise<unknown>;
  }>;
}

async function withKey(lose: (owner: Clients, id: string) => Promise<unknown>) {
  const owner = await app.newAccount();
  const { id, token } = await issueKey(owner, { spec: { permissions: ["*"] } });
  const keep = () => owner.apiKeys.updateApiKey({ id, metadata: { name: "renamed" } });
  return { token, lose: () => lose(owner, id), keep };
}

async function withMember(lose: (owner: Clients, profileId: string, member: Clients) => Promise<unknown>) {
  const owner = await app.newAccount();
  const member = await newMember(app, owner, "admin");
  const accountId = owner.account.metadata?.id ?? "";
  const keep = () => owner.profiles.setProfileRole({ id: member.profileId, role: "viewer" });
  return { token: member.token, accountId, lose: () => lose(owner, member.profileId, member), keep };
}

const losses: Record<string, Loss> = {
  "whose key is revoked": {
    rule: permission,
    reason: "REVOKED_API_KEY",
    start: () => withKey((owner, id) => owner.apiKeys.revokeApiKey({ id })),
  },
  "whose key is disabled": {
    rule: permission,
    reason: "DISABLED_API_KEY",
    start: () => withKey((owner, id) => owner.apiKeys.disableApiKey({ id })),
  },
  "whose key is rotated without grace": {
    rule: permission,
    reason: "REVOKED_API_KEY",
    start: () => withKey((owner, id) => rotate(owner, id)),
  },
  "whose key loses the permission": {
    rule: permission,
    reason: "PERMISSION_DENIED",
    start: () =>
      withKey((owner, id) => owner.apiKeys.updateApiKey({ id, spec: { permissions: ["agents:read"] } })),
  },
  "who is removed from the account": {
    rule: permission,
    reason: "ACCOUNT_MISMATCH",
    start: () => withMember((owner, id) => owner.profiles.removeProfile({ id })),
  },
  "whose account is suspended": {
    rule: permission,
    reason: "ACCOUNT_SUSPENDED",
    async start() {
      const platform = app.clientAs(app.platformToken);
      const scene = await withMember(() => platform.accounts.suspendAccount({ accountId: scene.accountId }));
      return scene;
    },
  },
  "who logs out": {
    rule: { case: "user", value: true },
    reason: "REVOKED_SESSION",
    start: () => withMember((_owner, _id, member) => member.sessions.logOut({})),
  },
};

describe("a stream to a bearer", () => {
  test.each(Object.entries(losses))("%s ends before the next message", async (_, { rule, reason, start }) => {
    const stream = streaming(rule);
    const { token, accountId, lose, keep } = await start();
    const transport = createRouterTransport(stream.routes, { router: app.app.routerOptions });
    const next = await open(stream, transport, token, accountId);
    // This changes the bearer, but not its right to the stream.
    await keep?.();
    const [kept] = [next(), stream.send()];
    expect(await kept).toBe("ok");
    await lose();
    const [lost] = [next(), stream.send()];
    expect(await lost).toBe(reason);
    expect(stream.ended()).toBe(true);
  });

  const transports: Record<string, (baseUrl: string) => Transport> = {
    "Connect over HTTP/1.1": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
    "Connect over HTTP/2": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
    "gRPC-Web over HTTP/1.1": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
    "gRPC over HTTP/2": (baseUrl) => createGrpcTransport({ baseUrl }),
  };
  test.each(Object.entries(transports))("ends before the next message over %s", async (_, connect) => {
    const stream = streaming(permission);
    const { token, lose } = await withKey((owner, id) => owner.apiKeys.revokeApiKey({ id }));
    const port = await openTestPort({ handler: handlerOf(stream.routes, app.app.routerOptions) });
    const next = await open(stream, connect(port.url), token);
    await lose();
    const [lost] = [next(), stream.send()];
    expect(await lost).toBe("REVOKED_API_KEY");
    expect(stream.ended()).toBe(true);
  });
});

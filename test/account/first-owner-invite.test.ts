import { describe, expect, test } from "vitest";
import { naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import { newEmail } from "../support/actors/actors.ts";
import { type Clients, password, useApp } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";

const app = useApp();
const platform = () => app.clientAs(app.platformToken);

async function opened(): Promise<{ accountId: string; acting: Clients }> {
  const { account } = await platform().accounts.openAccount({ metadata: { name: "Tenant" } });
  const accountId = account?.metadata?.id ?? "";
  return { accountId, acting: naming(app, app.platformToken, accountId) };
}

interface Token {
  id: string;
  token: string;
}

async function inviteFirst(by: Clients, accountId: string, email = newEmail()): Promise<Token> {
  const { invite } = await by.accounts.inviteFirstOwner({ accountId, email });
  return { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
}

const accept = ({ id, token }: Token) =>
  app.clientAs("").invites.acceptInvite({ id, token, name: "Boss", password });

describe("the invite of a first owner", () => {
  test("is not accepted while its key lacks accounts:manage, and is accepted again when the key has it", async () => {
    const { accountId } = await opened();
    const { token, setRole } = await newPlatformServiceKey(app, ["accounts:manage"]);
    const invite = await inviteFirst(app.clientAs(token), accountId);
    await setRole(["accounts:write"]);
    expect(await refusal(accept(invite))).toMatchObject({
      reason: "PERMISSION_DENIED",
      metadata: { permission: "accounts:manage" },
    });
    await setRole(["accounts:manage"]);
    expect(await outcome(accept(invite))).toBe("ok");
  });

  test("by OpenAccount needs only accounts:write", async () => {
    const { token, setRole } = await newPlatformServiceKey(app, ["accounts:manage"]);
    const { invite } = await app
      .clientAs(token)
      .accounts.openAccount({ metadata: { name: "Tenant" }, ownerEmail: newEmail() });
    await setRole(["accounts:write"]);
    const made = { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
    expect(await outcome(accept(made))).toBe("ok");
  });

  test("is not accepted after its key got an end", async () => {
    const { accountId } = await opened();
    const { id, token } = await newPlatformServiceKey(app, ["accounts:manage"]);
    const invite = await inviteFirst(app.clientAs(token), accountId);
    const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 3_600), nanos: 0 };
    await platform().apiKeys.updateApiKey({ id, spec: { expiresAt } });
    expect(await outcome(accept(invite))).toBe("PERMISSION_DENIED");
  });
});

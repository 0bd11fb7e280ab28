import { expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const idOf = (owner: Pick<Owner, "account">) => owner.account.metadata?.id ?? "";
const inAccount = (id: string) => ({ "latchkey-account": id });

async function userOfTwo() {
  const owner = await app.newAccount("First");
  const { account } = await owner.accounts.createAccount({ metadata: { name: "Second" } });
  return { owner, first: idOf(owner), second: account?.metadata?.id ?? "" };
}

test("a user of one account may omit the account or name it", async () => {
  const owner = await app.newAccount();
  for (const headers of [{}, inAccount(idOf(owner))]) {
    const { principal } = await app.clientAs(owner.token, headers).profiles.whoAmI({});
    expect(principal?.accountId).toBe(idOf(owner));
  }
});

test("a user of two accounts must name one, and the error lists both", async () => {
  const { owner, first, second } = await userOfTwo();
  expect(await refusal(owner.profiles.whoAmI({}))).toMatchObject({
    code: "FailedPrecondition",
    reason: "ACCOUNT_REQUIRED",
    metadata: { account_ids: `${first},${second}` },
  });
  for (const id of [first, second]) {
    const { principal } = await app.clientAs(owner.token, inAccount(id)).profiles.whoAmI({});
    expect(principal?.accountId).toBe(id);
  }
});

test("a method that needs a user but no account ignores the header", async () => {
  const { owner, first, second } = await userOfTwo();
  for (const headers of [{}, inAccount(first), inAccount(newId("acct"))]) {
    const { items } = await app.clientAs(owner.token, headers).accounts.listAccounts({ sortOrder: "asc" });
    expect(items.map((account) => account.metadata?.id)).toEqual([first, second]);
  }
});

test("a caller that names an account of others gets ACCOUNT_MISMATCH, whether or not the account exists", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const { owner: ofTwo } = await userOfTwo();
  const key = await issueKey(owner, { spec: { permissions: ["*"] } });
  // Only a platform key that holds `accounts:act` may act for another account.
  const platform = app.clientAs(app.platformToken);
  const verifier = await issueKey(platform, {
    spec: { permissions: ["*:*", "accounts:manage", "tokens:*"] },
  });
  for (const token of [owner.token, ofTwo.token, key.token, verifier.token]) {
    const refused = await Promise.all(
      [idOf(other), newId("acct"), "nonsense"].map(async (id) => {
        const { headers, metadata, ...rest } = await refusal(
          app.clientAs(token, inAccount(id)).profiles.whoAmI({}),
        );
        expect(metadata).toEqual({ account_id: id });
        return rest;
      }),
    );
    expect(refused[0]).toMatchObject({ code: "PermissionDenied", reason: "ACCOUNT_MISMATCH" });
    expect(refused[1]).toEqual(refused[0]);
    expect(refused[2]).toEqual(refused[0]);
  }
});

test("an empty account is refused, and never means the caller's own account", async () => {
  const key = await issueKey(app.clientAs(app.platformToken), {
    spec: { permissions: ["*", "accounts:act"] },
  });
  const http = await serve(app);
  const named = { token: key.token, headers: inAccount("") };
  const { verifyToken } = TokenService.method;
  for (let times = 0; times < 2; times++) {
    // The fast path keeps the evaluation of the call without the header.
    const body = { token: key.token };
    expect(await http.post(verifyToken, { body, token: key.token })).toMatchObject({ status: 200 });
    for (const refused of [
      await http.post(ApiKeyService.method.createApiKey, named),
      await http.post(verifyToken, { ...named, body }),
      await http.get("/v1/whoami", named),
      await http.get("/v1/whoami?organizationId=", { token: key.token }),
    ])
      expect(refused).toMatchObject({ status: 400 });
  }
  const violations = [{ field: "latchkey-account" }];
  const refused = await refusal(app.clientAs(key.token, inAccount(" ")).profiles.whoAmI({}));
  expect(refused).toMatchObject({ code: "InvalidArgument", violations });
  const { items } = await app
    .clientAs((await app.newAccount()).token, inAccount(""))
    .accounts.listAccounts({});
  expect(items).toHaveLength(1);
});

test("a key may name its own account", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const { principal } = await app.clientAs(key.token, inAccount(idOf(owner))).profiles.whoAmI({});
  expect(principal).toMatchObject({ accountId: idOf(owner), keyId: key.id });
});

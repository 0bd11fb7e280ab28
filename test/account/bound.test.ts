import { expect, test } from "vitest";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp({ LATCHKEY_MAX_ACCOUNTS_PER_USER: "3" });
const exceeded = {
  code: "FailedPrecondition",
  reason: "BOUND_EXCEEDED",
  message: "a user owns at most 3 accounts (accounts_per_user)",
  metadata: { limit: "3", bound: "accounts_per_user" },
  retry: false,
};

test("a user owns a bounded number of accounts, even by concurrent creations", async () => {
  const owner = await app.newAccount();
  const create = () => owner.accounts.createAccount({ metadata: { name: "Another" } });
  const made = await Promise.allSettled(Array.from({ length: 10 }, create));
  const refused = made.filter((one) => one.status === "rejected");
  expect(refused).toHaveLength(8);
  for (const { reason } of refused) expect(await refusal(Promise.reject(reason))).toMatchObject(exceeded);
  expect((await owner.accounts.listAccounts({})).items).toHaveLength(3);
});

test("accounts that a user does not own, or has deleted, do not count", async () => {
  const [owner, host] = [await app.newAccount(), await app.newAccount()];
  const create = (name: string) => owner.accounts.createAccount({ metadata: { name } });
  const { invite } = await host.invites.createInvite({ email: owner.email, role: "admin" });
  await owner.invites.acceptInvite({ id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" });
  const second = await create("Second");
  await create("Third");
  expect(await refusal(create("Fourth"))).toMatchObject(exceeded);
  const inSecond = app.clientAs(owner.token, { "latchkey-account": second.account?.metadata?.id ?? "" });
  await inSecond.accounts.deleteAccount({ name: "Second" });
  await create("Fourth");
  expect(await refusal(create("Fifth"))).toMatchObject(exceeded);
});

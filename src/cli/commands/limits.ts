import type { Credits } from "../../../gen/latchkey/v1/credit_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf, usageError } from "../failure.ts";
import { newRequestId } from "../metadata.ts";
import { rateLimitsOf } from "../rate-limit-text.ts";
import { creditsText, showAccount } from "../show-account.ts";
import { enumOf, numberOf } from "../values.ts";

const accountId = { name: "account_id", summary: "id of the account" } as const;
const byPlatform = "Only a key of the platform account may do this.";
const key = {
  value: "KEY_ID",
  summary: "the credits of this key; without it, those of all keys together",
} as const;

const setLimits = command({
  path: ["limits", "set"],
  summary: "set the rate limits of an account, for the platform",
  description: `${byPlatform} The limits apply to all keys of the account together, and replace all earlier ones. Without any, there is no limit.`,
  arguments: [
    accountId,
    {
      name: "limit",
      summary: "such as requests=100/60s, or words=5000/1h,cost=10",
      optional: true,
      many: true,
    },
  ],
  examples: [
    {
      text: "Allow 100 verifications per minute.",
      command: "latchkey limits set TENANT_ID requests=100/60s --token-file platform-key",
    },
    { text: "Remove all limits.", command: "latchkey limits set TENANT_ID --token-file platform-key" },
  ],
  rpcs: ["AccountService.SetRateLimits"],
  async run(context, { account_id: id, limit }) {
    const rateLimits = rateLimitsOf(limit);
    const { accounts } = await context.client();
    await showAccount(context, (await accounts.setRateLimits({ accountId: id, rateLimits })).account);
  },
});

const setCredits = command({
  path: ["credits", "set"],
  summary: "set the credits of an account or a key, for the platform",
  description: byPlatform,
  arguments: [accountId, { name: "remaining", summary: "number of credits that are left" }],
  options: {
    key,
    refill: {
      value: "INTERVAL",
      choices: ["daily", "monthly"],
      summary: "refill them at the beginning of each, in UTC",
    },
    "refill-to": { value: "NUMBER", summary: "credits that are left at least after a refill" },
  },
  examples: [
    {
      text: "Allow 1,000 verifications each month.",
      command:
        "latchkey credits set TENANT_ID 1000 --refill monthly --refill-to 1000 --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.SetCredits"],
  async run(context, { account_id: id, remaining, key: keyId = "", refill, "refill-to": refillTo }) {
    if ((refill === undefined) !== (refillTo === undefined))
      throw usageError("--refill and --refill-to belong together");
    const { CreditRefill } = await import("../../../gen/latchkey/v1/credit_pb.ts");
    const credits = {
      remaining: numberOf("REMAINING", remaining),
      refill: enumOf(CreditRefill, refill),
      refillAmount: numberOf("--refill-to", refillTo ?? "0"),
    };
    const { accounts } = await context.client();
    const response = await accounts.setCredits({ accountId: id, keyId, credits, requestId: newRequestId() });
    await showCredits(context, keyId || id, response.credits);
  },
});

const addCredits = command({
  path: ["credits", "add"],
  summary: "add credits to an account or a key, for the platform",
  description: `${byPlatform} With --take, the number is taken away.`,
  arguments: [accountId, { name: "amount", summary: "number of credits" }],
  options: { key, take: { summary: "take the credits away, at most those that are left" } },
  examples: [
    {
      text: "Add 500 credits.",
      command: "latchkey credits add CREDITED_ACCOUNT_ID 500 --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.AddCredits"],
  async run(context, { account_id: id, amount: text, key: keyId = "", take }) {
    const amount = numberOf("AMOUNT", text) * (take ? -1 : 1);
    const { accounts } = await context.client();
    const response = await accounts.addCredits({ accountId: id, keyId, amount, requestId: newRequestId() });
    await showCredits(context, keyId || id, response.credits);
  },
});

const removeCredits = command({
  path: ["credits", "remove"],
  summary: "end the counting of credits of an account or a key, for the platform",
  description: `${byPlatform} Afterwards, the number of verifications is not limited by credits.`,
  arguments: [accountId],
  options: { key, yes },
  examples: [
    {
      text: "End the counting.",
      command: "latchkey credits remove CREDITED_ACCOUNT_ID --yes --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.RemoveCredits"],
  async run(context, { account_id: id, key: keyId = "", yes: confirmed }) {
    await context.confirm(`Remove the credits of ${keyId || id}? Their number is then not limited`, {
      yes: confirmed,
    });
    const { accounts } = await context.client();
    const response = await accounts.removeCredits({ accountId: id, keyId });
    context.out.note(`${keyId || id} has no credits that are counted`);
    await context.out.item({ message: response, id: keyId || id, fields: [] });
  },
});

/** The commands by which the platform limits accounts and keys. */
export const limitCommands = [setLimits, setCredits, addCredits, removeCredits];

async function showCredits(context: Context, id: string, credits: Credits | undefined): Promise<void> {
  if (!credits) throw failureOf("the server sent no credits");
  await context.out.item({ message: credits, id, fields: [["credits", await creditsText(credits)]] });
}

import { CreditRefill } from "../../../gen/latchkey/v1/credit_pb.ts";
import type { Owner, SharedApp } from "../app.ts";

const ofAccount = (owner: Owner) => ({ accountId: owner.account.metadata?.id });

/** Valid requests of the RPCs by which the platform sets what an account includes and may use. */
export const platformRequests = {
  "AccountService/SetEntitlements": async (owner: Owner) => ({
    ...ofAccount(owner),
    entitlements: ["max_api_keys=100"],
  }),
  "AccountService/SetRateLimits": async (owner: Owner) => ({
    ...ofAccount(owner),
    rateLimits: [{ name: "minute", limit: 100, period: { seconds: 60n } }],
  }),
  "AccountService/SetCredits": async (owner: Owner) => ({
    ...ofAccount(owner),
    credits: { remaining: 100, refillAmount: 50, refill: CreditRefill.DAILY },
    requestId: crypto.randomUUID(),
  }),
  "AccountService/AddCredits": async (owner: Owner, app: SharedApp) => ({
    ...(await withCredits(app, ofAccount(owner))),
    amount: 5,
    requestId: crypto.randomUUID(),
  }),
  "AccountService/RemoveCredits": (owner: Owner, app: SharedApp) => withCredits(app, ofAccount(owner)),
};

/** Limits the credits of an account, and returns the account. */
export async function withCredits<T extends { accountId: string | undefined }>(
  app: SharedApp,
  target: T,
): Promise<T> {
  await app.clientAs(app.platformToken).accounts.setCredits({ ...target, credits: { remaining: 10 } });
  return target;
}

import type { Message } from "@bufbuild/protobuf";
import type { Account } from "../../gen/latchkey/v1/account_pb.ts";
import type { RateLimit } from "../../gen/latchkey/v1/api_key_pb.ts";
import type { Credits } from "../../gen/latchkey/v1/credit_pb.ts";
import type { Context } from "./context.ts";
import { failureOf } from "./failure.ts";
import { idOf, metadataColumns, metadataFields } from "./metadata.ts";
import type { ShownItem, ShownList } from "./output.ts";
import { timeText, wordOf } from "./text.ts";

/** Shows an account, or a response that has one: the fields follow those of the account. */
export async function showAccount(
  context: Context,
  account: Account | undefined,
  response?: Pick<ShownItem, "message" | "fields">,
): Promise<void> {
  if (!account) throw failureOf("the server sent no account");
  const { AccountState } = await import("../../gen/latchkey/v1/account_pb.ts");
  const { metadata, spec, info, state, etag } = account;
  await context.out.item({
    message: response?.message ?? account,
    id: idOf(account),
    fields: [
      ...metadataFields(metadata),
      ["state", wordOf(AccountState, state)],
      ["suspended", timeText(info?.suspendedAt)],
      ["data removed", timeText(info?.deleteAt)],
      ["description", spec?.description ?? ""],
      ["system key", idOf(info?.globalApiKey ?? {})],
      ["entitlements", (info?.entitlements ?? []).join(" ")],
      ["rate limits", (info?.rateLimits ?? []).map(limitText).join(" ")],
      ["credits", info?.credits ? await creditsText(info.credits) : ""],
      ["etag", etag],
      ...(response?.fields ?? []),
    ],
  });
}

/** Returns the table of a list of accounts. */
export async function accountTable(message: Message & { items: Account[] }): Promise<ShownList<Account>> {
  const { AccountState } = await import("../../gen/latchkey/v1/account_pb.ts");
  const { id, name, labels } = metadataColumns<Account>();
  return {
    message,
    items: message.items,
    id: idOf,
    empty: "no accounts",
    columns: [
      id,
      name,
      { title: "state", whole: true, value: ({ state }) => wordOf(AccountState, state) },
      { title: "external id", extra: true, value: ({ metadata }) => metadata?.externalId ?? "" },
      labels,
    ],
  };
}

/** Returns a rate limit as the option that sets it, such as `requests=100/60s`. */
export function limitText({ name, limit, period, cost }: RateLimit): string {
  return `${name}=${limit}/${period?.seconds ?? 0}s${cost === undefined ? "" : `,cost=${cost}`}`;
}

/** Returns credits in words. */
export async function creditsText({
  remaining,
  refillAmount,
  refill,
  nextRefillAt,
}: Credits): Promise<string> {
  const { CreditRefill } = await import("../../gen/latchkey/v1/credit_pb.ts");
  const every = wordOf(CreditRefill, refill);
  if (every === "") return `${remaining} left`;
  return `${remaining} left, refilled to ${refillAmount} ${every}, next at ${timeText(nextRefillAt)}`;
}

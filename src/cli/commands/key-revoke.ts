import type { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf, interrupted, usageError } from "../failure.ts";
import { enumOf } from "../values.ts";
import { forEach } from "./key-change.ts";

// The keys of one call. The bar moves, and Ctrl-C takes effect, after each call.
const batchSize = 100;

const revoke = command({
  path: ["key", "revoke"],
  summary: "revoke keys permanently",
  description:
    "Revokes the named keys, or all keys that match every option. It returns when no instance accepts them any more. After Ctrl-C, the current batches of 100 keys are finished, and a repeat of the command continues with the rest.",
  arguments: [{ name: "key_id", summary: "ids of the keys", optional: true, many: true }],
  options: {
    label: { value: "NAME=VALUE", many: true, summary: "keys with this label" },
    "created-by": { value: "PROFILE_ID", summary: "keys that this profile made" },
    kind: { value: "KIND", choices: ["application", "service", "developer"], summary: "keys of this kind" },
    "minted-by": { value: "KEY_ID", summary: "keys that this key made, and those that they made" },
    "dry-run": { summary: "only count the keys that match" },
    yes,
  },
  examples: [
    { text: "Revoke one key.", command: "latchkey key revoke KEY_ID" },
    { text: "Count the keys with a label.", command: "latchkey key revoke --label env=staging --dry-run" },
    { text: "Revoke them without a question.", command: "latchkey key revoke --label env=staging --yes" },
  ],
  rpcs: ["ApiKeyService.RevokeApiKey", "ApiKeyService.RevokeApiKeys"],
  async run(context, input) {
    const { key_id: ids, "dry-run": dryRun, yes: confirmed } = input;
    const hasFilter =
      input.label.length > 0 || [input["created-by"], input.kind, input["minted-by"]].some(Boolean);
    if (ids.length > 0 === hasFilter) {
      throw usageError(
        "expected ids of keys, or options that select keys",
        "run `latchkey key revoke --help`",
      );
    }
    if (ids.length > 0) {
      if (dryRun)
        throw usageError("--dry-run counts the keys that options select, not the ids on the command line");
      return forEach(context, ids, ({ apiKeys }, id) => apiKeys.revokeApiKey({ id }));
    }
    const { ApiKeyKind } = await import("../../../gen/latchkey/v1/api_key_pb.ts");
    await revokeMatching(context, {
      filter: {
        labels: input.label.join(","),
        createdBy: input["created-by"] ?? "",
        kind: enumOf(ApiKeyKind, input.kind),
        mintedByKeyId: input["minted-by"] ?? "",
      },
      dryRun,
      yes: confirmed,
    });
  },
});

/** The command that revokes keys. */
export const keyRevokeCommands = [revoke];

interface BulkRevocation {
  filter: { labels: string; createdBy: string; kind: ApiKeyKind; mintedByKeyId: string };
  dryRun: boolean;
  yes: boolean;
}

async function revokeMatching(context: Context, { filter, dryRun, yes }: BulkRevocation): Promise<void> {
  const { out } = context;
  const { apiKeys } = await context.client();
  const counted = await apiKeys.revokeApiKeys({ filter, dryRun: true });
  const total = counted.remainingCount;
  if (dryRun || total === 0) {
    if (out.format === "json") return out.message(counted);
    return out.line(
      out.format === "ids" ? String(total) : `${keys(total)} ${total === 1 ? "matches" : "match"}`,
    );
  }
  await context.confirm(`Revoke ${keys(total)} permanently?`, { yes });
  const { signal } = context.interruption();
  const progress = context.progress(total);
  signal.addEventListener("abort", () => {
    progress.end();
    out.note("stopping after the current batch; press Ctrl-C again to stop now");
  });
  let left = total;
  let revoked = 0;
  try {
    progress.set(0);
    while (left > 0) {
      if (signal.aborted)
        throw interrupted(`revoked ${revoked} of ${keys(total)}; run the command again to continue`);
      const answer = await apiKeys.revokeApiKeys({ filter, limit: batchSize });
      if (answer.remainingCount >= left && answer.revokedCount === 0)
        throw failureOf("the number of matching keys does not fall");
      left = answer.remainingCount;
      // Other calls may revoke and create keys at the same time.
      revoked = Math.max(revoked + answer.revokedCount, total - left);
      progress.set(Math.min(revoked, total));
      Object.assign(counted, { revokedCount: revoked, remainingCount: left });
    }
  } catch (error) {
    progress.end();
    if (!signal.aborted) out.note(`revoked ${revoked} of ${keys(total)}; run the command again to continue`);
    throw error;
  }
  progress.end();
  if (out.format === "json") return out.message(counted);
  out.line(
    out.format === "ids" ? String(revoked) : `${keys(revoked)} revoked; no instance accepts them any more`,
  );
}

const keys = (count: number) => `${count.toLocaleString("en")} ${count === 1 ? "key" : "keys"}`;

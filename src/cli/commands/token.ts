import type { VerifyTokenRequest, VerifyTokenResponse } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { type Input, type Option, yes } from "../definition.ts";
import { exitCodes, failureOf, usageError } from "../failure.ts";
import { timeText, wordOf } from "../text.ts";
import { enumOf, numberOf } from "../values.ts";

const refusesArguments =
  "a token cannot be an argument, because every user of this machine can read the arguments of a process, and the shell keeps them in its history: pass it on stdin or with --file FILE";
const file = {
  value: "FILE",
  summary: "file with the token; without it, stdin has the token",
} as const satisfies Option;

const verification = {
  file: { value: "FILE", summary: "file with the token, or with one token on each line; without it, stdin" },
  permission: { value: "PERMISSION", many: true, summary: "permission that the bearer must hold" },
  entitlement: { value: "NAME", many: true, summary: "entitlement that the account must have" },
  workspace: { value: "WORKSPACE_ID", summary: "workspace that the bearer wants to enter" },
  "in-account": { value: "ACCOUNT_ID", summary: "account that the token must be valid in" },
  environment: {
    value: "ENVIRONMENT",
    choices: ["live", "test"],
    summary: "environment that the bearer must belong to",
  },
  cost: { value: "NUMBER", summary: "what the call takes from limits and credits" },
  "dry-run": { summary: "take nothing from limits, and explain each rule" },
  fresh: { summary: "do not answer from the cache" },
} as const satisfies Record<string, Option>;

const verify = command({
  path: ["verify"],
  summary: "ask the server whether it accepts a token",
  description:
    "Verifies the token on stdin or in a file. The exit code is 0 if every token is valid, and 1 otherwise. The caller needs `tokens:verify`. With --dry-run, the verification takes nothing from limits.",
  options: verification,
  examples: [
    { text: "Verify a token.", command: "latchkey verify < TOKEN_FILE" },
    { text: "Require a permission.", command: "latchkey verify --file TOKEN_FILE --permission agents:read" },
    {
      text: "Explain the verdict, and take nothing from limits.",
      command: "latchkey verify --file TOKEN_FILE --dry-run",
    },
  ],
  rpcs: ["TokenService.VerifyToken", "TokenService.BatchVerifyTokens"],
  refusesArguments,
  async run(context, input) {
    const tokens = await context.secrets.all(input.file);
    const { tokens: service } = await context.client();
    const requests = await requestsOf(tokens, input);
    const [first] = requests;
    if (!first) throw failureOf("there is no token");
    if (requests.length === 1) return showVerdict(context, await service.verifyToken(first));
    await showVerdicts(context, tokens, await service.batchVerifyTokens({ requests }));
  },
});

const check = command({
  path: ["token", "check"],
  summary: "check the form and checksum of a token, without a server",
  description:
    "Checks offline that a text is a token of Latchkey: its prefix, kind and checksum. It does not know whether the server accepts it: for that, use `verify`. The exit code is 1 if the form or the checksum is wrong.",
  options: { file },
  examples: [
    { text: "Check a token that may have a typing error.", command: "latchkey token check < TOKEN_FILE" },
  ],
  rpcs: [],
  refusesArguments,
  async run(context, input) {
    const token = await context.secrets.one(input.file);
    const { parseTokenOfAnyPrefix } = await import("../../domain/kernel/token.ts");
    const parsed = parseTokenOfAnyPrefix(token);
    const [, prefix = "", separator = ""] = /^([a-z0-9]{2,10})([_-])/.exec(token) ?? [];
    if (!parsed) {
      // 38 characters follow the id: the secret and the checksum.
      const hasForm =
        /^[a-z0-9]{2,10}([_-])(live|test|svc|dev|ses|inv|otp|emb)\1[0-9a-z]{26}[0-9A-Za-z]{38}$/.test(token);
      throw failureOf(
        hasForm ? "the checksum is wrong, so the token has a typing error" : "this is no token of Latchkey",
      );
    }
    const { kind, id } = parsed;
    const fields = { valid: true, kind, id, prefix: separator === "-" ? `${prefix}-` : prefix };
    const { format, line } = context.out;
    if (format !== "text") return line(format === "ids" ? id : JSON.stringify(fields, undefined, 2));
    line(`the form and the checksum are right: kind ${kind}, id ${id}, prefix ${fields.prefix}`);
  },
});

const revoke = command({
  path: ["token", "revoke"],
  summary: "end a token that you hold",
  description:
    "Ends the token on stdin or in a file. It needs no other credential. If the key of the token then has no live token, the server revokes the key. The result is the same for an unknown token.",
  options: { file, yes },
  examples: [
    {
      text: "End a token that was found in a log.",
      command: "latchkey token revoke --file TOKEN_FILE --yes",
    },
  ],
  rpcs: ["TokenService.RevokeToken"],
  refusesArguments,
  async run(context, input) {
    const token = await context.secrets.one(input.file);
    await context.confirm("End this token permanently?", { yes: input.yes });
    const { tokens } = await context.clientWith();
    const message = await tokens.revokeToken({ token });
    if (context.out.format === "json") return context.out.message(message);
    context.out.note("no instance accepts the token any more");
  },
});

/** The commands about tokens. */
export const tokenCommands = [verify, check, revoke];

async function requestsOf(tokens: readonly string[], input: Input<readonly [], typeof verification>) {
  const { Environment } = await import("../../../gen/latchkey/v1/api_key_pb.ts");
  if (tokens.length > 100) throw usageError("expected at most 100 tokens");
  const requirements = {
    requiredPermissions: [...input.permission],
    requiredEntitlements: [...input.entitlement],
    workspaceId: input.workspace ?? "",
    accountId: input["in-account"] ?? "",
    environment: enumOf(Environment, input.environment),
    ...(input.cost !== undefined && { cost: numberOf("--cost", input.cost) }),
    dryRun: input["dry-run"],
    fresh: input.fresh,
  } satisfies Partial<VerifyTokenRequest>;
  return tokens.map((token) => ({ token, ...requirements }));
}

async function showVerdict({ out }: Context, response: VerifyTokenResponse): Promise<void> {
  const { Verdict } = await import("../../../gen/latchkey/v1/verdict_pb.ts");
  const { principal, metadata, explanation, rateLimit, credits } = response;
  await out.item({
    message: response,
    id: principal?.keyId || principal?.userId || metadata.key_id || "",
    fields: [
      ["verdict", wordOf(Verdict, response.verdict)],
      ["account", principal?.accountId ?? ""],
      ["key", principal?.keyId ?? ""],
      ["key name", principal?.keyName ?? ""],
      ["profile", principal?.profile?.metadata?.id ?? ""],
      ["permissions", principal?.permissions.join(" ") ?? ""],
      ["workspaces", principal?.workspaceIds.join(" ") ?? ""],
      ["ends", timeText(response.endsAt)],
      ["rate limit", rateLimit ? `${rateLimit.name}: ${rateLimit.remaining} of ${rateLimit.limit} left` : ""],
      ["credits left", credits ? String(credits.remaining) : ""],
      ...Object.entries(metadata).map(([name, value]): [string, string] => [
        name.replaceAll("_", " "),
        value,
      ]),
      ...(explanation?.rules ?? []).map((rule): [string, string] => [
        `rule ${rule.name}`,
        `${rule.passed ? "passed" : "FAILED"}: ${rule.message}`,
      ]),
    ],
  });
  if (!response.valid) throw negative(`the token is not valid: ${wordOf(Verdict, response.verdict)}`);
}

async function showVerdicts(
  { out }: Context,
  tokens: readonly string[],
  message: { $typeName: "latchkey.v1.BatchVerifyTokensResponse"; responses: VerifyTokenResponse[] },
): Promise<void> {
  const { Verdict } = await import("../../../gen/latchkey/v1/verdict_pb.ts");
  const items = message.responses;
  const { parseTokenOfAnyPrefix } = await import("../../domain/kernel/token.ts");
  // The response about a token that is not valid may not name its key. The token itself has the id.
  const ids = new Map(items.map((item, index) => [item, parseTokenOfAnyPrefix(tokens[index] ?? "")?.id]));
  const id = (item: VerifyTokenResponse) => {
    const { principal, metadata } = item;
    return principal?.keyId || principal?.userId || metadata.key_id || ids.get(item) || "unknown";
  };
  await out.list({
    message,
    items,
    id,
    empty: "no tokens",
    columns: [
      { title: "key or user", value: id },
      { title: "verdict", value: ({ verdict }) => wordOf(Verdict, verdict) || "unavailable" },
      { title: "account", value: ({ principal }) => principal?.accountId ?? "" },
    ],
  });
  const wrong = items.filter(({ valid }) => !valid).length;
  if (wrong > 0) throw negative(`${wrong} of ${items.length} tokens ${wrong === 1 ? "is" : "are"} not valid`);
}

const negative = (message: string) => failureOf(message, exitCodes.refused);

import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf } from "../failure.ts";
import { idOf, metadataFields } from "../metadata.ts";
import { tokenOut, withToken } from "../secret-output.ts";
import { timeText, wordOf } from "../text.ts";
import { durationOf } from "../values.ts";

const get = command({
  path: ["system-key", "get"],
  summary: "show the system key of the account",
  examples: [{ text: "Show the system key.", command: "latchkey system-key get" }],
  rpcs: ["AccountService.GetGlobalApiKey"],
  async run(context) {
    const { accounts } = await context.client();
    await show(context, (await accounts.getGlobalApiKey({})).apiKey);
  },
});

const rotate = command({
  path: ["system-key", "rotate"],
  summary: "mint a token of the system key, which may do everything in the account",
  description:
    "Only an owner and the key itself may do this. The token is shown once. With --grace, the earlier tokens stay valid for this time.",
  options: {
    grace: { value: "DURATION", summary: "time for which the earlier tokens stay valid, up to 7d (0s)" },
    out: tokenOut,
    yes,
  },
  examples: [
    {
      text: "Mint a token into a file.",
      command: "latchkey system-key rotate --grace 1h --out NEW_FILE --yes",
    },
  ],
  rpcs: ["AccountService.RotateGlobalApiKey"],
  async run(context, { grace, out, yes: confirmed }) {
    const seconds = Math.ceil(durationOf("grace", grace ?? "0") / 1000);
    const end = seconds === 0 ? "now" : `in ${grace}`;
    await context.confirm(`Rotate the system key? Its earlier tokens end ${end}`, { yes: confirmed });
    await withToken(context, out, async (take) => {
      const { accounts } = await context.client();
      const { apiKey } = await accounts.rotateGlobalApiKey({ gracePeriod: { seconds: BigInt(seconds) } });
      if (apiKey?.spec) apiKey.spec.token = take(apiKey.spec.token);
      await show(context, apiKey);
    });
  },
});

const disable = command({
  path: ["system-key", "disable"],
  summary: "disable the system key until it is enabled again",
  options: { yes },
  examples: [{ text: "Disable the system key.", command: "latchkey system-key disable --yes" }],
  rpcs: ["AccountService.DisableGlobalApiKey"],
  async run(context, { yes: confirmed }) {
    await context.confirm("Disable the system key?", { yes: confirmed });
    const { accounts } = await context.client();
    await show(context, (await accounts.disableGlobalApiKey({})).apiKey);
  },
});

const enable = command({
  path: ["system-key", "enable"],
  summary: "enable the system key again",
  examples: [{ text: "Enable the system key.", command: "latchkey system-key enable" }],
  rpcs: ["AccountService.EnableGlobalApiKey"],
  async run(context) {
    const { accounts } = await context.client();
    await show(context, (await accounts.enableGlobalApiKey({})).apiKey);
  },
});

/** The commands about the system key of an account. */
export const systemKeyCommands = [get, rotate, disable, enable];

async function show(context: Context, apiKey: ApiKey | undefined): Promise<void> {
  if (!apiKey) throw failureOf("the server sent no key");
  const { ApiKeyState } = await import("../../../gen/latchkey/v1/api_key_pb.ts");
  const { metadata, spec, info, state } = apiKey;
  await context.out.item({
    message: apiKey,
    id: idOf(apiKey),
    fields: [
      ...metadataFields(metadata),
      ["state", wordOf(ApiKeyState, state)],
      ["last used", timeText(info?.lastUsedAt)],
      ["live tokens", info ? String(info.tokens.length) : ""],
      ["token", spec?.token ?? ""],
    ],
  });
}

import { command } from "../command.ts";
import { tokenOut, withToken } from "../secret-output.ts";
import { timeText } from "../text.ts";
import { durationOf } from "../values.ts";

const embedSession = command({
  path: ["embed-session"],
  summary: "mint a short session for the embedded keys page, for the platform",
  description:
    "Only a platform key with accounts:act may do this. --account names the tenant. The session holds these permissions in these workspaces, and never more than the key.",
  options: {
    permission: {
      value: "PERMISSION",
      many: true,
      summary: "permission of the session, such as api_keys:read",
    },
    workspace: { value: "WORKSPACE_ID", many: true, summary: "workspace that the session may enter" },
    lifetime: { value: "DURATION", summary: "1m to 15m (15m)" },
    out: tokenOut,
  },
  examples: [
    {
      text: "Mint a session that may read keys, to try the page.",
      command:
        "latchkey embed-session --account TENANT_ID --permission api_keys:read --lifetime 5m --token-file platform-key --out NEW_FILE",
    },
  ],
  rpcs: ["SessionService.CreateEmbedSession"],
  async run(context, { permission, workspace, lifetime, out }) {
    const seconds = Math.ceil(durationOf("lifetime", lifetime ?? "15m") / 1000);
    await withToken(context, out, async (take) => {
      const { sessions } = await context.client();
      const response = await sessions.createEmbedSession({
        permissions: [...permission],
        workspaceIds: [...workspace],
        lifetime: { seconds: BigInt(seconds) },
      });
      response.token = take(response.token);
      await context.out.item({
        message: response,
        id: response.id,
        fields: [
          ["session", response.id],
          ["ends", timeText(response.expiresAt)],
          ["token", response.token],
        ],
      });
    });
  },
});

/** The command about embed sessions. */
export const embedSessionCommands = [embedSession];

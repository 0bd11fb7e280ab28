import type { Session } from "../../../gen/latchkey/v1/session_pb.ts";
import { command } from "../command.ts";
import { yes } from "../definition.ts";
import { usageError } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import { timeColumn } from "../time-column.ts";

const list = command({
  path: ["session", "list"],
  summary: "list the live sessions of the signed-in user",
  options: listOptions,
  examples: [{ text: "List the sessions.", command: "latchkey session list" }],
  rpcs: ["SessionService.ListSessions"],
  async run(context, { sort = "", ...input }) {
    const { sessions } = await context.client();
    const message = await readPages(context.out, input, (page) =>
      sessions.listSessions({ sortOrder: sort, ...page }),
    );
    await context.out.list<Session>({
      message,
      items: message.items,
      id: ({ id }) => id,
      empty: "no sessions",
      columns: [
        { title: "id", value: ({ id }) => id },
        { title: "this one", whole: true, value: ({ current }) => (current ? "yes" : "") },
        timeColumn("began", ({ createdAt }) => createdAt),
        timeColumn("last used", ({ lastUsedAt }) => lastUsedAt),
        timeColumn("ends", ({ expiresAt }) => expiresAt),
      ],
    });
  },
});

const revoke = command({
  path: ["session", "revoke"],
  summary: "end a session of the signed-in user, or all others",
  arguments: [{ name: "session_id", summary: "id of the session", optional: true }],
  options: { "all-others": { summary: "end every session except this one" }, yes },
  examples: [
    { text: "End a session.", command: "latchkey session revoke SESSION_ID --yes" },
    { text: "End every session except this one.", command: "latchkey session revoke --all-others --yes" },
  ],
  rpcs: ["SessionService.RevokeSession"],
  async run(context, { session_id: id = "", "all-others": allOthers, yes: confirmed }) {
    if ((id === "") !== allOthers) throw usageError("expected either SESSION_ID or --all-others");
    await context.confirm(allOthers ? "End all other sessions?" : `End ${id}?`, { yes: confirmed });
    const { sessions } = await context.client();
    const response = await sessions.revokeSession({ id, allOthers });
    context.out.note(allOthers ? "ended all other sessions" : `ended ${id}`);
    await context.out.item({ message: response, id, fields: [] });
  },
});

/** The commands about the sessions of the signed-in user. */
export const sessionCommands = [list, revoke];

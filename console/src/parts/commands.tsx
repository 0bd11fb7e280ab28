import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import { useSession } from "../session.ts";
import { CopyBlock } from "../ui/copy.tsx";

/** Commands of `latchkey` to paste, after the log-in at this server. They come without the name of the program. */
export function Commands({ commands }: { commands: readonly string[] }) {
  const { principal, accountId, accounts } = useSession();
  // Only a user logs in. The customer of an embedded page has no user here.
  if (principal.kind !== PrincipalKind.USER) return null;
  const account = accounts.length > 1 ? ` --account ${accountId}` : "";
  const lines = [`login --url ${location.origin}`, ...commands.map((command) => `${command}${account}`)];
  return (
    <>
      <p>With the command line:</p>
      <CopyBlock label="commands" text={lines.map((line) => `npx latchkey ${line}`).join("\n")} />
    </>
  );
}

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useEffect } from "react";
import { CopyBlock } from "../../ui/copy.tsx";
import { SecretDialog } from "../../ui/secret-dialog.tsx";
import { exactTime } from "../../ui/time.tsx";
import type { Issued } from "./tasks.ts";
import { idOf, nameOf } from "./words.ts";

/** Shows a new token, with commands to try it. It closes only after the user said that the token is saved. */
export function IssuedToken({ issued: { key, token, by }, onClose }: { issued: Issued; onClose(): void }) {
  useEffect(() => {
    // The page asks the browser to ask before it leaves.
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);
  const ends = key.info?.tokens.findLast((one) => one.endsAt)?.endsAt;
  return (
    <SecretDialog
      title={by === "creation" ? `The key “${nameOf(key)}” is ready` : `The new token of “${nameOf(key)}”`}
      label="token"
      secret={token}
      fileName={`${idOf(key)}.token`}
      onClose={onClose}
    >
      {by === "rotation" && (
        <p>
          {ends
            ? `Replace the old token everywhere before ${exactTime(timestampDate(ends))}. It works until then.`
            : "The old token no longer works."}
        </p>
      )}
      <p>Try it: paste these lines into a terminal.</p>
      <CopyBlock label="commands" text={commandsOf(token)} />
    </SecretDialog>
  );
}

// A leading space keeps the line with the token out of the history of most shells.
function commandsOf(token: string): string {
  return ` export LATCHKEY_TOKEN='${token}'\ncurl -sS -H @<(echo "Authorization: Bearer $LATCHKEY_TOKEN") ${location.origin}/v1/whoami`;
}

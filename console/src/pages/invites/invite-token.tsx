import type { Invite } from "../../../gen/latchkey/v1/invite_pb.ts";
import { CopyBlock } from "../../ui/copy.tsx";
import { SecretDialog } from "../../ui/secret-dialog.tsx";

/** Shows the token of an invite once, for a server that sends no mails. */
export function InviteToken({ invite, onClose }: { invite: Invite; onClose(): void }) {
  const { email = "", token = "" } = invite.spec ?? {};
  const page = `${location.origin}/console/accept-invite`;
  return (
    <SecretDialog
      title={`The invite of ${email}`}
      label="token"
      secret={token}
      fileName={`invite-${email}.txt`}
      onClose={onClose}
    >
      <p>
        This server sends no mails. Give the token to the person in a private message, with the page on which
        they paste it.
      </p>
      <CopyBlock label="page" text={page} />
    </SecretDialog>
  );
}

import { useState } from "react";
import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useToast } from "../../ui/toast.tsx";
import { useCall } from "../../use-call.ts";
import { idOf, nameOf } from "./account-tasks.ts";

/** An invite whose token only this response has, because the server sends no mail. */
export interface IssuedInvite {
  email: string;
  token: string;
}

/** Invites the first owner of an account. */
export function OwnerDialog({
  account,
  onIssued,
  onClose,
}: {
  account: Account;
  onIssued(invite: IssuedInvite): void;
  onClose(): void;
}) {
  const [email, setEmail] = useState("");
  const show = useToast();
  const invite = useCall(AccountService.method.inviteFirstOwner, ({ invite: made }) => {
    const token = made?.spec?.token ?? "";
    if (token) onIssued({ email, token });
    else show(`The invite was mailed to ${email}.`);
    onClose();
  });
  return (
    <Dialog
      title={`First owner of ${nameOf(account)}`}
      description="Works only while the account has neither an owner nor a pending invite of one."
      onClose={onClose}
    >
      <Form onSubmit={() => invite.mutate({ accountId: idOf(account), email })}>
        <TextField
          label="E-mail address"
          type="email"
          value={email}
          onChange={setEmail}
          error={violationsOf(invite.error).email}
          autoComplete="off"
          autoFocus
        />
        <ErrorNote error={invite.error} shown={["email"]} />
        <footer className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={invite.isPending}>
            Invite
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}

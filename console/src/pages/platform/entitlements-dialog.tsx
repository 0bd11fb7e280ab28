import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextArea } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { idOf, nameOf } from "./account-tasks.ts";

/** Returns the entries of a text with one entry per line. */
export function linesOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((line) => line !== "");
}

/** Changes what the plan of an account includes. */
export function EntitlementsDialog({ account, onClose }: { account: Account; onClose(): void }) {
  const [text, setText] = useState(() => (account.info?.entitlements ?? []).join("\n"));
  const set = useMutation(AccountService.method.setEntitlements, { onSuccess: onClose });
  const save = () => set.mutate({ accountId: idOf(account), entitlements: linesOf(text) });
  return (
    <Dialog
      title={`Entitlements of ${nameOf(account)}`}
      description="What the plan of the account includes. Verifications that require something else are refused at once."
      onClose={onClose}
    >
      <Form onSubmit={save}>
        <TextArea
          label="Entitlements"
          hint="One per line: a name such as realtime, or a name with a number such as max_api_keys=100."
          rows={8}
          spellCheck={false}
          value={text}
          onChange={setText}
        />
        <ErrorNote error={set.error} />
        <footer className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={set.isPending}>
            Save
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}

import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { AccountService } from "../gen/latchkey/v1/account_service_pb.ts";
import { useConnection } from "./connection.ts";
import { violationsOf } from "./errors.ts";
import { Button } from "./ui/button.tsx";
import { Dialog } from "./ui/dialog.tsx";
import { ErrorNote } from "./ui/error-note.tsx";
import { TextField } from "./ui/field.tsx";
import { Form } from "./ui/form.tsx";

/** Makes another account that the user owns, and switches to it. */
export function NewAccountDialog({ onClose }: { onClose(): void }) {
  const { account } = useConnection();
  const [name, setName] = useState("");
  const create = useMutation(AccountService.method.createAccount, {
    onSuccess: (response) => {
      account.set(response.account?.metadata?.id);
      onClose();
    },
  });
  return (
    <Dialog title="New account" description="You become its owner." onClose={onClose}>
      <Form onSubmit={() => create.mutate({ metadata: { name } })}>
        <TextField
          label="Account name"
          value={name}
          onChange={setName}
          error={violationsOf(create.error)["metadata.name"]}
          autoComplete="organization"
          autoFocus
        />
        <ErrorNote error={create.error} shown={["metadata.name"]} />
        <footer className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={create.isPending}>
            Create account
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}

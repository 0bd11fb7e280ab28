import { useState } from "react";
import { type Account, AccountState } from "../gen/latchkey/v1/account_pb.ts";
import { useConnection } from "./connection.ts";
import { NewAccountDialog } from "./new-account-dialog.tsx";
import { Notice } from "./notice.tsx";
import { Badge } from "./ui/badge.tsx";
import { Button } from "./ui/button.tsx";
import { ErrorNote } from "./ui/error-note.tsx";
import { useLogOut } from "./use-log-out.ts";

/** Lets the user choose the account that this tab acts in. */
export function AccountChooser({ accounts, error }: { accounts: readonly Account[]; error?: unknown }) {
  const { account } = useConnection();
  const [making, setMaking] = useState(false);
  const logOut = useLogOut();
  return (
    <Notice
      title={accounts.length > 0 ? "Choose an account" : "You belong to no account"}
      foot={
        <Button variant="ghost" icon="out" onClick={logOut}>
          Log out
        </Button>
      }
    >
      <ErrorNote error={error} />
      {accounts.length === 0 && <p>Accept an invite, or create an account of your own.</p>}
      <ul className="choices">
        {accounts.map(({ metadata, state }) => (
          <li key={metadata?.id}>
            <button
              type="button"
              disabled={state !== AccountState.ACTIVE}
              onClick={() => account.set(metadata?.id)}
            >
              <span>{metadata?.name}</span>
              {state === AccountState.SUSPENDED && <Badge tone="warning">Suspended</Badge>}
              {state === AccountState.DELETED && <Badge tone="danger">Deleted</Badge>}
            </button>
          </li>
        ))}
      </ul>
      <Button icon="plus" onClick={() => setMaking(true)}>
        New account
      </Button>
      {making && <NewAccountDialog onClose={() => setMaking(false)} />}
    </Notice>
  );
}

import { useState } from "react";
import { useLocation } from "wouter";
import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { EmptyState, PageHeader, Toolbar } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Pager } from "../../ui/pager.tsx";
import { SecretDialog } from "../../ui/secret-dialog.tsx";
import { usePages } from "../../use-pages.ts";
import { AccountTable } from "./account-table.tsx";
import { type AccountTask, idOf, nameOf } from "./account-tasks.ts";
import { EntitlementsDialog } from "./entitlements-dialog.tsx";
import { OpenAccountDialog } from "./open-account-dialog.tsx";
import { type IssuedInvite, OwnerDialog } from "./owner-dialog.tsx";
import { StateConfirm } from "./state-confirm.tsx";

/** The accounts of the deployment, for a key of the platform. */
export function AccountsPage() {
  const [query, setQuery] = useState("");
  const [externalId, setExternalId] = useState("");
  const [task, setTask] = useState<AccountTask>();
  const [opening, setOpening] = useState(false);
  const [invite, setInvite] = useState<IssuedInvite>();
  const { can } = useSession();
  const act = useAct();
  const text = query.trim();
  const found = text.startsWith("acct_") ? { prefix: text } : { query: text };
  const list = usePages(AccountService.method.searchAccounts, { ...found, externalId: externalId.trim() });
  const end = () => setTask(undefined);
  return (
    <>
      <PageHeader
        title="Accounts"
        description="The customers of this deployment."
        actions={
          can("accounts:write") && (
            <Button variant="primary" icon="plus" onClick={() => setOpening(true)}>
              Open account
            </Button>
          )
        }
      />
      <Toolbar>
        <TextField label="Name or id" type="search" value={query} onChange={setQuery} />
        <TextField label="External id" value={externalId} onChange={setExternalId} spellCheck={false} />
      </Toolbar>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="No account found">
              <p>Search by a part of the name, by the id, or by the whole external id.</p>
            </EmptyState>
          ) : (
            <AccountTable accounts={items} busy={list.busy} onTask={setTask} onAct={act} />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {opening && <OpenAccountDialog onClose={() => setOpening(false)} />}
      {task?.name === "entitlements" && <EntitlementsDialog account={task.account} onClose={end} />}
      {task?.name === "owner" && <OwnerDialog account={task.account} onIssued={setInvite} onClose={end} />}
      {(task?.name === "suspend" || task?.name === "resume") && (
        <StateConfirm account={task.account} name={task.name} onClose={end} />
      )}
      {/* Outside the list, because its refresh must not remove it. */}
      {invite && (
        <SecretDialog
          title={`Invite for ${invite.email}`}
          label="invite"
          secret={invite.token}
          fileName="invite.txt"
          onClose={() => setInvite(undefined)}
        />
      )}
    </>
  );
}

// The start page then belongs to the account of the customer.
function useAct(): (account: Account) => void {
  const { platform } = useConnection();
  const [, navigate] = useLocation();
  return (account) => {
    platform.tenant.set({ id: idOf(account), name: nameOf(account) });
    navigate("/");
  };
}

import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { labelsText } from "../../parts/labels.ts";
import { historyOf } from "../../parts/links.tsx";
import { useOwner } from "../../parts/rank.ts";
import { useSession } from "../../session.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { CopyText } from "../../ui/copy.tsx";
import { Facts, PageHeader, Section } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Time } from "../../ui/time.tsx";
import { RemovePerson } from "../people/remove-person.tsx";
import { AccountDialog } from "./account-dialog.tsx";
import { DeleteAccount } from "./delete-account.tsx";
import { Plan } from "./plan.tsx";
import { SystemKey } from "./system-key.tsx";

/** The account: its name, its plan, its system key and its end. */
export function AccountPage() {
  const query = useQuery(AccountService.method.getAccount, {});
  return <Loaded query={query}>{({ account }) => account && <AccountView account={account} />}</Loaded>;
}

function AccountView({ account }: { account: Account }) {
  const { can } = useSession();
  const owner = useOwner();
  const [open, setOpen] = useState<"edit" | "leave" | "delete">();
  const { metadata, spec, info } = account;
  const close = () => setOpen(undefined);
  const { id = "", name = "" } = metadata ?? {};
  return (
    <>
      <PageHeader
        title={name}
        description={spec?.description || "The account that you act in."}
        actions={
          <>
            {can("audit:read") && <LinkButton to={historyOf(id)}>History</LinkButton>}
            {can("account:write") && <Button onClick={() => setOpen("edit")}>Edit</Button>}
          </>
        }
      />
      <Facts
        facts={[
          ["Id", <CopyText key="id" label="id" text={id} />],
          ["Created", <Time key="created" value={metadata?.createdAt} />],
          ["External id", metadata?.externalId || <span className="quiet">none</span>],
          ["Labels", labelsText(metadata?.labels) || <span className="quiet">none</span>],
        ]}
      />
      <Plan account={account} />
      {info?.globalApiKey && <SystemKey apiKey={info.globalApiKey} />}
      <End owner={owner} onLeave={() => setOpen("leave")} onDelete={() => setOpen("delete")} />
      {open === "edit" && <AccountDialog account={account} onClose={close} />}
      {open === "leave" && <Leave onClose={close} />}
      {open === "delete" && <DeleteAccount account={account} onClose={close} />}
    </>
  );
}

function Leave({ onClose }: { onClose(): void }) {
  const { profile } = useSession();
  return <RemovePerson person={profile} onClose={onClose} />;
}

function End({ owner, onLeave, onDelete }: { owner: boolean; onLeave(): void; onDelete(): void }) {
  return (
    <Section
      title="Leave or delete"
      description="A member may leave the account, except its last owner. An owner may delete it."
    >
      <div className="actions start">
        <Button onClick={onLeave}>Leave the account</Button>
        {owner && (
          <Button variant="danger" onClick={onDelete}>
            Delete the account
          </Button>
        )}
      </div>
    </Section>
  );
}

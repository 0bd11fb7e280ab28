import { type Account, AccountState } from "../../../gen/latchkey/v1/account_pb.ts";
import { useSession } from "../../session.ts";
import { Badge } from "../../ui/badge.tsx";
import { CopyText } from "../../ui/copy.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { type AccountTask, idOf, nameOf } from "./account-tasks.ts";

interface TableProps {
  accounts: readonly Account[];
  busy: boolean;
  onTask(task: AccountTask): void;
  onAct(account: Account): void;
}

/** Accounts as a table, with what the key of the platform may do with each. */
export function AccountTable({ accounts, busy, onTask, onAct }: TableProps) {
  const { can, accountId } = useSession();
  const columns: Column<Account>[] = [
    { title: "Account", kind: "wide", cell: (account) => <AccountName account={account} /> },
    { title: "State", cell: (account) => <StateBadge state={account.state} /> },
    { title: "Entitlements", cell: (account) => <Entitlements account={account} /> },
    { title: "Opened", optional: true, cell: ({ metadata }) => <Time value={metadata?.createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (account) => {
        const isOwn = idOf(account) === accountId;
        const items = itemsOf(account, { can, isOwn, onTask, onAct });
        return items.length > 0 && <Menu label={`Actions for ${nameOf(account)}`} items={items} />;
      },
    },
  ];
  return <Table label="Accounts" columns={columns} rows={accounts} keyOf={idOf} busy={busy} />;
}

// The platform account cannot be suspended, and no key acts for it.
function itemsOf(
  account: Account,
  {
    can,
    isOwn,
    onTask,
    onAct,
  }: Pick<TableProps, "onTask" | "onAct"> & { can(permission: string): boolean; isOwn: boolean },
): MenuItem[] {
  const items: MenuItem[] = [];
  const task = (name: AccountTask["name"], label: string, danger = false) =>
    items.push({ label, danger, onSelect: () => onTask({ name, account }) });
  const isActive = account.state === AccountState.ACTIVE;
  if (can("accounts:act") && !isOwn)
    items.push({ label: "Act for this account", onSelect: () => onAct(account) });
  if (can("accounts:write")) task("entitlements", "Entitlements…");
  if (can("accounts:manage") && !isOwn) {
    if (isActive) task("owner", "Invite the first owner…");
    if (isActive) task("suspend", "Suspend…", true);
    else task("resume", "Resume…");
  }
  return items;
}

function AccountName({ account }: { account: Account }) {
  const externalId = account.metadata?.externalId;
  return (
    <div className="key-name">
      <strong>{nameOf(account)}</strong>
      <CopyText label="id" text={idOf(account)} />
      {externalId && <span className="quiet">{`External id ${externalId}`}</span>}
    </div>
  );
}

function StateBadge({ state }: { state: AccountState }) {
  if (state === AccountState.SUSPENDED) return <Badge tone="warning">Suspended</Badge>;
  if (state === AccountState.DELETED) return <Badge tone="danger">Deleted</Badge>;
  return <Badge tone="success">Active</Badge>;
}

const mostShown = 3;

function Entitlements({ account }: { account: Account }) {
  const entitlements = account.info?.entitlements ?? [];
  if (entitlements.length === 0) return <span className="quiet">none</span>;
  const more = entitlements.length - mostShown;
  return (
    <span className="badges">
      {entitlements.slice(0, mostShown).map((one) => (
        <Badge key={one}>{one}</Badge>
      ))}
      {more > 0 && <span className="quiet">{`+${more}`}</span>}
    </span>
  );
}

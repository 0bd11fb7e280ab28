import { useState } from "react";
import { useConnection } from "./connection.ts";
import { NewAccountDialog } from "./new-account-dialog.tsx";
import { useSession } from "./session.ts";
import { useStore } from "./store.ts";
import { Icon } from "./ui/icon.tsx";
import { Menu } from "./ui/menu.tsx";

/** The account of this tab, with the others that the user belongs to. */
export function AccountMenu() {
  const { platform } = useConnection();
  const tenant = useStore(platform.tenant);
  const isKey = useStore(platform.key) !== undefined;
  return isKey ? <AccountName name={tenant?.name ?? "Platform account"} /> : <AccountSwitcher />;
}

/** The account of a platform key, which belongs to no other account. */
function AccountName({ name }: { name: string }) {
  return (
    <p className="switcher">
      <span className="switcher-mark" aria-hidden="true">
        {[...name][0]}
      </span>
      <span className="switcher-name">{name}</span>
    </p>
  );
}

function AccountSwitcher() {
  const { accounts, accountId } = useSession();
  const { account } = useConnection();
  const [making, setMaking] = useState(false);
  const current = accounts.find(({ metadata }) => metadata?.id === accountId);
  const choices = accounts.map(({ metadata }) => ({
    label: metadata?.name ?? "",
    checked: metadata?.id === accountId,
    onSelect: () => account.set(metadata?.id),
  }));
  return (
    <>
      <Menu
        label="Accounts"
        className="switcher"
        items={[...choices, { label: "New account…", icon: "plus", onSelect: () => setMaking(true) }]}
      >
        <span className="switcher-mark" aria-hidden="true">
          {[...(current?.metadata?.name ?? "?")][0]}
        </span>
        <span className="switcher-name">{current?.metadata?.name}</span>
        <span className="hidden">switch account</span>
        <Icon name="chevron" />
      </Menu>
      {making && <NewAccountDialog onClose={() => setMaking(false)} />}
    </>
  );
}

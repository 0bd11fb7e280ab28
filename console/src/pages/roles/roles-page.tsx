import { useState } from "react";
import { useLocation } from "wouter";
import type { Role } from "../../../gen/latchkey/v1/role_pb.ts";
import { RoleService } from "../../../gen/latchkey/v1/role_service_pb.ts";
import { historyItem } from "../../parts/links.tsx";
import { Permissions } from "../../parts/permissions.tsx";
import { type Session, useSession } from "../../session.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { PageHeader } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { Pager } from "../../ui/pager.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { usePages } from "../../use-pages.ts";
import { DeleteRole } from "./delete-role.tsx";
import { RoleDialog } from "./role-dialog.tsx";

type Open = { what: "new" } | { what: "edit" | "delete"; role: Role };

/** The roles of the account: the four built-in ones and its own. */
export function RolesPage() {
  const session = useSession();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState<Open>();
  const list = usePages(RoleService.method.listRoles, { sortOrder: "asc" });
  const itemsOf = (role: Role) => menuOf(session, role, setOpen, navigate);
  const close = () => setOpen(undefined);
  return (
    <>
      <PageHeader
        title="Roles"
        description="A role is a named set of permissions. People and teams hold roles."
        actions={
          session.can("roles:write") && (
            <Button variant="primary" icon="plus" onClick={() => setOpen({ what: "new" })}>
              New role
            </Button>
          )
        }
      />
      <Loaded query={list}>
        {({ items }) => (
          <Table
            label="Roles"
            columns={columnsOf(itemsOf)}
            rows={items}
            keyOf={(role) => role.metadata?.id ?? ""}
            busy={list.busy}
          />
        )}
      </Loaded>
      <Pager {...list.pager} />
      {open?.what === "new" && <RoleDialog onClose={close} />}
      {open?.what === "edit" && <RoleDialog role={open.role} onClose={close} />}
      {open?.what === "delete" && <DeleteRole role={open.role} onClose={close} />}
    </>
  );
}

function menuOf(
  { can }: Session,
  role: Role,
  setOpen: (open: Open) => void,
  navigate: (to: string) => void,
): MenuItem[] {
  const custom = !role.spec?.builtin && can("roles:manage");
  const own: MenuItem[] = [
    { label: "Edit", onSelect: () => setOpen({ what: "edit", role }) },
    { label: "Delete", danger: true, onSelect: () => setOpen({ what: "delete", role }) },
  ];
  const history = historyItem(role.metadata?.id ?? "", can("audit:read"), navigate);
  return custom ? [...own.slice(0, 1), ...history, ...own.slice(1)] : history;
}

function columnsOf(itemsOf: (role: Role) => MenuItem[]): Column<Role>[] {
  return [
    {
      title: "Name",
      cell: ({ metadata, spec }) => (
        <>
          <strong>{metadata?.name}</strong> {spec?.builtin && <Badge>Built in</Badge>}
          {spec?.description && <p className="hint">{spec.description}</p>}
        </>
      ),
    },
    {
      title: "Permissions",
      kind: "wide",
      cell: ({ spec }) => <Permissions permissions={spec?.permissions ?? []} />,
    },
    { title: "Created", optional: true, cell: ({ metadata }) => <Time value={metadata?.createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (role) => {
        const items = itemsOf(role);
        return items.length > 0 && <Menu label={`Actions for ${role.metadata?.name}`} items={items} />;
      },
    },
  ];
}

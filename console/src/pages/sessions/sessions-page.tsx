import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Session } from "../../../gen/latchkey/v1/session_pb.ts";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { PageHeader } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Pager } from "../../ui/pager.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { useToast } from "../../ui/toast.tsx";
import { usePages } from "../../use-pages.ts";

/** Lists the sessions of the user, and ends them. */
export function SessionsPage() {
  const list = usePages(SessionService.method.listSessions, {});
  const revoke = useMutation(SessionService.method.revokeSession);
  const show = useToast();
  const [ending, setEnding] = useState<Session | "others">();
  const others = list.data?.items.some(({ current }) => !current) ?? false;
  async function end(): Promise<void> {
    if (ending === "others") await revoke.mutateAsync({ allOthers: true });
    else await revoke.mutateAsync({ id: ending?.id ?? "" });
    show(ending === "others" ? "All other sessions have ended." : "The session has ended.");
  }
  return (
    <>
      <PageHeader
        title="Sessions"
        description="The browsers and programs in which you are logged in."
        actions={
          others && (
            <Button icon="out" onClick={() => setEnding("others")}>
              End all others
            </Button>
          )
        }
      />
      <Loaded query={list}>
        {({ items }) => (
          <Table
            label="Sessions"
            columns={columns(setEnding)}
            rows={items}
            keyOf={({ id }) => id}
            busy={list.busy}
          />
        )}
      </Loaded>
      <Pager {...list.pager} />
      {ending && (
        <Confirm
          title={ending === "others" ? "End all other sessions?" : "End this session?"}
          action="End now"
          onConfirm={end}
          onClose={() => setEnding(undefined)}
        >
          <p>
            The browser or program that uses it must log in again. Invites and grace periods that it made end
            too.
          </p>
        </Confirm>
      )}
    </>
  );
}

function columns(onEnd: (session: Session) => void): Column<Session>[] {
  return [
    {
      title: "Logged in",
      kind: "wide",
      cell: (session) => (
        <>
          <Time value={session.createdAt} /> {session.current && <Badge tone="accent">This session</Badge>}
        </>
      ),
    },
    { title: "Last used", cell: (session) => <Time value={session.lastUsedAt} otherwise="not yet" /> },
    { title: "Ends", cell: (session) => <Time value={session.expiresAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (session) =>
        session.current || (
          <Button size="small" onClick={() => onEnd(session)}>
            End
          </Button>
        ),
    },
  ];
}

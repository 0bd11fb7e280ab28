import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { useRef, useState } from "react";
import { type AuditEvent, AuditEventSchema } from "../../../gen/latchkey/v1/audit_event_pb.ts";
import { AuditService } from "../../../gen/latchkey/v1/audit_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { csvOf } from "../../csv.ts";
import { saveFile } from "../../save-file.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Menu } from "../../ui/menu.tsx";
import { type Names, withRecordedNames } from "./event.ts";
import type { requestOf } from "./filter.ts";
import { header, rowOf } from "./rows.ts";
import { sentenceOfEvent, textOf } from "./sentence.ts";

type Format = "csv" | "json";
const maxEvents = 10_000;
const pageSize = 200;

interface State {
  format: Format;
  count: number;
  error?: unknown;
  /** True if there are more events than one export has. */
  full?: boolean;
  done?: boolean;
}

/** Exports the events of the filter to a file, page by page. */
export function ExportMenu({ request }: { request: ReturnType<typeof requestOf> }) {
  const { transport } = useConnection();
  const [state, setState] = useState<State>();
  const stop = useRef<AbortController>(undefined);
  async function run(format: Format): Promise<void> {
    const abort = new AbortController();
    stop.current = abort;
    setState({ format, count: 0 });
    const client = createClient(AuditService, transport);
    const events: AuditEvent[] = [];
    const names: Record<string, string> = {};
    try {
      for (let cursor: string | undefined = ""; cursor !== undefined; ) {
        const page = { ...request, limit: pageSize, cursor };
        const response = await client.listAuditEvents(page, { signal: abort.signal });
        events.push(...response.items);
        Object.assign(names, response.names);
        const next = response.pagination?.nextCursor || undefined;
        cursor = events.length < maxEvents ? next : undefined;
        setState({ format, count: events.length, full: next !== undefined && cursor === undefined });
      }
      save(format, events, withRecordedNames(events, names));
      setState((now) => now && { ...now, done: true });
    } catch (error) {
      if (!abort.signal.aborted) setState({ format, count: events.length, error });
    }
  }
  function close(): void {
    stop.current?.abort();
    setState(undefined);
  }
  return (
    <>
      <Menu
        label="Export"
        className="button secondary"
        items={[
          { label: "CSV for spreadsheets", icon: "download", onSelect: () => void run("csv") },
          { label: "JSON", icon: "download", onSelect: () => void run("json") },
        ]}
      >
        Export
      </Menu>
      {state && <Progress state={state} onClose={close} />}
    </>
  );
}

function Progress({ state: { count, error, full, done }, onClose }: { state: State; onClose(): void }) {
  return (
    <Dialog
      title="Export of the audit log"
      onClose={onClose}
      footer={<Button onClick={onClose}>{done || error !== undefined ? "Close" : "Cancel"}</Button>}
    >
      <p role="status">
        {done
          ? `${count.toLocaleString("en")} events are in the file.`
          : `${count.toLocaleString("en")} events so far …`}
      </p>
      {full && (
        <Banner tone="warning">
          One export has at most {maxEvents.toLocaleString("en")} events. The older ones are missing: choose a
          time in the filters.
        </Banner>
      )}
      <ErrorNote error={error} />
    </Dialog>
  );
}

function save(format: Format, events: readonly AuditEvent[], names: Names): void {
  const day = new Date().toISOString().slice(0, 10);
  if (format === "csv") {
    const rows = events.map((event) => rowOf(event, names));
    saveFile(`audit-${day}.csv`, "text/csv", csvOf([header, ...rows]));
    return;
  }
  const items = events.map((event) => ({
    ...(toJson(AuditEventSchema, event) as object),
    sentence: textOf(sentenceOfEvent(event, names)),
  }));
  saveFile(`audit-${day}.json`, "application/json", `${JSON.stringify({ items, names }, undefined, 2)}\n`);
}

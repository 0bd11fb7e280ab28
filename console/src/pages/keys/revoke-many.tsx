import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { parseLabels } from "../../parts/labels.ts";
import { useSession } from "../../session.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Checkbox, Select, TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { type KindName, kinds } from "./filter.ts";
import { findToken } from "./token-form.ts";
import { type BulkFilter, useBulkRevocation } from "./use-bulk-revocation.ts";
import { count, idOf, kindChoices, nameOf } from "./words.ts";

/** Revokes all keys that match a filter, in batches. It shows the number first, and can be stopped and continued. */
export function RevokeMany({ mintedBy, onClose }: { mintedBy?: ApiKey | undefined; onClose(): void }) {
  const [filter, setFilter] = useState<BulkFilter>(() => (mintedBy ? { mintedByKeyId: idOf(mintedBy) } : {}));
  const [known, setKnown] = useState(false);
  const narrow = Object.values(filter).some(Boolean);
  const { run, stop, done, left, running, error } = useBulkRevocation(filter);
  const dryRun = useQuery(
    ApiKeyService.method.revokeApiKeys,
    { filter, dryRun: true },
    { enabled: narrow && !running, staleTime: 0 },
  );
  const remaining = running || left !== undefined ? left : dryRun.data?.remainingCount;
  const total = done + (remaining ?? 0);
  return (
    <Dialog
      title={mintedBy ? `Revoke what “${nameOf(mintedBy)}” minted` : "Revoke many keys"}
      description="Revoked keys never work again. The system key never matches."
      onClose={() => running || onClose()}
    >
      <Form onSubmit={run}>
        {!mintedBy && done === 0 && !running && (
          <FilterFields
            onChange={(next) => {
              setKnown(false);
              setFilter(next);
            }}
          />
        )}
        {narrow && remaining !== undefined && <p role="status">{progressText(done, remaining)}</p>}
        {(running || done > 0) && (
          <progress aria-label="Revoked keys" max={Math.max(1, total)} value={done} />
        )}
        {remaining === 0 && done > 0 && (
          <Banner tone="success" title="All of them are dead everywhere. ">
            No instance accepts any of these keys.
          </Banner>
        )}
        {(remaining ?? 0) > 0 && !running && (
          <Checkbox
            label="I know that programs with these keys stop working"
            checked={known}
            onChange={setKnown}
          />
        )}
        <ErrorNote error={error ?? (narrow ? dryRun.error : undefined)} />
        <footer className="actions">
          {running ? (
            <Button onClick={stop}>Stop</Button>
          ) : (
            <Button onClick={onClose}>{done > 0 && remaining === 0 ? "Done" : "Cancel"}</Button>
          )}
          {remaining !== 0 && (
            <Button type="submit" variant="danger" busy={running} disabled={!known || !remaining}>
              {remaining ? `Revoke ${count(remaining, "key")}` : "Revoke keys"}
            </Button>
          )}
        </footer>
      </Form>
    </Dialog>
  );
}

function progressText(done: number, remaining: number): string {
  if (done === 0)
    return remaining === 0
      ? "No live key matches."
      : `${count(remaining, "live key")} match${remaining === 1 ? "es" : ""}.`;
  return `${count(done, "key")} revoked, ${remaining.toLocaleString("en")} left.`;
}

function FilterFields({ onChange }: { onChange(filter: BulkFilter): void }) {
  const { profile } = useSession();
  const [labels, setLabels] = useState("");
  const [kind, setKind] = useState<KindName | "">("");
  const [mine, setMine] = useState(false);
  // A filter with a part that is not complete would match more keys than the user wants.
  function change(next: { labels?: string; kind?: KindName | ""; mine?: boolean }) {
    const all = { labels, kind, mine, ...next };
    const wanted = all.labels.trim();
    if (wanted !== "" && (findToken(wanted) || parseLabels(wanted).error !== undefined)) return onChange({});
    onChange({
      ...(wanted && { labels: wanted }),
      ...(all.kind && { kind: kinds[all.kind] }),
      ...(all.mine && { createdBy: profile.metadata?.id ?? "" }),
    });
  }
  return (
    <>
      <TextField
        label="Keys with these labels"
        placeholder="env=staging"
        autoComplete="off"
        spellCheck={false}
        value={labels}
        onChange={(text) => {
          setLabels(text);
          change({ labels: text });
        }}
      />
      <Select
        label="Keys of this kind"
        value={kind}
        choices={[{ value: "", label: "Any" }, ...kindChoices]}
        onChange={(value) => {
          setKind(value);
          change({ kind: value });
        }}
      />
      <Checkbox
        label="Only keys that I created"
        checked={mine}
        onChange={(on) => {
          setMine(on);
          change({ mine: on });
        }}
      />
    </>
  );
}

import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { WorkspaceService } from "../../gen/latchkey/v1/workspace_service_pb.ts";
import { Checkbox, FieldSet } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { SearchField } from "./search-field.tsx";

const shown = 10;

/** A choice among the workspaces that the user may enter, because a user can give only those. */
export function WorkspacesPicker({
  label,
  hint,
  value,
  onChange,
  error,
}: {
  label: string;
  hint?: string;
  value: readonly string[];
  onChange(ids: readonly string[]): void;
  error?: string | undefined;
}) {
  const [query, setQuery] = useState("");
  const request = { query, limit: shown + 1, sortOrder: "asc" };
  const list = useQuery(WorkspaceService.method.listWorkspaces, request, {
    placeholderData: keepPreviousData,
  });
  const many = query !== "" || (list.data?.items.length ?? 0) > shown;
  return (
    <FieldSet label={label} hint={hint}>
      {many && <SearchField label="Search workspaces" value={query} onChange={setQuery} />}
      <Loaded query={list}>
        {({ items }) => (
          <>
            {items.length === 0 && <p className="quiet">There is no workspace that you may enter.</p>}
            {items.slice(0, shown).map(({ metadata }) => {
              const id = metadata?.id ?? "";
              return (
                <Checkbox
                  key={id}
                  label={metadata?.name}
                  checked={value.includes(id)}
                  onChange={(checked) =>
                    onChange(checked ? [...value, id] : value.filter((one) => one !== id))
                  }
                />
              );
            })}
            {many && <p className="hint">{`${value.length} chosen`}</p>}
          </>
        )}
      </Loaded>
      {error && <p className="field-error">{error}</p>}
    </FieldSet>
  );
}

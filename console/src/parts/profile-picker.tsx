import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { type Profile, ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { Radios, Select } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { SearchField } from "./search-field.tsx";

const words: Readonly<Record<number, string>> = {
  [ProfileType.USER]: "People",
  [ProfileType.SERVICE_ACCOUNT]: "Service accounts",
  [ProfileType.API_KEY]: "Keys",
};
const shown = 8;

/** A search for a person, service account or key of the account, and a choice among the first results. */
export function ProfilePicker({
  label,
  types,
  value,
  onChange,
}: {
  label: string;
  types: readonly ProfileType[];
  value: string;
  onChange(id: string): void;
}) {
  const [query, setQuery] = useState("");
  const [type, setType] = useState<ProfileType>(types[0] ?? ProfileType.USER);
  const request = { query, type, limit: shown + 1 };
  const list = useQuery(ProfileService.method.listProfiles, request, { placeholderData: keepPreviousData });
  return (
    <>
      {types.length > 1 && (
        <Select
          label="Kind"
          value={String(type)}
          onChange={(chosen) => {
            setType(Number(chosen) as ProfileType);
            onChange("");
          }}
          choices={types.map((one) => ({ value: String(one), label: words[one] ?? "" }))}
        />
      )}
      <SearchField
        label={`Search ${(words[type] ?? "").toLowerCase()}`}
        placeholder={type === ProfileType.USER ? "Name or e-mail address" : "Name"}
        value={query}
        onChange={setQuery}
      />
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="quiet">Nothing has this name.</p>
          ) : (
            <>
              <Radios
                label={label}
                value={value}
                onChange={onChange}
                choices={items.slice(0, shown).map(choiceOf)}
              />
              {items.length > shown && <p className="hint">There are more. Search for a name.</p>}
            </>
          )
        }
      </Loaded>
    </>
  );
}

function choiceOf({ metadata, spec }: Profile) {
  return { value: metadata?.id ?? "", label: spec?.name ?? "", hint: spec?.email };
}

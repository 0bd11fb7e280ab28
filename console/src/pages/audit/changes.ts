import { type Entry, type Names, nameIn } from "./event.ts";

/** The change of one field. For a list, `added` and `removed` are the entries that differ. */
export interface FieldChange {
  field: string;
  before?: string;
  after?: string;
  added?: readonly string[];
  removed?: readonly string[];
}

/** Returns the changed fields of an event, with ids replaced by names. */
export function changesOf(
  entry: Pick<Entry, "resourceId" | "before" | "after">,
  names: Names,
): readonly FieldChange[] {
  const { before = {}, after = {} } = entry;
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const show = (value: unknown) => valueText(value, (id) => nameIn(entry, names, id));
  return fields.flatMap((name): FieldChange[] => {
    const [old, now] = [before[name], after[name]];
    const field = labelOf(name);
    if (Array.isArray(old) || Array.isArray(now)) {
      const [had, has] = [entries(old).map(show), entries(now).map(show)];
      const [added, removed] = [without(has, had), without(had, has)];
      return added.length + removed.length > 0 ? [{ field, added, removed }] : [];
    }
    // An empty value of something new says nothing.
    if (isEmpty(old) && isEmpty(now)) return [];
    return [
      { field, ...(!isEmpty(old) && { before: show(old) }), ...(!isEmpty(now) && { after: show(now) }) },
    ];
  });
}

const without = (all: readonly string[], some: readonly string[]) => all.filter((one) => !some.includes(one));
const entries = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function isEmpty(value: unknown): boolean {
  const isObject = typeof value === "object" && value !== null;
  return (
    value === undefined || value === null || value === "" || (isObject && Object.keys(value).length === 0)
  );
}

const idPattern = /^[a-z]{2,4}_[0-9a-z]{26}$/;

function valueText(value: unknown, nameOf: (id: string) => string): string {
  if (typeof value === "string") return idPattern.test(value) ? nameOf(value) : value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return String(value);
  return labelsText(value) ?? JSON.stringify(value);
}

// Labels and other flat objects are shown as `key=value` pairs.
function labelsText(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const pairs = Object.entries(value);
  if (pairs.some(([, one]) => typeof one === "object" && one !== null)) return undefined;
  return pairs.map(([key, one]) => `${key}=${one}`).join(", ");
}

const labels: Readonly<Record<string, string>> = {
  external_id: "External id",
  api_key_ids: "Revoked keys",
  invite_ids: "Revoked invites",
  session_id: "Session",
  hint: "New token",
  grace_seconds: "Grace period in seconds",
};

function labelOf(name: string): string {
  const words = name.replace(/_ids$/, "s").replace(/_id$/, "").replaceAll("_", " ");
  return labels[name] ?? `${words[0]?.toUpperCase() ?? ""}${words.slice(1)}`;
}

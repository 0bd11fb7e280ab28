import { nameOfCall, wordsOfCall } from "./call-words.ts";
import { type Entry, type Names, nameIn, type Part } from "./event.ts";
import { templateOf } from "./rules.ts";

const refused = 2;

/** Returns the sentence of an audit event, in parts that a page can link. It ends without a full stop. */
export function sentenceOfEvent(entry: Entry, names: Names): readonly Part[] {
  const call = nameOfCall(entry.method);
  const template = entry.outcome === refused ? refusalOf(call) : templateOf(entry, call);
  return template.split(/(\{[^}]+\})/).flatMap((piece) => {
    if (piece === "") return [];
    return piece.startsWith("{") ? valueAt(entry, names, piece.slice(1, -1)) : [piece];
  });
}

/** Returns the text of a sentence. */
export function textOf(parts: readonly Part[]): string {
  const text = parts.map((part) =>
    typeof part === "string" ? part : "time" in part ? part.time : part.name,
  );
  return text.join("");
}

function refusalOf(call: string): string {
  if (call === "LogIn") return "A log-in as {actor} failed";
  if (call === "*") return "{actor} was refused further calls";
  return `{actor} was not allowed to ${wordsOfCall(call)}`;
}

function valueAt(entry: Entry, names: Names, path: string): readonly Part[] {
  if (path === "actor") return actorOf(entry, names);
  if (path === "resource") return [named(entry, names, entry.resourceId)];
  const [side, field = ""] = path.split(".");
  const value = (side === "before" ? entry.before : entry.after)?.[field];
  if (field === "previous_use") return [{ time: String(value) }];
  return [field.endsWith("_id") ? named(entry, names, String(value)) : String(value)];
}

function actorOf(entry: Entry, names: Names): readonly Part[] {
  const { profileId, keyId, via } = entry;
  // The key of the platform is in another account, so the account cannot see its name.
  if (via === "platform") return ["The platform"];
  if (keyId === "") return [named(entry, names, profileId)];
  const key = named(entry, names, keyId);
  const profile = named(entry, names, profileId);
  // An application key has its own profile, with the name of the key.
  const own = !names[profileId] || profile.name === key.name;
  return own ? ["The key ", key] : [profile, " with the key ", key];
}

function named(entry: Entry, names: Names, id: string): { id: string; name: string } {
  return { id, name: nameIn(entry, names, id) };
}

import type { Template } from "./template.ts";

/** A template with the HTTP method and the value that belong to it. */
export interface Entry<T> {
  httpMethod: string;
  template: Template;
  value: T;
}

/** What a path matches. */
export interface Match<T> {
  /** The entry of the path and the method. Undefined if the path accepts other methods only. */
  entry?: Entry<T> | undefined;
  /** The segments of the path that the entry matches, as the client encoded them, without the verb. */
  segments: readonly string[];
  /** The methods that the path accepts. */
  allowed: readonly string[];
}

/** Finds the entry of a path and a method. Returns undefined if no entry has the path. */
export type Find<T> = (path: string, httpMethod: string) => Match<T> | undefined;

interface Node<T> {
  literals: Map<string, Node<T>>;
  one?: Node<T>;
  /** By the verb, then by the method: the entries that end here. */
  ends: Map<string, Map<string, Entry<T>>>;
  /** The same for the entries that end in `**` here. */
  rests: Map<string, Map<string, Entry<T>>>;
}

/**
 * Creates the search over some templates. A literal segment is preferred to `*`, and `*` to `**`. The text after the last colon
 * is a verb if that gives a match, and otherwise a part of the last segment. Fails if two entries have the same path and method.
 */
export function createFind<T>(entries: readonly Entry<T>[]): Find<T> {
  const root = newNode<T>();
  const plain = new Map<string, Map<string, Match<T>>>();
  for (const entry of entries) add(root, entry);
  for (const entry of entries) keepPlain(plain, entry);

  // Every call of Connect and gRPC passes here, and none of their paths begins as a template does.
  function mayMatch(path: string): boolean {
    if (root.one || root.rests.size > 0) return true;
    const end = path.indexOf("/", 1);
    return root.literals.has(path.slice(1, end < 0 ? undefined : end));
  }

  function search(path: string, httpMethod: string): Match<T> | undefined {
    if (!path.startsWith("/") || !mayMatch(path)) return undefined;
    const segments = path.slice(1).split("/");
    const last = segments.at(-1) ?? "";
    const at = last.lastIndexOf(":");
    if (at !== -1) {
      const withoutVerb = [...segments.slice(0, -1), last.slice(0, at)];
      const match = choose(root, withoutVerb, last.slice(at + 1), httpMethod);
      if (match) return match;
    }
    return choose(root, segments, "", httpMethod);
  }

  return (path, httpMethod) => plain.get(path)?.get(httpMethod) ?? search(path, httpMethod);
}

function choose<T>(
  root: Node<T>,
  segments: readonly string[],
  verb: string,
  httpMethod: string,
): Match<T> | undefined {
  const allowed = new Set<string>();
  for (const methods of endsOf(root, segments, 0, verb)) {
    const entry = methods.get(httpMethod);
    if (entry) return { entry, segments, allowed: [] };
    for (const method of methods.keys()) allowed.add(method);
  }
  return allowed.size > 0 ? { segments, allowed: [...allowed] } : undefined;
}

// Yields the entries of the most specific template first.
function* endsOf<T>(
  node: Node<T>,
  segments: readonly string[],
  at: number,
  verb: string,
): Generator<Map<string, Entry<T>>> {
  const segment = segments[at];
  if (segment === undefined) {
    const ends = node.ends.get(verb);
    if (ends) yield ends;
  } else {
    const literal = node.literals.get(segment);
    if (literal) yield* endsOf(literal, segments, at + 1, verb);
    if (node.one && segment !== "") yield* endsOf(node.one, segments, at + 1, verb);
  }
  const rests = node.rests.get(verb);
  if (rests) yield rests;
}

function add<T>(root: Node<T>, entry: Entry<T>): void {
  const { segments, verb } = entry.template;
  let node = root;
  for (const segment of segments) {
    if (segment.kind === "rest") break;
    const next: Node<T> =
      (segment.kind === "one" ? node.one : node.literals.get(segment.text)) ?? newNode<T>();
    if (segment.kind === "one") node.one = next;
    else node.literals.set(segment.text, next);
    node = next;
  }
  const table = segments.at(-1)?.kind === "rest" ? node.rests : node.ends;
  const methods = table.get(verb) ?? new Map<string, Entry<T>>();
  table.set(verb, methods);
  if (methods.has(entry.httpMethod))
    throw new Error(`two routes have the path and method of ${textOf(entry)}`);
  methods.set(entry.httpMethod, entry);
}

// A path without variables is found without a walk.
function keepPlain<T>(plain: Map<string, Map<string, Match<T>>>, entry: Entry<T>): void {
  const { segments, verb } = entry.template;
  const texts = segments.flatMap((one) => (one.kind === "literal" ? [one.text] : []));
  if (texts.length < segments.length) return;
  const path = `/${texts.join("/")}${verb === "" ? "" : `:${verb}`}`;
  const methods = plain.get(path) ?? new Map<string, Match<T>>();
  plain.set(path, methods.set(entry.httpMethod, { entry, segments: texts, allowed: [] }));
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), ends: new Map(), rests: new Map() };
}

function textOf({ httpMethod, template }: Entry<unknown>): string {
  const parts = template.segments.map((one) =>
    one.kind === "literal" ? one.text : one.kind === "one" ? "*" : "**",
  );
  return `${httpMethod} /${parts.join("/")}${template.verb === "" ? "" : `:${template.verb}`}`;
}

import { type Definition, globalOptions, type Option } from "./definition.ts";

/** The shells that the command line completes in. */
export const shells = ["bash", "zsh", "fish"] as const;

/** One of these shells. */
export type Shell = (typeof shells)[number];

/** A place in the command line: the words of commands before it, what can follow, and the options there. */
interface Place {
  readonly at: string;
  readonly next: readonly Named[];
  readonly options: readonly (Named & Option)[];
}

interface Named {
  readonly name: string;
  readonly summary: string;
}

/** Returns the completion script for a shell. */
export function completionScript(shell: Shell, commands: readonly Definition[]): string {
  const places = placesOf(commands);
  return { bash, zsh, fish }[shell](places);
}

function placesOf(commands: readonly Definition[]): Place[] {
  const starts = new Set(
    commands.flatMap(({ path }) => path.map((_, length) => path.slice(0, length).join(" "))),
  );
  const inner = [...starts].map((at) => ({ at, next: nextOf(at, commands), options: named(globalOptions) }));
  const ends = commands.map(({ path, arguments: [first] = [], options = {} }) => ({
    at: path.join(" "),
    next: (first?.choices ?? []).map((name) => ({ name, summary: first?.summary ?? "" })),
    options: named({ ...options, ...globalOptions }),
  }));
  return [...inner, ...ends];
}

function nextOf(at: string, commands: readonly Definition[]): Named[] {
  const next = new Map<string, string>();
  for (const { path, summary } of commands) {
    const depth = at === "" ? 0 : at.split(" ").length;
    const name = path[depth];
    if (path.slice(0, depth).join(" ") !== at || name === undefined || next.has(name)) continue;
    next.set(name, path.length === depth + 1 ? summary : `commands for ${name}`);
  }
  return [...next].map(([name, summary]) => ({ name, summary }));
}

const named = (options: Readonly<Record<string, Option>>) =>
  Object.entries(options).map(([name, option]) => ({ name, ...option }));

// The options that are followed by a value, in any command.
function withValue(places: readonly Place[], fits: (option: Option) => boolean = () => true): string[] {
  const found = places.flatMap(({ options }) =>
    options.filter((one) => one.value !== undefined && fits(one)),
  );
  return [...new Set(found.map(({ name }) => `--${name}`))];
}

const isFile = ({ value }: Option) => value === "FILE";
const choicesOf = (places: readonly Place[]) =>
  places.flatMap(({ at, options }) =>
    options.flatMap(({ name, choices }) => (choices ? [{ at, name, choices }] : [])),
  );

// Finds the place: the longest row of words that names a command or begins one.
function walk(places: readonly Place[], words: string, first: number, last: string): string {
  const known = places.filter(({ at }) => at !== "").map(({ at }) => `" ${at}"`);
  return `  local at="" word i skip=0
  for ((i = ${first}; i < ${last}; i++)); do
    word="\${${words}[i]}"
    if ((skip)); then skip=0; continue; fi
    case "$word" in
      ${withValue(places).join("|")}) skip=1 ;;
      -*) ;;
      *) case "$at $word" in ${known.join("|")}) at="$at $word" ;; esac ;;
    esac
  done`;
}

function bash(places: readonly Place[]): string {
  const choices = choicesOf(places).map(
    ({ at, name, choices: values }) => `    " ${at}:--${name}") words="${values.join(" ")}" ;;`,
  );
  const lists = places.map(({ at, next, options }) => {
    const words = [...next.map(({ name }) => name), ...options.map(({ name }) => `--${name}`)];
    return `      "${at === "" ? "" : ` ${at}`}") words="${words.join(" ")}" ;;`;
  });
  return `# bash completion for latchkey
_latchkey() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words=""
${walk(places, "COMP_WORDS", 1, "COMP_CWORD")}
  COMPREPLY=()
  case "$at:$prev" in
${choices.join("\n")}
    ${withValue(places, isFile)
      .map((name) => `*:${name}`)
      .join("|")}) return ;;
    ${withValue(places, (one) => !isFile(one))
      .map((name) => `*:${name}`)
      .join("|")}) compopt +o default 2>/dev/null; return ;;
    *) case "$at" in
${lists.join("\n")}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _latchkey latchkey`;
}

const zshItem = ({ name, summary }: Named) => quoted(`${name}:${summary}`);
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(places: readonly Place[]): string {
  const choices = choicesOf(places).map(
    ({ at, name, choices: values }) => `    " ${at}:--${name}") compadd -- ${values.join(" ")}; return ;;`,
  );
  const lists = places.map(({ at, next, options }) => {
    const all = [...next, ...options.map((one) => ({ ...one, name: `--${one.name}` }))];
    return `    "${at === "" ? "" : ` ${at}`}") items=(${all.map(zshItem).join(" ")}) ;;`;
  });
  return `#compdef latchkey
_latchkey() {
  local -a items
${walk(places, "words", 2, "CURRENT")}
  case "$at:\${words[CURRENT-1]}" in
${choices.join("\n")}
    ${withValue(places, isFile)
      .map((name) => `*:${name}`)
      .join("|")}) _files; return ;;
    ${withValue(places, (one) => !isFile(one))
      .map((name) => `*:${name}`)
      .join("|")}) return ;;
  esac
  case "$at" in
${lists.join("\n")}
  esac
  _describe latchkey items
}
if [ "$funcstack[1]" = "_latchkey" ]; then _latchkey "$@"; else compdef _latchkey latchkey; fi`;
}

function fish(places: readonly Place[]): string {
  const text = (one: string) => `'${one.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = places.flatMap(({ at, next, options }) => {
    const here = `complete -c latchkey -n ${text(`__latchkey_at "${at}"`)}`;
    return [
      ...next.map(({ name, summary }) => `${here} -a ${name} -d ${text(summary)}`),
      ...options.map(({ name, short, value, choices, summary }) => {
        const takes = value === undefined ? "" : isFile({ value, summary }) ? " -r -F" : " -x";
        const values = choices ? ` -a ${text(choices.join(" "))}` : "";
        return `${here}${short ? ` -s ${short}` : ""} -l ${name}${takes}${values} -d ${text(summary)}`;
      }),
    ];
  });
  const known = places.filter(({ at }) => at !== "").map(({ at }) => text(at));
  return `# fish completion for latchkey
function __latchkey_at
  # The shell asks for each place of the table. The words are examined once.
  set -l words (commandline -opc)
  if test "$words" != "$__latchkey_words"
    set -g __latchkey_words "$words"
    set -g __latchkey_place (__latchkey_find $words[2..-1])
  end
  test "$__latchkey_place" = "$argv[1]"
end
function __latchkey_find
  set -l at ""
  set -l skip 0
  for word in $argv
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${withValue(places).join(" ")}
        set skip 1
      case '-*'
      case '*'
        set -l longer (string trim "$at $word")
        if contains -- "$longer" ${known.join(" ")}
          set at "$longer"
        end
    end
  end
  echo "$at"
end
complete -c latchkey -f
${lines.join("\n")}`;
}

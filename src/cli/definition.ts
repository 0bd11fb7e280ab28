/** A word after the name of a command. */
export interface Argument {
  /** The name, such as `key_id`. Help shows it in capitals. */
  readonly name: string;
  readonly summary: string;
  readonly optional?: boolean;
  /** The values that are allowed. */
  readonly choices?: readonly string[];
  /** Whether the command takes any number of them. Only the last argument can. */
  readonly many?: boolean;
}

/** An option of a command. Without `value`, it is a switch. */
export interface Option {
  readonly summary: string;
  /** The name of the value in help, such as `NAME`. Completion offers files for `FILE`. */
  readonly value?: string;
  /** The values that are allowed. */
  readonly choices?: readonly string[];
  /** Whether the option may be given several times. */
  readonly many?: boolean;
  readonly required?: boolean;
  /** Whether an empty value makes a field empty. Otherwise it is refused: it is often a shell variable that is unset. */
  readonly mayBeEmpty?: boolean;
  /** One letter. */
  readonly short?: string;
}

/** A use of a command that works. The suite runs it. */
export interface Example {
  /** One sentence. */
  readonly text: string;
  /** A line for a shell. Words such as `KEY_ID` stand for an id of the reader. */
  readonly command: string;
}

/** What the parser, help, completion and docs know of a command. */
export interface Definition {
  /** The words that name it, such as `["key", "list"]`. */
  readonly path: readonly [string, ...string[]];
  /** What it does, in a few words that begin with a verb. */
  readonly summary: string;
  /** Sentences for its own help. */
  readonly description?: string;
  readonly arguments?: readonly Argument[];
  readonly options?: Readonly<Record<string, Option>>;
  readonly examples: readonly Example[];
  /** The RPCs that it calls, such as `ApiKeyService.ListApiKeys`. */
  readonly rpcs: readonly string[];
  /** Why it takes no arguments, for a caller that gives one. */
  readonly refusesArguments?: string;
}

/** The arguments and options of a call, by name, before their types are known. */
export type AnyInput = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

type OptionValue<O extends Option> = O extends { value: string }
  ? O extends { many: true }
    ? readonly string[]
    : O extends { required: true }
      ? string
      : string | undefined
  : boolean;

type ArgumentValue<A extends Argument> = A extends { many: true }
  ? readonly string[]
  : A extends { optional: true }
    ? string | undefined
    : string;

/** The arguments and options of a command, by name. */
export type Input<A extends readonly Argument[], O extends Readonly<Record<string, Option>>> = {
  readonly [One in A[number] as One["name"]]: ArgumentValue<One>;
} & { readonly [Name in keyof O]: OptionValue<O[Name]> };

/** The options of every command. */
export const globalOptions = {
  url: { value: "URL", summary: "address of the server (LATCHKEY_URL; http://127.0.0.1:8080)" },
  account: {
    value: "ACCOUNT_ID",
    summary: "account to act in, for users of several accounts and platform keys",
  },
  "token-file": { value: "FILE", summary: "file with the token to use, or - for stdin (LATCHKEY_TOKEN)" },
  ca: { value: "FILE", summary: "certificate of the authority to trust, in PEM" },
  json: { summary: "write the message itself as JSON" },
  quiet: { short: "q", summary: "write only ids" },
  help: { short: "h", summary: "show this help" },
} as const satisfies Record<string, Option>;

/** The options of every command, as given. */
export type GlobalInput = Input<readonly [], typeof globalOptions>;

/** The option of commands that ask for confirmation. */
export const yes = { short: "y", summary: "do not ask for confirmation" } as const satisfies Option;

import type { Writable } from "node:stream";
import { styleText } from "node:util";
import type { Message } from "@bufbuild/protobuf";
import type { Env } from "../config/reader.ts";
import { failureOf } from "./failure.ts";
import { type Column, fieldLines, grid } from "./grid.ts";
import { visible } from "./text.ts";

/** A stream of the process, and what is known of it if it is a terminal. */
export type Stream = Writable & { isTTY?: boolean; columns?: number };

/** A list to show. */
export interface ShownList<T> {
  /** The response, which `--json` writes. */
  message: Message;
  items: readonly T[];
  columns: readonly Column<T>[];
  id(item: T): string;
  /** What to write to a person if there are no items, such as `no keys`. */
  empty: string;
}

/** One resource to show. */
export interface ShownItem {
  /** The resource or the response, which `--json` writes. */
  message: Message;
  id: string;
  fields: readonly (readonly [name: string, value: string])[];
}

/** Writes results to stdout: tables for people, messages for programs, or ids. Everything else goes to stderr. */
export interface Output {
  readonly format: "text" | "json" | "ids";
  list<T>(list: ShownList<T>): Promise<void>;
  item(item: ShownItem): Promise<void>;
  /** Writes a message as JSON, with its zero and empty fields, in every format. */
  message(message: Message): Promise<void>;
  /** Writes one line of the result, in every format. */
  line(text: string): void;
  /** Writes one line for a person to stderr. With `--quiet`, it writes nothing. */
  note(text: string): void;
  /** The same after the result. */
  noteAtEnd(text: string): void;
  /** Makes the loss of the result a failure even if its reader has ended, because the result has a secret. */
  mustArrive(): void;
  /** Waits until the result is written. Fails if it cannot be. A reader that has ended, such as `head`, is no failure. */
  written(): Promise<void>;
  /** Returns whether nothing can be written any more. */
  isClosed(): boolean;
  /** Returns the text in bold, green, yellow or red if stdout is a terminal that shows colour. */
  style(format: "bold" | "green" | "yellow" | "red" | "dim", text: string): string;
}

/** What an output needs. */
export interface OutputOptions {
  stdout: Stream;
  stderr: Stream;
  env: Env;
  json: boolean;
  quiet: boolean;
}

/** Creates the output of a command. */
export function createOutput({ stdout, stderr, env, json, quiet }: OutputOptions): Output {
  const format = json ? "json" : quiet ? "ids" : "text";
  const hasColour = stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
  // A terminal that does not know its width has 0 columns.
  const width = (stdout.isTTY && stdout.columns) || undefined;
  const { line, ...end } = createWriter(stdout);

  async function message(one: Message): Promise<void> {
    const { jsonOf } = await import("./message-json.ts");
    line(jsonOf(one));
  }

  const style: Output["style"] = (name, text) =>
    hasColour ? styleText(name, text, { validateStream: false }) : text;

  const note: Output["note"] = (text) => {
    if (!quiet) stderr.write(`${visible(text)}\n`);
  };

  const lastNotes: string[] = [];

  return {
    format,
    message,
    ...end,
    async written() {
      await end.written();
      for (const text of lastNotes.splice(0)) note(text);
    },
    noteAtEnd: (text) => void lastNotes.push(text),
    line,
    note,
    style,
    async list({ message: whole, items, columns, id, empty }) {
      if (format === "json") return message(whole);
      if (format === "ids") return items.forEach((item) => void line(visible(id(item))));
      if (items.length === 0) return note(empty);
      const [titles = "", ...rows] = grid(columns, items, width);
      for (const row of [style("bold", titles), ...rows]) line(row);
    },
    async item({ message: whole, id, fields }) {
      if (format === "json") return message(whole);
      // Some results are about nothing that has an id.
      const ids = id === "" ? [] : [visible(id)];
      for (const row of format === "ids" ? ids : fieldLines(fields)) line(row);
    },
  };
}

function createWriter(stdout: Stream): Pick<Output, "line" | "mustArrive" | "written" | "isClosed"> {
  let loss: unknown;
  let isSecret = false;
  let last: Promise<void> = Promise.resolve();
  return {
    line(text) {
      last = new Promise((resolve) => {
        stdout.write(`${text}\n`, (error) => {
          loss ??= error;
          resolve();
        });
      });
    },
    mustArrive() {
      isSecret = true;
    },
    async written() {
      await last;
      const code = loss instanceof Error && "code" in loss ? loss.code : loss;
      if (!loss || (code === "EPIPE" && !isSecret)) return;
      throw failureOf(
        `the result could not be written (${code})${isSecret ? ", so its token is lost: mint another one" : ""}`,
      );
    },
    isClosed: () => Boolean(loss),
  };
}

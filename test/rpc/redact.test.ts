import { type DescField, type DescMessage, getOption, type JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { redact } from "../../gen/latchkey/v1/redact_pb.ts";
import { createLog } from "../../src/infra/log.ts";
import { serve } from "../support/net/http.ts";
import { methods } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const secret = "hunter2-and-more";

const marked = methods
  .flatMap(({ input, output }) => [...pathsOf(input), ...pathsOf(output)])
  .map((path) => [path.map(({ parent, name }) => `${parent.name}.${name}`).join(" "), path] as const);

test.each(marked)("the log redacts a field with the option: %s", (_name, path) => {
  const message = messageWith(path, secret);
  const lines: string[] = [];
  const log = createLog("info", { write: (line) => void lines.push(line) });
  log.info({ message, text: JSON.stringify(message), list: [message] }, "a message");
  expect(lines.join("")).toContain(path.at(-1)?.jsonName);
  expect(lines.join("")).not.toContain(secret);
});

test("no error quotes a field with the option, for any method", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const tooLong = `${secret}\n`.repeat(600);
  let sent = 0;
  for (const method of methods) {
    for (const path of pathsOf(method.input)) {
      for (const value of [secret, tooLong, [secret], { [secret]: secret }]) {
        const answer = await http.post(method, { token: owner.token, body: messageWith(path, value) });
        expect(answer.text, `${method.name} ${answer.status}`).not.toContain(secret);
        sent += 1;
      }
    }
  }
  expect(sent).toBeGreaterThan(40);
  expect(app.logLines.join("")).not.toContain(secret);
});

/** Returns the path of each field of a message, at any depth, that has the option. */
function pathsOf(schema: DescMessage, above: readonly DescField[] = []): DescField[][] {
  if (above.some(({ parent }) => parent === schema)) return [];
  return schema.fields.flatMap((field) => {
    const path = [...above, field];
    const own = getOption(field, redact) ? [path] : [];
    return field.message ? [...own, ...pathsOf(field.message, path)] : own;
  });
}

/** Returns the JSON of a message in which only the field at the end of the path is set. */
function messageWith([field, ...rest]: readonly DescField[], value: unknown): JsonObject {
  if (!field) throw new Error("a path without a field");
  const inner = rest.length > 0 ? messageWith(rest, value) : value;
  return { [field.jsonName]: field.fieldKind === "list" ? [inner] : inner } as JsonObject;
}

import { expect, test } from "vitest";
import { createGate } from "../../src/guard/gate.ts";
import { createRequirementsReader } from "../../src/guard/requirements.ts";
import { createFakeGuard } from "../support/guard/fake-guard.ts";

test("requirements that can change are read each time, also if their object is frozen", () => {
  const read = createRequirementsReader({});
  let current = Object.freeze(["runs:read"]);
  const required = Object.freeze({
    get permissions() {
      return current;
    },
  });
  expect(read(required)?.permissions).toEqual(["runs:read"]);
  current = Object.freeze(["runs:start"]);
  expect(read(required)?.permissions).toEqual(["runs:start"]);
  const list = ["runs:read"];
  const shallow = Object.freeze({ permissions: list });
  expect(read(shallow)?.permissions).toEqual(["runs:read"]);
  list[0] = "runs:start";
  expect(read(shallow)?.text).toContain("runs:start");
});

test.each([
  ["an unknown option", { permissions: ["runs:start"] }],
  ["a misspelt option", { require: { permissions: ["runs:start"] } }],
  ["a text as requirements", { requires: "runs:start" }],
  ["no requirements", { requires: null }],
  ["a list as requirements", { requires: ["runs:start"] }],
])(
  "an adapter with %s fails at its creation, because it would require less than its author meant",
  (_, options) => {
    expect(() => createGate(createFakeGuard({}), options as never)).toThrow(TypeError);
  },
);

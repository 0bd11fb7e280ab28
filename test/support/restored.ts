// Fails each test file that does not restore what it changed in its process: the files of a worker share the process.
import { afterAll } from "vitest";
import { changedParts, processState } from "./process-state.ts";

const before = processState();

afterAll(() => {
  const changed = changedParts(before, processState());
  if (changed.length === 0) return;
  throw new Error(`this file must restore what it changed in its process: ${changed.join(", ")}`);
});

// Checks every answer of plain HTTP, in each test file, against the document of the server.
import { afterAll, beforeAll } from "vitest";
import { type Recording, recordAnswers } from "./recorder.ts";

let recording: Recording | undefined;

beforeAll(() => {
  recording = recordAnswers();
});
// A test may have caught the error.
afterAll(() => {
  recording?.end();
  if (recording && recording.problems.length > 0) throw new Error(recording.problems.join("\n\n"));
});

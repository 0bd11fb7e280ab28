import { createAnswerCheck } from "./answer-check.ts";
import { document } from "./document.ts";

/** Checks an answer against gen/openapi.json. */
export const checkAnswer = createAnswerCheck(document);

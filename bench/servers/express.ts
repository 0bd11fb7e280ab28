import express from "express";
import { latchkey, needs } from "../../src/guard/express.ts";
import { createGuard } from "../../src/guard/guard.ts";
import { portOf } from "./port-of.ts";

// The same Express route on two ports: behind a guard, and without one.
const { BENCH_URL: url = "", BENCH_BEARER: token = "" } = process.env;

const guard = createGuard({ url, token });
const runs = [{ id: "run_1", state: "done" }];
const behind = express().get("/runs", latchkey(guard), needs("agents:read"), (_, response) => {
  response.json({ runs });
});
const without = express().get("/runs", (_, response) => {
  response.json({ runs });
});

if (!(await guard.ready(10_000))) throw new Error("the guard has no lease");
const first = behind.listen(0, "127.0.0.1", () => {
  const second = without.listen(0, "127.0.0.1", () => {
    process.stdout.write(`express listening on ${portOf(first)} and ${portOf(second)}\n`);
  });
});

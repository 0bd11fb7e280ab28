import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { VerifyTokenResponseSchema } from "../gen/latchkey/v1/token_service_pb.ts";
import { readConfig } from "../src/config/config.ts";
import { principalMessage } from "../src/rpc/principal-message.ts";
import { decimals, median, whole } from "./compare.ts";
import { entitlements, largest } from "./largest.ts";
import type { Part } from "./part.ts";

/** The duration of one evaluation of the largest principal that the default bounds allow. */
export const evaluate: Part = async (_stack, { quick }) => {
  const { bounds } = readConfig({});
  const { bytes, principal, ...principalOf } = largest(bounds);
  const response = () =>
    create(VerifyTokenResponseSchema, { valid: true, principal: principalMessage(principal) });
  const json = () => toJsonString(VerifyTokenResponseSchema, response());
  const binary = () => toBinary(VerifyTokenResponseSchema, response());
  const [many, few] = quick ? [50, 10] : [2_000, 200];
  const rows: [what: string, run: () => unknown, samples: number, toReach: string][] = [
    ["one evaluation", principalOf.evaluate, many, "1"],
    ["one evaluation that meets no requirement", principalOf.evaluateInVain, many, "1"],
    ["its response as JSON", json, few, ""],
    ["its response as binary", binary, few, ""],
    [`once per load of its row of ${whole(bytes / 1_024)} KiB`, principalOf.load, few, ""],
  ];
  return [
    "### Evaluation of the largest principal\n",
    `${whole(bounds.permissionsPerPrincipal)} permissions, ${whole(bounds.workspacesPerProfile)} workspaces, ${entitlements} entitlements and`,
    `${bounds.tokensPerKey} tokens. The requirements are 64 permissions, 64 entitlements and a workspace.\n`,
    "| | median ms | to reach |",
    "| --- | --: | --: |",
    ...rows.map(
      ([what, run, samples, toReach]) => `| ${what} | ${decimals(timeOf(run, samples))} | ${toReach} |`,
    ),
    "",
  ].join("\n");
};

/** Returns the median duration of a function, in milliseconds. */
export function timeOf(run: () => unknown, samples: number): number {
  return median(
    Array.from({ length: samples }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    }),
  );
}

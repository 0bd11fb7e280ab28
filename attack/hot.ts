import { decimals, median, short, whole } from "../bench/compare.ts";
import { haveQuickGenerators, type Seen } from "../bench/generators.ts";
import { measureHot } from "../bench/hot-measurement.ts";
import { pinOther, pinSelf } from "../bench/processes.ts";
import type { Part } from "./part.ts";

const reach = 0.62;
// A server that uses less of its core waits for the generator. Then the rates would only compare generators.
const busy = 0.9;

/** The cost of all limits: hot verification compared with bare node:http. */
export const hot: Part = async (stack, { quick }, progress) => {
  pinSelf(1);
  stack.defer(() => pinOther(process.pid, [0, 1]));
  const options = { peers: false, quick, rounds: quick ? 1 : 9, seconds: quick ? 1 : 3 };
  const { seen } = await measureHot(stack, options, progress, ["bareHttp", "json"]);
  const [ours, bare] = [seen.json ?? [], seen.bareHttp ?? []];
  const ratios = (of: (sample: Seen) => number) =>
    ours.map((sample, round) => of(sample) / of(bare[round] ?? sample));
  const byRate = ratios(({ perSecond }) => perSecond);
  const byCpu = ratios(({ perSecond, cores }) => perSecond / cores);
  const isBusy = [...ours, ...bare].every(({ cores }) => cores >= busy);
  const rate = (samples: Seen[]) => whole(median(samples.map(({ perSecond }) => perSecond)));
  const measured = [
    `${rate(ours)} and ${rate(bare)} calls per second: ${spread(byRate)}`,
    `per second of the server's CPU time: ${spread(byCpu)}`,
    haveQuickGenerators
      ? "by wrk"
      : `by the bench's own generator, because wrk is missing${isBusy ? "" : "; it is too slow for these servers, so the CPU time counts"}`,
  ];
  return [
    {
      attack: "hot: `VerifyToken`, Connect JSON, compared with bare node:http",
      measured: measured.join("; "),
      limit: `ratio ≥ ${reach}`,
      held: Number(decimals(median(isBusy ? byRate : byCpu))) >= reach,
    },
  ];
};

function spread(ratios: number[]): string {
  return `**${short(median(ratios))}** (${short(Math.min(...ratios))} to ${short(Math.max(...ratios))})`;
}

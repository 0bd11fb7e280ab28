import type { DescMethod } from "@bufbuild/protobuf";
import { methods, nameOf } from "../schema/requests.ts";
import { exemption, type Loss, losses } from "./exempt.ts";
import { type ProtocolName, protocols } from "./protocol.ts";

/** An RPC that is stalled over a protocol while its bearer loses its authority. */
export interface StalledCase {
  method: DescMethod;
  protocol: ProtocolName;
  loss: Loss;
}

/** A case that does not apply, and why. */
export interface Exempt {
  rpc: string;
  loss: Loss;
  reason: string;
}

/** The cases to run. */
export interface Choice {
  /** The RPCs whose names match. All by default. */
  rpcs?: RegExp;
  protocols?: readonly ProtocolName[];
  losses?: readonly Loss[];
  /**
   * `each` (default) runs every RPC at least once, and every protocol with every loss at least once. `all` runs every
   * RPC with every protocol and every loss. `some` runs every loss with three protocols, and every protocol.
   */
  cover?: "some" | "each" | "all";
  /** Chooses the pairs of an `each` run, and the cases of a `some` run. */
  seed?: number;
}

/** Every protocol. */
export const protocolNames = Object.keys(protocols) as ProtocolName[];

/** Returns the cases of a choice, and those that do not apply. */
export function planCases(choice: Choice): { cases: StalledCase[]; exempt: Exempt[] } {
  const { rpcs = /./, protocols: wires = protocolNames, losses: ways = losses } = choice;
  const cases: StalledCase[] = [];
  const exempt: Exempt[] = [];
  for (const method of methods.filter((one) => rpcs.test(nameOf(one)))) {
    for (const loss of ways) {
      const reason = exemption(method, loss);
      if (reason !== undefined) exempt.push({ rpc: nameOf(method), loss, reason });
      else cases.push(...wires.map((protocol) => ({ method, protocol, loss })));
    }
  }
  const seed = choice.seed ?? 0;
  if (choice.cover === "all") return { cases, exempt };
  return { cases: choice.cover === "some" ? someOfEachLoss(cases, seed) : oneOfEach(cases, seed), exempt };
}

const protocolsPerLoss = 3;

// Another seed chooses other protocols and other RPCs. An RPC is chosen again only if all RPCs of a pair were chosen.
function someOfEachLoss(all: StalledCase[], seed: number): StalledCase[] {
  const chosen: StalledCase[] = [];
  for (const ofLoss of Map.groupBy(all, ({ loss }) => loss).values()) {
    const byProtocol = [...Map.groupBy(ofLoss, ({ protocol }) => protocol).values()];
    for (let count = 0; count < protocolsPerLoss; count++) {
      const candidates = byProtocol[(seed + chosen.length) % byProtocol.length] ?? [];
      const others = candidates.filter(({ method }) => !chosen.some((one) => one.method === method));
      const from = others.length > 0 ? others : candidates;
      chosen.push(...from.slice(seed % from.length).slice(0, 1));
    }
  }
  return chosen;
}

// Chooses for each RPC a pair that no earlier RPC had, if there is one. Then adds one case for each remaining pair.
function oneOfEach(all: StalledCase[], seed: number): StalledCase[] {
  const covered = new Set<string>();
  const chosen: StalledCase[] = [];
  const pairOf = ({ protocol, loss }: StalledCase) => `${protocol} ${loss}`;
  function choose(from: StalledCase[], at: number): void {
    const rotated = [...from.slice(at % from.length), ...from.slice(0, at % from.length)];
    const one = rotated.find((candidate) => !covered.has(pairOf(candidate))) ?? rotated[0];
    if (!one) return;
    covered.add(pairOf(one));
    chosen.push(one);
  }
  const byMethod = [...Map.groupBy(all, ({ method }) => method).values()];
  // RPCs with the fewest choices come first.
  byMethod.sort((a, b) => a.length - b.length);
  for (const [index, ofMethod] of byMethod.entries()) choose(ofMethod, seed + index * 7);
  for (const [pair, candidates] of Map.groupBy(all, pairOf)) {
    if (!covered.has(pair)) choose(candidates, seed + chosen.length);
  }
  return chosen;
}

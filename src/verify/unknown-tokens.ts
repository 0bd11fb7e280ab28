import { networkOf } from "../domain/kernel/network.ts";
import { hourOf, type UnknownCount } from "../domain/kernel/usage-batch.ts";

/** Counts tokens that no key has by the network of their client, and never by the token or its id. */
export interface UnknownTokens {
  /** Counts one, for the account of the verifier. */
  count(accountId: string, clientAddress: string | undefined): void;
  /** Returns the counts, and starts again. */
  take(): UnknownCount[];
}

// In one hour, each of the first networks of an account counts for itself. All further networks count together.
const maxNetworks = 100;
const otherNetworks = "*";

interface Networks {
  accountId: string;
  hour: number;
  counts: Map<string, number>;
}

/** Starts to count. Without `addresses`, all tokens of an account count together. */
export function createUnknownTokens(addresses: boolean): UnknownTokens {
  // The networks of the current hour by account. They stay after `take`, so that the bound holds for the whole hour.
  let accounts = new Map<string, Networks>();
  let ended: Networks[] = [];
  let current = 0;

  function networksOf(accountId: string, hour: number): Networks {
    if (hour !== current) {
      ended.push(...accounts.values());
      accounts = new Map();
      current = hour;
    }
    const known = accounts.get(accountId);
    if (known) return known;
    const networks = { accountId, hour, counts: new Map<string, number>() };
    accounts.set(accountId, networks);
    return networks;
  }

  return {
    count(accountId, clientAddress) {
      const { counts } = networksOf(accountId, hourOf(Date.now()));
      const network = addresses && clientAddress !== undefined ? networkOf(clientAddress) : "";
      const name = counts.has(network) || counts.size < maxNetworks ? network : otherNetworks;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    take() {
      const taken = [...ended, ...accounts.values()].flatMap(({ accountId, hour, counts }) =>
        [...counts]
          .filter(([, count]) => count > 0)
          .map(([network, count]) => ({ accountId, hour, network, count })),
      );
      ended = [];
      for (const { counts } of accounts.values()) for (const name of counts.keys()) counts.set(name, 0);
      return taken;
    },
  };
}

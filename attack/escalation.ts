import { connect } from "node:net";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { whole } from "../bench/compare.ts";
import { openBenchDatabase } from "../bench/database.ts";
import { pinOther } from "../bench/processes.ts";
import { startService } from "../bench/service.ts";
import { bearer } from "../test/support/actors/bearer.ts";
import { clients } from "../test/support/actors/clients.ts";
import { searchEscalationPure } from "../test/support/escalation-search/pure.ts";
import { searchEscalation } from "../test/support/escalation-search/server.ts";
import type { SearchedApp } from "../test/support/escalation-search/server-world.ts";
import type { SearchSummary } from "../test/support/escalation-search/summary.ts";
import type { Part, Row } from "./part.ts";

// The search uses many accounts, because the number of roles per account is limited.
const accounts = 20;
const stepsPerAccount = 150;
const firstAddress = 10;

/** Random organisations. In each, a weak principal and everything that it creates try to get more than it holds. */
export const escalation: Part = async (stack, { quick }, progress) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const pure = searchEscalationPure({ steps: quick ? 2_000 : 100_000, seed });
  const database = await openBenchDatabase(stack, 100, 1);
  pinOther(database.pid(), [0, 1]);
  const service = await startService(stack, database, { pinned: false });
  const served: SearchSummary[] = [];
  for (let account = 0; account < (quick ? 1 : accounts); account++) {
    const baseUrl = `http://127.0.0.1:${service.port}`;
    // Each account has a connection from a different address, because the number of sign-ups per address is limited.
    const address = {
      host: "127.0.0.1",
      port: service.port,
      localAddress: `127.0.0.${firstAddress + account}`,
    };
    const connection = new Http2SessionManager(baseUrl, undefined, {
      createConnection: () => connect(address),
    });
    stack.defer(() => connection.abort());
    const app = searchedApp(baseUrl, connection, database.platformToken, `account${account}`);
    served.push(await searchEscalation({ steps: stepsPerAccount, seed: seed + account, app }));
    progress(`escalation through the server: ${stepsPerAccount * (account + 1)} steps`);
  }
  return [
    row("escalation: random organisations, the pure function", pure),
    row("escalation: random organisations, through the server", sum(served)),
  ];
};

/** Adds up the results of several searches. */
function sum(parts: readonly SearchSummary[]): SearchSummary {
  const total = (of: (part: SearchSummary) => number) => parts.reduce((all, part) => all + of(part), 0);
  return {
    seed: parts[0]?.seed ?? Number.NaN,
    steps: total(({ steps }) => steps),
    organisations: total(({ organisations }) => organisations),
    allowed: total(({ allowed }) => allowed),
    refused: total(({ refused }) => refused),
    violations: parts.flatMap(({ violations }) => violations),
  };
}

function row(
  attack: string,
  { steps, seed, organisations, allowed, refused, violations }: SearchSummary,
): Row {
  const measured = [
    `**${violations.length}** in ${whole(steps)} steps in ${whole(organisations)} organisations`,
    `${whole(allowed)} changes allowed, ${whole(refused)} refused`,
    `seed ${seed}`,
    ...violations.slice(0, 3),
  ];
  // If the server allowed or refused nearly everything, the search proves nothing.
  const searched = allowed > steps / 50 && refused > steps / 5;
  return {
    attack,
    measured: measured.join("; "),
    limit: "0 escalations",
    held: violations.length === 0 && searched,
  };
}

/** Returns a real server in the form that the search needs. All its clients connect over the network. */
function searchedApp(
  baseUrl: string,
  sessionManager: Http2SessionManager,
  platformToken: string,
  domain: string,
): SearchedApp {
  const clientAs: SearchedApp["clientAs"] = (token, headers = {}) => {
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager,
      interceptors: [
        bearer(token),
        (next) => (request) => {
          for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
          return next(request);
        },
      ],
    });
    return clients(transport, token);
  };
  let people = 0;
  return {
    platformToken,
    clientAs,
    async newAccount(name = "Acme") {
      people += 1;
      const email = `person${people}@${domain}.example.com`;
      const signUp = {
        email,
        password: "correct horse battery",
        name: `Person ${people}`,
        accountName: name,
      };
      const { account, profile, token } = await clientAs("").sessions.signUp(signUp);
      if (!account || !profile) throw new Error("the response of SignUp has no account or no profile");
      return { ...clientAs(token), account, profile, email };
    },
  };
}

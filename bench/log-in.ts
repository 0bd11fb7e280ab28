import { quantile } from "./closed-loop.ts";
import { decimals } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import type { Part } from "./part.ts";
import { startService } from "./service.ts";

type Quartiles = [number, number, number];

// Fewer attempts per e-mail address and per client than the limit on guesses.
const triesEach = 5;

/**
 * The duration of refused log-ins with a known and with an unknown e-mail address. If they differed, they would reveal which
 * addresses exist. The two kinds take turns, one at a time, and each is first equally often.
 */
export const logIn: Part = async (stack, { logIns }) => {
  const database = await openBenchDatabase(stack, 100, 1);
  const { port } = await startService(stack, database, { env: { LATCHKEY_TRUSTED_PROXIES: "127.0.0.1" } });
  const people = Math.ceil(logIns / triesEach);
  for (let n = 0; n < people; n++) {
    const email = `known${n}@example.com`;
    await post(port, n, "SignUp", { email, password: right, name: "Known", accountName: "Known" }, 200);
  }
  const wrongPassword: number[] = [];
  const unknownAddress: number[] = [];
  for (let n = 0; n < logIns; n++) {
    const person = n % people;
    const wrong = async () => wrongPassword.push(await refuse(port, person, `known${person}@example.com`));
    const unknown = async () => unknownAddress.push(await refuse(port, person, `n0own${person}@example.com`));
    for (const attempt of n % 2 === 0 ? [wrong, unknown] : [unknown, wrong]) await attempt();
  }
  const spread = ([low, middle, high]: Quartiles) =>
    `${decimals(middle)} (${decimals(low)} to ${decimals(high)})`;
  return [
    "### Log-ins\n",
    `Refused log-ins, ${logIns} of each kind in turns, median and middle half in ms: known address ${spread(quartiles(wrongPassword))},`,
    `unknown address ${spread(quartiles(unknownAddress))}.\n`,
  ].join("\n");
};

const right = "correct horse battery";

async function refuse(port: number, client: number, email: string): Promise<number> {
  const startedAt = performance.now();
  await post(port, client, "LogIn", { email, password: "wrong horse battery" }, 401);
  return performance.now() - startedAt;
}

async function post(
  port: number,
  client: number,
  method: string,
  body: object,
  expected: number,
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/latchkey.v1.SessionService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-forwarded-for": `192.0.2.${client % 250}` },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== expected) throw new Error(`${method}: status ${response.status}: ${text}`);
}

function quartiles(times: number[]): Quartiles {
  const sorted = times.sort((a, b) => a - b);
  return [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)];
}

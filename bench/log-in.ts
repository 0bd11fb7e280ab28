import { quantile } from "./closed-loop.ts";

/** How long refused log-ins took, in milliseconds: by the quarter, the half and three quarters. */
export interface LogInTimes {
  wrongPassword: Quartiles;
  unknownAddress: Quartiles;
}

export type Quartiles = [number, number, number];

/**
 * Measures whether refused log-ins betray which addresses are known: one at a time, a wrong password and an unknown
 * address in turns, each first as often as the other.
 */
export async function measureLogIn(port: number, tries: number): Promise<LogInTimes> {
  const known = "known@example.com";
  const account = { email: known, password: "correct horse battery", name: "Known", accountName: "Known" };
  await post(port, "SignUp", account, 200);
  const wrongPassword: number[] = [];
  const unknownAddress: number[] = [];
  for (let n = 0; n < tries; n++) {
    const wrong = async () => wrongPassword.push(await logIn(port, known));
    const unknown = async () => unknownAddress.push(await logIn(port, `n${n % 10}own@example.com`));
    for (const attempt of n % 2 === 0 ? [wrong, unknown] : [unknown, wrong]) await attempt();
  }
  return { wrongPassword: quartiles(wrongPassword), unknownAddress: quartiles(unknownAddress) };
}

async function logIn(port: number, email: string): Promise<number> {
  const startedAt = performance.now();
  await post(port, "LogIn", { email, password: "wrong horse battery" }, 401);
  return performance.now() - startedAt;
}

async function post(port: number, method: string, body: object, expected: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/latchkey.v1.SessionService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== expected) throw new Error(`${method} answered ${response.status}: ${text}`);
}

function quartiles(times: number[]): Quartiles {
  const sorted = times.sort((a, b) => a - b);
  return [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)];
}

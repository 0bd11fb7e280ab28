import type { KeyFiles } from "./platform-key.ts";

// What the commands call if nothing names another server.
const defaultUrl = "http://127.0.0.1:8080";

/** Returns the text that is printed after a start on an embedded database: where the keys are, and what to do next. */
export function quickstart(url: string, keys: KeyFiles): string {
  const commands = quickstartCommands(url).map((command) => `  ${command}\n`);
  return `
The platform key is in ${keys.platform}, and a key that can only verify in ${keys.verifier}.
In a second terminal, here:

${commands.join("")}
The first one shows a key from its creation to its end. The others make your own account and its first key.
The console is ${url}/console/.

`;
}

/** Returns the three commands for a newcomer: try the server, make an account, create a key. */
export function quickstartCommands(url: string): string[] {
  // The last command calls the server of the account.
  const at = url === defaultUrl ? "" : ` --url ${url}`;
  return [
    `npx latchkey try${at}`,
    `npx latchkey sign-up${at}`,
    `npx latchkey key create --name "my first key" --permission agents:read`,
  ];
}

import { command } from "../command.ts";
import { failureOf } from "../failure.ts";
import { jsonText } from "../text.ts";

const doctor = command({
  path: ["doctor"],
  summary: "find what is wrong with a server, and say what to do",
  description:
    "Checks the settings, the data directory, the database, the clocks, the change feed, the leases, the certificate, the running server and the versions. It reads the same environment as `latchkey serve`, and changes nothing. With --url, it checks that server from outside. The exit code is 1 if a check failed.",
  examples: [
    { text: "Check the server of these settings.", command: "latchkey doctor" },
    { text: "Check a remote server.", command: "latchkey doctor --url http://127.0.0.1:8080" },
    { text: "The same for a program.", command: "latchkey doctor --json" },
  ],
  rpcs: [],
  async run(context) {
    const { createLog } = await import("../../infra/log.ts");
    const { diagnose, diagnoseRemote, exitCodeOf } = await import("../doctor/doctor.ts");
    const { reportLines } = await import("../doctor/report.ts");
    const { url } = context.globals;
    const deps = { env: context.env, log: createLog("silent", { write() {} }), now: Date.now };
    const findings =
      url === undefined
        ? await diagnose(deps)
        : await diagnoseRemote(deps, { url: context.url(), ca: await context.ca() });
    if (context.out.format === "json") context.out.line(jsonText({ findings }, 2));
    else for (const line of reportLines(findings, context.out.style)) context.out.line(line);
    // The report has said everything.
    if (exitCodeOf(findings) !== 0) throw failureOf("a check failed");
  },
});

const attempt = command({
  path: ["try"],
  summary: "sign up, issue a key, verify it and revoke it, with each call as curl",
  description:
    "Creates an account with one key at a server on this machine. It verifies with the key in the data directory, as your services do. Another server is used only if --url names it; then the new owner verifies.",
  examples: [{ text: "Try the server of `npm start`.", command: "latchkey try" }],
  rpcs: [
    "SessionService.SignUp",
    "ApiKeyService.CreateApiKey",
    "TokenService.VerifyToken",
    "ApiKeyService.RevokeApiKey",
  ],
  async run(context) {
    const { startTry } = await import("../try/start.ts");
    await startTry(context);
  },
});

/** The commands that look at a server as a whole. */
export const healthCommands = [doctor, attempt];

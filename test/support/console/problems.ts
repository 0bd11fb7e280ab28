import type { Page } from "playwright-core";

// The browser writes these lines for every answer with an error, which the page handles.
const answers = /^Failed to load resource: /;

/** Calls `report` for each error and warning of a page, and for each violation of its content security policy. */
export async function watchProblems(page: Page, report: (problem: string) => void): Promise<void> {
  page.on("pageerror", (error) => report(`error: ${error.message}`));
  page.on("console", (message) => {
    const type = message.type();
    if ((type === "error" || type === "warning") && !answers.test(message.text())) {
      report(`${type}: ${message.text()}`);
    }
  });
  await page.exposeFunction("reportViolation", (violation: string) => report(`policy: ${violation}`));
  await page.addInitScript(
    `addEventListener("securitypolicyviolation", (event) =>
      reportViolation(event.effectiveDirective + " " + event.blockedURI + " " + event.sample))`,
  );
}

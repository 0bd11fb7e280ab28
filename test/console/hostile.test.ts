import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, beforeEach, expect, test } from "vitest";
import { type Owner, password, useApp } from "../support/app.ts";
import { useConsole } from "../support/console/console.ts";
import { sampled } from "../support/random.ts";

// A hostile page on another port of the same host, which SameSite does not keep away, and one on another host.
const hostile = createServer((_, response) => {
  response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Hostile</title>");
});
hostile.listen(0, "127.0.0.1");
await once(hostile, "listening");
const { port } = hostile.address() as AddressInfo;
const places = [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
afterAll(() => {
  hostile.close();
  hostile.closeAllConnections();
});

const app = useApp({ LATCHKEY_CORS_ORIGINS: "*" });
const tabs = useConsole(app);
let victim: Owner;
let attacker: Owner;
beforeEach(async () => {
  [victim, attacker] = [await app.newAccount("Victim"), await app.newAccount("Attacker")];
});

// The page knows these names. Tests are compiled without the types of browsers.
interface Attack {
  url: string;
  email: string;
  password: string;
}
type Result = Promise<string[]> | string[];

/** Opens the hostile page in the browser of a signed-in victim, and runs an attack in it. */
async function attackFrom(place: string, attack: string): Promise<{ page: Page; results: string[] }> {
  tabs.allow(/./);
  const page = await tabs.openBlank({ as: victim });
  await page.goto(place);
  const input: Attack = { url: tabs.url, email: attacker.email, password };
  const results = (await page.evaluate(`(${attack})(${JSON.stringify(input)})`)) as Awaited<Result>;
  return { page, results };
}

/** Fails unless the victim is still signed in, and the account is as it was. */
async function expectUnharmed(page: Page): Promise<void> {
  // This call has the session of the victim, so the session still works.
  const { items } = await victim.apiKeys.listApiKeys({});
  expect(items.filter(({ spec }) => spec?.system !== true)).toEqual([]);
  const [cookie, ...more] = await page.context().cookies(tabs.url);
  expect([cookie?.name, cookie?.value, more]).toEqual(["__Host-latchkey-session", victim.token, []]);
}

const calls = `async ({ url, email, password }) => {
  const body = JSON.stringify({ metadata: { name: "stolen" }, email, password });
  const paths = [
    "/latchkey.v1.ApiKeyService/CreateApiKey", "/v1/account/api_keys", "/latchkey.v1.SessionService/LogOut", "/v1/auth/logout",
    "/latchkey.v1.SessionService/LogIn", "/v1/auth/login", "/latchkey.v1.ProfileService/WhoAmI",
  ];
  const types = ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
  const get = "/latchkey.v1.ProfileService/WhoAmI?connect=v1&encoding=json&message=%7B%7D";
  const requests = [[get, {}], ["/v1/whoami", {}]];
  for (const path of paths) for (const type of types) for (const mode of ["cors", "no-cors"]) for (const own of [{}, { "latchkey-console": "1" }])
    requests.push([path, { method: "POST", mode, body, headers: { "content-type": type, ...own } }]);
  const read = requests.map(([path, init]) =>
    fetch(url + path, { credentials: "include", ...init }).then((response) => response.text(), () => ""));
  return (await Promise.all(read)).filter((text) => text.includes("Victim"));
}`;

test.each(sampled(places, 1))(
  "a page at %s reads nothing and changes nothing, with any kind of fetch",
  async (place) => {
    const { page, results } = await attackFrom(place, calls);
    expect(results).toEqual([]);
    await expectUnharmed(page);
  },
);

const forms = `async ({ url, email, password }) => {
  const paths = ["/v1/auth/logout", "/v1/account/api_keys", "/v1/auth/login", "/latchkey.v1.SessionService/LogIn", "/latchkey.v1.SessionService/LogOut"];
  const frame = document.createElement("iframe");
  frame.name = "target";
  document.body.append(frame);
  for (const path of paths) for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
    const form = document.createElement("form");
    Object.assign(form, { action: url + path, method: "post", enctype, target: "target" });
    const field = document.createElement("input");
    // As text, the body is a JSON object.
    field.name = JSON.stringify({ email, password, metadata: { name: "stolen" }, x: "" }).slice(0, -2);
    field.value = '"}';
    form.append(field);
    document.body.append(form);
    const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
    form.submit();
    await loaded;
  }
  return [];
}`;

test.each(sampled(places, 1))(
  "forms of a page at %s change nothing, and log the browser neither in nor out",
  async (place) => {
    const { page } = await attackFrom(place, forms);
    await expectUnharmed(page);
  },
);

const framing = `async ({ url }) => {
  const frames = ["/console/", "/console/keys", "/console/log-in", "/console/embed"].map((path) => {
    const frame = document.createElement("iframe");
    frame.src = url + path;
    document.body.append(frame);
    return new Promise((resolve) => frame.addEventListener("load", resolve));
  });
  await Promise.all(frames);
  const opened = open(url + "/console/");
  await new Promise((resolve) => setTimeout(resolve, 300));
  let seen = "";
  try { seen = String(opened?.document.title); } catch {}
  return [seen];
}`;

test.each(sampled(places, 1))(
  "a page at %s cannot show the console in a frame, and holds no handle of its window",
  async (place) => {
    const { page, results } = await attackFrom(place, framing);
    expect(results).toEqual([""]);
    const texts = await Promise.all(
      page
        .frames()
        .slice(1)
        .map(async (frame) => [frame.url(), await frame.evaluate<string>("document.body?.innerText ?? ''")]),
    );
    expect(texts.length).toBe(4);
    for (const [url, text] of texts) {
      // The embedded page does not exist without LATCHKEY_EMBED_ORIGINS.
      if (url?.endsWith("/embed")) expect(text).toContain("no such page");
      else expect(url).toBe("chrome-error://chromewebdata/");
    }
    await expectUnharmed(page);
  },
);

test("a script on another port cannot replace or hide the session of a signed-in browser", async () => {
  const [same = ""] = places;
  const session = await app.clientAs("").sessions.logIn({ email: attacker.email, password });
  const toss = `() => {
    for (const attributes of ["; path=/; secure", "; path=/console; secure", "; path=/latchkey.v1.ProfileService/WhoAmI", "; path=/; secure; domain=127.0.0.1"])
      document.cookie = "__Host-latchkey-session=${session.token}" + attributes;
    for (const name of ["__host-latchkey-session", " __Host-latchkey-session", "\\t__Host-latchkey-session", "\\u2009__Host-latchkey-session", ""])
      document.cookie = name + "=__Host-latchkey-session=${session.token}; path=/; secure";
    return [];
  }`;
  const { page } = await attackFrom(same, toss);
  const values = (await page.context().cookies(tabs.url)).filter(
    ({ name }) => name === "__Host-latchkey-session",
  );
  expect(values.map(({ value }) => value)).toEqual([victim.token]);
  await page.goto(`${tabs.url}/console/`);
  await page.getByRole("button", { name: "Victim" }).waitFor();
});

test("the policy of the console stops an inline script, a foreign script, a string as HTML, and a foreign connection", async () => {
  tabs.allow(/./);
  const page = await tabs.open("/", { as: victim });
  await page.getByRole("button", { name: "Victim" }).waitFor();
  const seen = await page.evaluate(`(async () => {
    const seen = [];
    addEventListener("securitypolicyviolation", ({ effectiveDirective }) => seen.push(effectiveDirective));
    const add = (name, set) => { const one = document.createElement(name); set(one); document.body.append(one); };
    try { document.body.insertAdjacentHTML("beforeend", "<b>x</b>"); } catch (error) { seen.push(error.name); }
    try { add("script", (one) => { one.src = "${places[1]}/x.js"; }); } catch (error) { seen.push(error.name); }
    add("style", (one) => { one.textContent = "body { color: red }"; });
    add("img", (one) => { one.src = "${places[1]}/x.png"; });
    await fetch("${places[1]}").catch(() => {});
    try { trustedTypes.createPolicy("x", {}); } catch (error) { seen.push(error.name); }
    const form = document.createElement("form");
    form.action = "${places[1]}";
    document.body.append(form);
    form.submit();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return seen;
  })()`);
  expect(seen).toEqual(
    expect.arrayContaining([
      "TypeError",
      "style-src-elem",
      "img-src",
      "connect-src",
      "form-action",
      "trusted-types",
    ]),
  );
  expect(page.url()).toContain("/console/");
  const stored = await page.evaluate(
    "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])",
  );
  expect(stored).not.toContain("lk_ses");
});

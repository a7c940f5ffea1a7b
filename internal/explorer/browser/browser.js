// A real browser. Without one, every test fails on purpose.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const launch = () => chromium.launch({ executablePath: CHROMIUM, args: ARGS });

// TEST_TIMEOUT is longer than a busy machine needs, in ms.
const TEST_TIMEOUT = 120_000;

export const DESKTOP = { viewport: { width: 1360, height: 1000 } };
export const DARK = { ...DESKTOP, colorScheme: "dark" };
export const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

// visit opens the page and checks at the end that nothing is on the console, that there was no request
// to another origin, and that nothing is stored.
export async function visit(browser, url, options, act) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(TEST_TIMEOUT);
  const faults = [];
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) faults.push(`request to ${request.url()}`);
  });
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => faults.push(`error: ${error.error()}`));
  context.on("requestfailed", (request) => {
    if (request.failure().errorText !== "net::ERR_ABORTED") faults.push(`${request.url()}: ${request.failure().errorText}`);
  });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator("#code").filter({ hasText: /./ }).waitFor();
  await act(page);
  assert.deepEqual(faults, []);
  assert.deepEqual(await context.cookies(), []);
  assert.deepEqual(await page.evaluate(async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]), [0, 0, 0]);
  await context.close();
}

// choose picks a response of the page by its key, as a user does: a radio button, for most of them
// in the list that opens.
export async function choose(page, key) {
  const radio = page.locator(`input[name=sample][value="${key}"]`);
  if (!await radio.isVisible()) await page.locator("#more > summary").click();
  await radio.check();
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// accessible checks the current page with all of axe-core's rules.
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  assert.ok(passes.length > 20, "axe-core checked nothing");
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join(", ")}`), [], what);
}

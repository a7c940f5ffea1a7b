import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DARK, DESKTOP, PHONE, accessible, choose, launch, visit } from "./browser.js";
import { root, startService } from "./service.js";

let service;
let browser;

before(async () => {
  service = await startService();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

const open = (options, act) => visit(browser, service.url, options, act);

// hasText waits until an element has the text.
async function hasText(page, selector, text) {
  await page.locator(selector).filter({ hasText: text }).first().waitFor();
}

const pick = (page, name) => page.getByRole("button", { name }).click();

const VERBOSE = `*   Trying 127.0.0.1:8000...
> GET /json HTTP/1.1
> Accept: */*
>
< HTTP/1.1 404 Not Found
< Content-Type: application/json
<
{ [23 bytes data]
* Connection #0 to host 127.0.0.1 left intact
{"message": "Not Found"}`;

const CAPTURE = `HTTP/2 400 \r
content-type: application/json\r
\r
{"errors":{"email":["The email has already been taken."],"metadata.plan":["The metadata.plan must be a string."]}}`;

describe("what it shows", () => {
  test("choose 429: the code, the delay and the trailer", () => open(DESKTOP, async (page) => {
    await choose(page, "429");
    await hasText(page, "#code", /^8 RESOURCE_EXHAUSTED$/);
    await hasText(page, "#short-code", "RESOURCE_EXHAUSTED");
    await hasText(page, "#reason", "PELCRO_RATE_LIMITED");
    await hasText(page, "#verdict", "Wait 30 s");
    await hasText(page, "#details", "google.rpc.RetryInfo");
    await hasText(page, "#details", "30s");
    await hasText(page, "#details", "google.rpc.QuotaFailure");
    await hasText(page, "#trailers", "grpc-retry-pushback-ms30000");
    await hasText(page, "#advice", "Slow down.");
    await hasText(page, "#clients", "Does not retry it:");
    await hasText(page, "#wire-sum", /^[0-9]\u202f[0-9]{3} of 6\u202f144 bytes$/);
    await hasText(page, "#line", `-d '{"id": 429}'`);
    await hasText(page, "#note", "Prints this error.");
    await hasText(page, "#facts", "outcomerejectedThe request was rejected before it had an effect.");
    await hasText(page, "#live", "RESOURCE_EXHAUSTED. PELCRO_RATE_LIMITED. Wait 30 s");
  }));

  test("paste a capture of a 400: the violations, in the request", () => open({ ...DESKTOP, permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
    await page.evaluate((text) => navigator.clipboard.writeText(text), CAPTURE);
    await pick(page, "Paste a capture");
    await page.keyboard.press("Control+V");
    await hasText(page, "#code", "INVALID_ARGUMENT");
    await hasText(page, "#request mark", '"email"');
    await hasText(page, "#request", "FIELD_ALREADY_TAKEN The email has already been taken.");
    await hasText(page, "#request mark", '"plan"');
    assert.equal(await page.locator("#request mark").count(), 2);
    await hasText(page, "#details", 'customer.metadata["plan"]');
    await pick(page, "Edit in fields");
    assert.equal(await page.getByLabel("Status", { exact: true }).inputValue(), "400");
    assert.equal(await page.getByLabel("Headers").inputValue(), "Content-Type: application/json");
    assert.match(await page.getByLabel("Body", { exact: true }).inputValue(), /^\{"errors"/);
  }));

  test("paste the output of curl -v", () => open({ ...DESKTOP, permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
    await page.evaluate((text) => navigator.clipboard.writeText(text), VERBOSE);
    await page.getByLabel("Body", { exact: true }).focus();
    await page.keyboard.press("Control+V");
    await hasText(page, "#short-status", "404");
    await pick(page, "Edit in fields");
    assert.equal(await page.getByLabel("Headers").inputValue(), "Content-Type: application/json");
    assert.equal(await page.getByLabel("Body", { exact: true }).inputValue(), '{"message": "Not Found"}');
  }));

  test("a failure of the sandbox matches the chosen operation", () => open(DESKTOP, async (page) => {
    await hasText(page, "#request mark", '"email"');
    await page.getByRole("radio", { name: "Get" }).check();
    await hasText(page, "#request mark", '"expand"');
    await hasText(page, "#note", "Prints this error.");
    await page.getByRole("radio", { name: "Update" }).check();
    await hasText(page, "#request mark", '"email"');
    await hasText(page, "#note", "Prints this error.");
    await page.getByLabel("Body", { exact: true }).fill('{"errors":{"title":["No."]}}');
    await page.getByRole("radio", { name: "Create" }).check();
    await hasText(page, "#request mark", '"title"');
  }));

  test("a capture that is pasted into the wrong field is read as one", () => open({ ...DESKTOP, permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
    await page.evaluate((text) => navigator.clipboard.writeText(text), CAPTURE);
    await page.getByLabel("Body", { exact: true }).focus();
    await page.keyboard.press("Control+V");
    await hasText(page, "#request", "FIELD_ALREADY_TAKEN");
  }));

  test("edit a header: the delay changes", () => open(DESKTOP, async (page) => {
    await choose(page, "429");
    await hasText(page, "#verdict", "Wait 30 s");
    const headers = page.getByLabel("Headers");
    await headers.fill((await headers.inputValue()).replace("Retry-After: 30", "Retry-After: 7"));
    await hasText(page, "#verdict", "Wait 7 s");
    await hasText(page, "#trailers", "grpc-retry-pushback-ms7000");
    await hasText(page, "#note", "differs from the response here");
    await page.getByLabel("Deadline, s").fill("5");
    await hasText(page, "#trailers", "grpc-retry-pushback-ms-1");
    await hasText(page, "#verdict", "Wait 7 s");
  }));

  test("paste invalid input: an explanation", () => open(DESKTOP, async (page) => {
    await pick(page, "Paste a capture");
    for (const [input, sentence] of [
      ["lorem ipsum", "This is not an HTTP response: the first line is not a status line like HTTP/1.1 400 Bad Request. Paste everything that curl -si or curl -v prints."],
      ['{"errors":{}}', "This looks like a body alone."],
      ["<script>alert(1)</script>", "This looks like a page without its headers."],
      ["curl: (7) Failed to connect", "This is an error of curl"],
      ["", "There is nothing here yet."],
    ]) {
      await page.getByLabel("What curl -si or curl -v prints").fill(input);
      await hasText(page, "#wrong-capture", sentence);
      await hasText(page, "#help-says", sentence);
      assert.equal(await page.locator("#cards").isVisible(), false);
    }
    assert.equal(await page.locator("#capture").getAttribute("aria-invalid"), "true");
    await hasText(page, "#live", "There is nothing here yet.");
    await page.getByLabel("What curl -si or curl -v prints").fill("HTTP/1.1 404 Not Found\n\n{}");
    await hasText(page, "#code", "NOT_FOUND");
    assert.equal(await page.locator("#wrong-capture").isVisible(), false);
  }));

  test("an invalid status, header or id: an explanation at the field", () => open(DESKTOP, async (page) => {
    await page.getByLabel("Status", { exact: true }).fill("4");
    await hasText(page, "#wrong-status", "three digits");
    await page.getByLabel("Status", { exact: true }).fill("400");
    await page.getByLabel("Headers").fill("Retry-After 30");
    await hasText(page, "#wrong-headers", "“Retry-After 30” is not a header");
    await page.getByLabel("Headers").fill("");
    await page.getByRole("radio", { name: "Get" }).check();
    await page.getByLabel("Customer id").fill("ada");
    await hasText(page, "#wrong-id", "whole number");
  }));

  test("the operation decides what a 502 means", () => open(DESKTOP, async (page) => {
    await choose(page, "502");
    await hasText(page, "#code", "UNAVAILABLE");
    await hasText(page, "#clients", "Retries it after about 0.1 s and 0.2 s");
    await page.getByRole("radio", { name: "Create" }).check();
    await hasText(page, "#reason", "PELCRO_OUTCOME_UNKNOWN");
    await hasText(page, "#trailers", "grpc-retry-pushback-ms-1");
    await choose(page, "504");
    await hasText(page, "#short-status", "504");
    await hasText(page, "#reason", "PELCRO_OUTCOME_UNKNOWN"); // the chosen operation stays selected
  }));

  test("no response at all", () => open(DESKTOP, async (page) => {
    await choose(page, "reset");
    await hasText(page, "#reason", "PELCRO_OUTCOME_UNKNOWN");
    assert.equal(await page.getByLabel("Status", { exact: true }).isVisible(), false);
    await choose(page, "refused");
    await hasText(page, "#reason", "PELCRO_UNREACHABLE");
    await hasText(page, "#verdict", "nothing was done");
    await pick(page, "Edit in fields");
    await hasText(page, "#code", "INVALID_ARGUMENT");
  }));

  test("every sample has a result", () => open(DESKTOP, async (page) => {
    const keys = await page.locator("input[name=sample]").evaluateAll((radios) => radios.map((radio) => radio.value));
    assert.equal(new Set(keys).size, keys.length, "one control for each choice");
    assert.ok(keys.length > 80);
    for (const value of [...keys.slice(1), keys[0]]) { // the first is chosen already
      const responded = page.waitForResponse("**/api/explain");
      await choose(page, value);
      const result = await (await responded).json();
      assert.equal(result.problem, undefined, value);
      await hasText(page, "#code", result.code);
      if (result.wireBytes) await hasText(page, "#wire-sum", "of 6\u202f144 bytes");
    }
  }));

  test("a response is chosen on load, and an edit chooses none", () => open(DESKTOP, async (page) => {
    const chosen = () => page.locator("input[name=sample]:checked").evaluateAll((radios) => radios.map((radio) => radio.value));
    assert.deepEqual(await chosen(), ["400"]);
    await choose(page, "cloudflare");
    assert.deepEqual(await chosen(), ["cloudflare"]);
    await hasText(page, "#chosen", "502, Cloudflare's page after a create");
    await page.getByLabel("Body", { exact: true }).fill("edited");
    assert.deepEqual(await chosen(), []);
    await hasText(page, "#about", "A response of your own.");
  }));

  test("a status without a name shows no other status' name", () => open(DESKTOP, async (page) => {
    await choose(page, "429");
    await hasText(page, "#status-name", "Too Many Requests");
    await page.getByLabel("Status", { exact: true }).fill("42");
    assert.equal(await page.locator("#status-name").textContent(), "");
    await hasText(page, "#wrong-status", "three digits");
    assert.equal(await page.locator("#status-name").textContent(), "");
    await page.getByLabel("Status", { exact: true }).fill("477");
    await hasText(page, "#status-name", /^no standard name$/);
    await hasText(page, "#short-name", /^no standard name$/);
  }));

  test("only operations on one customer have a customer id", () => open(DESKTOP, async (page) => {
    await choose(page, "404");
    for (const [name, visible] of [["Get", true], ["List", false], ["Update", true], ["Create", false], ["Delete", true]]) {
      await page.getByRole("radio", { name, exact: true }).check();
      assert.equal(await page.getByLabel("Customer id").isVisible(), visible, name);
    }
    await page.getByLabel("Customer id").fill("ada");
    await hasText(page, "#wrong-id", "whole number");
    await page.getByRole("radio", { name: "List" }).check();
    await hasText(page, "#code", "NOT_FOUND"); // the invalid id is not part of the question
  }));

  test("a case has an address, and only its fragment changes", () => open(DESKTOP, async (page) => {
    await choose(page, "429");
    await page.getByRole("radio", { name: "Delete" }).check();
    await page.getByLabel("Deadline, s").fill("5");
    await page.getByLabel("API key of").selectOption("caller");
    await hasText(page, "#trailers", "grpc-retry-pushback-ms-1");
    const address = await page.evaluate(() => location.href);
    assert.equal(address, `${service.url}#response=429&operation=DeleteCustomer&deadline=5&key=caller`);
    await page.getByLabel("Body", { exact: true }).fill("a response with secrets");
    assert.equal(await page.evaluate(() => location.href), service.url);
    await page.goto(address);
    await hasText(page, "#short-operation", "DeleteCustomer");
    await hasText(page, "#trailers", "grpc-retry-pushback-ms-1");
    assert.equal(await page.getByLabel("Deadline, s").inputValue(), "5");
    await page.goto(`${service.url}#response=cloudflare&operation=Nothing`);
    await hasText(page, "#reason", "PELCRO_OUTCOME_UNKNOWN");
    await page.goto(`${service.url}#response=nothing`);
    await hasText(page, "#about", "The address names a response that this page does not have.");
    await hasText(page, "#code", "INVALID_ARGUMENT");
  }));

  test("a reason leads to its section of docs/errors.md", () => open(DESKTOP, async (page) => {
    await choose(page, "429");
    await hasText(page, "#reason-link", "More about PELCRO_RATE_LIMITED");
    const errors = readFileSync(join(root, "docs", "errors.md"), "utf8");
    const href = await page.locator("#reason-link").getAttribute("href");
    assert.match(href, /^https:\/\/github\.com\/pelcro-grpc\/pelcro-grpc\/blob\/main\/docs\/errors\.md#pelcro_rate_limited$/);
    assert.match(errors, /^### PELCRO_RATE_LIMITED$/m);
    assert.equal(await page.locator("footer a").getAttribute("href"), href.replace(/#.*/, ""));
  }));

  test("responses are shown as text", () => open(DESKTOP, async (page) => {
    const hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>";
    await page.getByLabel("Body", { exact: true }).fill(JSON.stringify({ errors: { ["metadata." + hostile]: ["no"] } }));
    await hasText(page, "#request", "<img");
    assert.equal(await page.locator("main img, main script").count(), 0);
  }));

  test("a stopped service is reported", async () => {
    const context = await browser.newContext(DESKTOP);
    const page = await context.newPage();
    await page.goto(service.url);
    await hasText(page, "#code", "INVALID_ARGUMENT");
    await context.setOffline(true);
    await page.getByLabel("Status", { exact: true }).fill("404");
    await hasText(page, "#help-says", "The service does not respond. Is it still running?");
    await context.close();
  });
});

describe("everyone can use it", () => {
  test("every control is reachable by the keyboard and has a focus ring", () => open(DESKTOP, async (page) => {
    const controls = await page.evaluate(() => {
      const list = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
        .filter((e) => e.checkVisibility({ contentVisibilityAuto: true }) && e.closest("details:not([open]) > :not(summary)") === null && (e.type !== "radio" || e.checked));
      list.forEach((e, i) => { e.dataset.control = i; });
      return list.length;
    });
    assert.ok(controls > 15, `${controls} controls`);
    const reached = [];
    for (let i = 0; i < controls; i++) {
      await page.keyboard.press("Tab");
      const { control, outline, seen } = await page.evaluate(() => {
        const e = document.activeElement;
        const ring = e.type === "radio" ? e.nextElementSibling : e;
        const box = e.getBoundingClientRect();
        const bar = document.querySelector(".bar");
        const top = e.classList.contains("skip") || bar.contains(e) ? 0 : bar.getBoundingClientRect().bottom;
        return {
          control: e.dataset.control,
          outline: getComputedStyle(ring).outlineStyle,
          seen: box.top >= top && (box.bottom <= innerHeight || box.height > innerHeight - top),
        };
      });
      reached.push(Number(control));
      assert.equal(outline, "solid", `control ${control} has no ring`);
      assert.ok(seen, `control ${control} is not visible`);
    }
    assert.deepEqual([...reached].sort((a, b) => a - b), [...Array(controls).keys()]);
    assert.deepEqual(reached, [...Array(controls).keys()], "in the order in which they are read");
  }));

  test("choose a failure, an operation and a header only by the keyboard", () => open(DESKTOP, async (page) => {
    const tabTo = async (id) => {
      for (let i = 0; i < 40; i++) {
        if (await page.evaluate((wanted) => document.activeElement.matches(wanted), id)) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`${id} is not reached`);
    };
    await tabTo("input[name=sample]");
    for (let i = 0; i < 9; i++) await page.keyboard.press("ArrowRight"); // from 400 to 503
    await hasText(page, "#verdict", "Wait 60 s");
    assert.ok(await page.locator('input[name=sample][value="503"]').isChecked());
    await tabTo("input[name=operation]");
    await page.keyboard.press("ArrowRight");
    await hasText(page, "#short-operation", "ListCustomers");
    await tabTo("#headers");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("Retry-After: 9");
    await hasText(page, "#verdict", "Wait 9 s");
  }));

  test("the skip link leads to the result, and the address stays", () => open(DESKTOP, async (page) => {
    const href = await page.evaluate(() => location.href);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "result");
    assert.equal(await page.evaluate(() => location.href), href);
  }));

  test("on a phone, one tap leads to the result, another one back", () => open({ ...PHONE, viewport: { width: 390, height: 844 } }, async (page) => {
    const top = (selector) => page.locator(selector).evaluate((e) => e.getBoundingClientRect().top);
    const bar = () => page.locator("#bar").evaluate((e) => e.getBoundingClientRect().bottom);
    await choose(page, "429");
    assert.ok(await top("#result") > 844, "the result is below the window");
    await page.locator("#jump").filter({ hasText: "Result" }).tap();
    await page.locator("#jump").filter({ hasText: "Edit" }).waitFor();
    assert.ok(await top("#result") >= await bar() && await top(".verdict") < 400, `the result is at ${await top("#result")}, below ${await bar()}`);
    await page.locator("#jump").tap();
    await page.locator("#jump").filter({ hasText: "Result" }).waitFor();
    assert.ok(await top("#question") >= await bar() && await top("#keys") < 400, "the question is at the top");
  }));

  test("on a wide screen, the question stays in sight", () => open({ viewport: { width: 1280, height: 720 } }, async (page) => {
    await choose(page, "many");
    await page.locator("footer").scrollIntoViewIfNeeded();
    const [question, bar] = await page.evaluate(() => ["question", "bar"].map((id) => document.getElementById(id).getBoundingClientRect().toJSON()));
    assert.ok(question.top > 0 && question.top < bar.bottom + 1 && question.bottom > 300, JSON.stringify(question));
    await page.getByLabel("Body", { exact: true }).focus();
    assert.ok(await page.getByLabel("Body", { exact: true }).evaluate((e) => e.getBoundingClientRect().top > document.getElementById("bar").getBoundingClientRect().bottom));
  }));

  for (const width of [320, 390, 768, 900, 1280]) {
    test(`no label touches its border at ${width} pixels`, () => open({ viewport: { width, height: 800 } }, async (page) => {
      for (const sample of ["reset", "429", "success"]) {
        await choose(page, sample);
        const touching = await page.evaluate(() => [...document.querySelectorAll("button, .keys span, .segments span, .more > summary, .list span, .rpc, .badge, .retry, .jump")]
          .filter((e) => e.checkVisibility() && e.textContent && e.getBoundingClientRect().width)
          .filter((e) => {
            const range = document.createRange();
            range.selectNodeContents(e);
            const [text, box] = [range.getBoundingClientRect(), e.getBoundingClientRect()];
            return text.left < box.left + 4 || text.right > box.right - 4 || text.top < box.top || text.bottom > box.bottom;
          }).map((e) => e.textContent));
        assert.deepEqual(touching, [], sample);
      }
    }));
  }

  for (const [name, options] of Object.entries({ light: DESKTOP, dark: DARK, phone: PHONE, "dark phone": { ...PHONE, colorScheme: "dark" } })) {
    test(`no axe-core violations: ${name}`, () => open(options, async (page) => {
      await accessible(page, "field errors");
      for (const [code, shown] of [["401", "UNAUTHENTICATED"], ["429", "RESOURCE_EXHAUSTED"], ["500", "INTERNAL"], ["reset", "INTERNAL"]]) {
        await choose(page, code);
        await hasText(page, "#code", shown);
        await accessible(page, code);
      }
      for (const [sample, shown] of [["success", "OK"], ["many", "INVALID_ARGUMENT"]]) {
        await choose(page, sample);
        await hasText(page, "#code", shown);
        await accessible(page, sample);
      }
      await pick(page, "Paste a capture");
      await page.getByLabel("What curl -si or curl -v prints").fill("not a response");
      await hasText(page, "#wrong-capture", "not an HTTP response");
      await accessible(page, "invalid input");
    }));
  }

  for (const width of [320, 360, 768, 900, 1360]) {
    test(`no horizontal overflow at ${width} pixels`, () => open({ viewport: { width, height: 800 } }, async (page) => {
      for (const sample of ["fields", "many", "debug", "reset", "431"]) {
        await choose(page, sample);
        await page.locator("#cards").waitFor();
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, sample);
      }
    }));
  }
});

describe("it is for its own page only", () => {
  // send makes a request that no browser would send.
  const send = (path, { method = "POST", ...headers } = {}) => new Promise((resolve, reject) => {
    const request = http.request(service.url.replace(/\/$/, path), { method, headers: { "Content-Type": "application/json", ...headers } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", reject);
    request.end(method === "POST" ? '{"operation":"GetCustomer","credential":"gateway","capture":"HTTP/1.1 404 X"}' : undefined);
  });

  test("a foreign Host is rejected", async () => {
    assert.equal(await send("/api/explain"), 200);
    assert.equal(await send("/api/explain", { Host: "example.com" }), 403);
    assert.equal(await send("/", { method: "GET", Host: "example.com" }), 403);
  });

  test("another origin is rejected", async () => {
    assert.equal(await send("/api/explain", { Origin: "https://example.com" }), 403);
    assert.equal(await send("/api/samples", { method: "GET", Origin: "https://example.com" }), 403);
  });

  test("a page of another origin reads nothing", async () => {
    const other = http.createServer((_, response) => response.end("<!DOCTYPE html><title>other</title>"));
    await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
    const context = await browser.newContext();
    const page = await context.newPage();
    const statuses = [];
    page.on("response", (response) => { if (response.url().startsWith(service.url)) statuses.push(response.status()); });
    await page.goto(`http://127.0.0.1:${other.address().port}/`);
    const seen = await page.evaluate((url) => Promise.all([
      fetch(`${url}api/explain`, { method: "POST", body: "{}" }).then((r) => r.status, () => "rejected"),
      fetch(`${url}api/explain`, { method: "POST", mode: "no-cors", body: "{}" }).then((r) => r.type, () => "rejected"),
      fetch(`${url}api/samples`).then((r) => r.status, () => "rejected"),
      new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.onload = () => {
          try { resolve(frame.contentDocument ? "read" : "rejected"); } catch { resolve("rejected"); }
        };
        frame.src = url;
        document.body.append(frame);
      }),
    ]), service.url);
    assert.deepEqual(seen, ["rejected", "rejected", "rejected", "rejected"]);
    assert.ok(statuses.every((status) => status === 403 || status === 200), String(statuses));
    await context.close();
    other.close();
  });
});

"use strict";

// The page asks its own origin which error a response becomes, and shows the result. Texts of
// responses are set as text, never as HTML. Nothing is stored.

const $ = (id) => document.getElementById(id);

// The failures that have a button: the most frequent ones.
const KEYS = ["400", "401", "403", "404", "409", "422", "429", "500", "502", "503", "504", "reset"];
const TYPING_PAUSE = 120; // ms between the last key and the question
const ANNOUNCE_DELAY = 700; // ms before a screen reader announces the result

const DETAILS = {
  ErrorInfo: "always present: the reason, and every value of the message",
  BadRequest: "the invalid fields",
  RetryInfo: "how long to wait before a retry",
  QuotaFailure: "how many requests Pelcro allows",
  ResourceInfo: "the resource that was not found",
  RequestInfo: "the id of the call in the service's log, here a placeholder",
};
const TRAILERS = {
  "x-error-reason": () => "the reason again, for clients that read no details",
  "x-request-id": () => "the request id again, here a placeholder",
  "grpc-retry-pushback-ms": (value) => value === "-1"
    ? "tells the retries built into clients to stop"
    : `tells the retries built into clients to wait ${Number(value) / 1000} s`,
};

const samples = new Map();
let noResponse = ""; // the key of what happened instead of a response
let inCapture = false;
let operationChosen = false; // by hand: only documented samples change it
let parsed = null; // the capture as the service read it

// make returns an element; strings become text.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// prose turns `code` into elements.
function prose(text) {
  return text.split("`").map((piece, i) => (i % 2 ? make("code", {}, piece) : piece));
}

function show(id, visible) {
  $(id).hidden = !visible;
}

const operation = () => document.querySelector("input[name=operation]:checked").value;
const number = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");

// --- the left side ---

function fill(response) {
  $("status").value = response.status;
  $("headers").value = response.headers;
  $("body").value = response.body.replaceAll("\r\n", "\n");
}

// fillSample shows the sample's response to the chosen operation.
function fillSample(sample) {
  fill(sample.others?.[operation()] ?? sample.response);
}

function captureOf() {
  const headers = $("headers").value.trim();
  return `HTTP/1.1 ${$("status").value}\n${headers}${headers ? "\n" : ""}\n${$("body").value}`;
}

// arrange shows the fields, the capture or the missing response.
function arrange() {
  show("fields", !noResponse && !inCapture);
  show("captured", !noResponse && inCapture);
  show("no-response", noResponse);
  show("to-capture", !inCapture || noResponse);
  show("to-fields", inCapture || noResponse);
}

function pick(key) {
  const sample = samples.get(key);
  if (sample.group === "Documented" || !operationChosen) {
    document.querySelector(`input[name=operation][value=${sample.operation}]`).checked = true;
    operationChosen = false;
  }
  $("id").value = sample.id || $("id").value;
  noResponse = sample.noResponse || "";
  inCapture = false;
  if (noResponse) {
    $("no-response-name").textContent = sample.name;
    $("no-response-about").textContent = sample.about;
  } else {
    fillSample(sample);
  }
  mark(key);
  arrange();
  ask();
}

// mark shows which sample is chosen; none after an edit.
function mark(key) {
  $("sample").value = key;
  $("about").textContent = key && !noResponse ? samples.get(key).about || "" : "";
  for (const button of $("keys").children) button.setAttribute("aria-pressed", String(button.value === key));
}

function toCapture() {
  if (!noResponse) $("capture").value = captureOf();
  noResponse = "";
  inCapture = true;
  mark("");
  arrange();
  $("capture").focus();
  $("capture").select();
  ask();
}

function toFields() {
  if (inCapture && parsed) fill(parsed);
  noResponse = "";
  inCapture = false;
  mark("");
  arrange();
  $("status").focus();
  ask();
}

// A whole response that is pasted into one of the fields is a capture.
function pasted(event) {
  const text = event.clipboardData.getData("text");
  if (!/^\s*HTTP\/[0-9]/.test(text) && !/^< HTTP\/[0-9]/m.test(text)) return;
  event.preventDefault();
  $("capture").value = text;
  inCapture = true;
  mark("");
  arrange();
  $("capture").focus();
  ask();
}

// --- the question ---

let asking; // the AbortController of the running request
let pause;

function askSoon() {
  clearTimeout(pause);
  pause = setTimeout(ask, TYPING_PAUSE);
}

async function ask() {
  clearTimeout(pause);
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const question = {
    operation: operation(),
    id: $("id").value,
    credential: $("credential").value,
    deadline: $("deadline").value,
  };
  if (noResponse) question.noResponse = noResponse;
  else if (inCapture) question.capture = $("capture").value;
  else question.response = { status: $("status").value, headers: $("headers").value, body: $("body").value };
  try {
    const response = await fetch("/api/explain", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
      signal,
    });
    const result = await response.json();
    if (!signal.aborted) render(result);
  } catch {
    if (!signal.aborted) render({ problem: { field: "", says: "The service does not respond. Is it still running?" } });
  }
}

// --- the right side ---

function render(result) {
  showProblem(result.problem);
  show("help", result.problem);
  show("cards", !result.problem);
  $("short-operation").textContent = operation();
  if (result.problem) {
    $("help-says").textContent = result.problem.says;
    summarize("–", "", "", "", "no result yet", "");
    announce(result.problem.says);
    return;
  }
  parsed = result.upstream?.response ?? null;
  const status = result.upstream ? String(result.upstream.status) : "—";
  const name = result.upstream ? result.upstream.name : "no response";
  $("status-name").textContent = name;
  summarize(status, name, result.number, result.kind, result.code, result.reason || "the caller gets its response");
  $("kind").textContent = result.kindSays;
  $("code").replaceChildren(make("span", { class: "numeral" }, String(result.number)), " ", ...breakable(result.code));
  $("reason").replaceChildren(...breakable(result.reason));
  $("message").textContent = result.message || "The caller gets its response.";
  renderFacts(result);
  show("advice-part", result.advice);
  $("advice").replaceChildren(...prose(result.advice));
  $("verdict").textContent = result.verdict;
  renderRequest(result);
  renderClients(result.clients);
  renderDetails(result.status.details ?? []);
  renderTrailers(result.trailers);
  renderWire(result.wire, result.omitted);
  renderTry(result.grpcurl);
  const invalid = result.request ? `${result.request.flatMap((line) => line.violations ?? []).length} invalid fields. ` : "";
  announce(`${result.code}. ${result.reason ? result.reason + ". " : ""}${invalid}${result.verdict}.`);
}

// breakable lets long names break at their underscores.
function breakable(name) {
  return name.split("_").flatMap((word, i) => (i ? [make("wbr", {}), "_" + word] : [word]));
}

// summarize fills the line at the top.
function summarize(status, name, number, kind, code, reason) {
  $("short-status").textContent = status;
  $("short-name").textContent = name;
  $("short-number").textContent = number;
  $("short-code").replaceChildren(...breakable(code));
  $("short-reason").replaceChildren(...breakable(reason));
  document.body.dataset.kind = kind || "none";
}

// showProblem shows a problem at its field.
function showProblem(problem) {
  for (const id of ["id", "deadline", "status", "headers", "capture"]) {
    const mine = problem?.field === id;
    $("wrong-" + id).textContent = mine ? problem.says : "";
    show("wrong-" + id, mine);
    if (mine) $(id).setAttribute("aria-invalid", "true");
    else $(id).removeAttribute("aria-invalid");
  }
}

let announcing;

function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    if ($("live").textContent !== text) $("live").textContent = text;
  }, ANNOUNCE_DELAY);
}

// renderFacts shows who wrote the response and what happened to the request.
function renderFacts({ origin, originSays, outcome, outcomeSays }) {
  const facts = [["origin", origin, originSays], ["outcome", outcome, outcomeSays]].filter(([, value]) => value);
  show("facts", facts.length);
  $("facts").replaceChildren(pairs(facts.map(([name, value, words]) => [name, value, make("small", {}, words)])));
}

function renderRequest({ request, omitted }) {
  show("request-card", request);
  $("request").replaceChildren(...(request ?? []).map((line) => {
    const [, text, comma] = line.text.match(/^(.*?)(,?)$/s);
    const code = make("code", {}, text);
    const item = make("li", {}, line.violations ? make("mark", {}, code) : code, make("code", {}, comma));
    item.style.setProperty("--depth", line.depth);
    for (const violation of line.violations ?? []) {
      item.append(make("p", { class: "violation" }, make("span", { class: "why" }, violation.reason), " ", violation.description));
    }
    return item;
  }));
  show("omitted", omitted);
  $("omitted").textContent = omitted ? `${omitted} more did not fit and are counted in violationsOmitted.` : "";
}

function renderClients(clients) {
  show("clients-card", clients);
  $("clients").replaceChildren(...(clients ?? []).map((client) => make(
    "li", { class: client.retries ? "retries" : "stops" },
    make("span", { class: "who" }, client.name),
    make("span", { class: "does" }, client.says),
  )));
}

function pairs(list) {
  return make("dl", { class: "pairs" }, ...list.map(([name, value, ...notes]) => make("div", {}, make("dt", {}, name), make("dd", {}, value, ...notes))));
}

// readable returns the elements that show a detail: its values, the values of maps under names with
// a dot, and each element of its lists.
function readable(detail) {
  const values = [];
  const lists = [];
  for (const [name, value] of Object.entries(detail)) {
    if (Array.isArray(value)) {
      const items = value.map((item) => make("li", {}, pairs(Object.entries(item))));
      lists.push(make("ol", { class: "items", tabindex: "0", "aria-label": name }, ...items));
    } else if (typeof value === "object") {
      for (const [key, inner] of Object.entries(value)) values.push([`${name}.${key}`, inner]);
    } else if (name !== "@type") {
      values.push([name, value]);
    }
  }
  return [...(values.length ? [pairs(values)] : []), ...lists];
}

function renderDetails(details) {
  show("details-card", details.length);
  $("details").replaceChildren(...details.map((detail) => {
    const type = detail["@type"].replace(/^.*\//, "");
    const name = type.replace("google.rpc.", "");
    return make(
      "section", { class: "detail", "aria-label": type },
      make("h4", {}, make("code", {}, make("span", { class: "package" }, "google.rpc."), name), " ", make("small", {}, DETAILS[name] ?? "")),
      ...readable(detail),
    );
  }));
}

function renderTrailers(trailers) {
  const list = Object.entries(trailers).sort();
  show("trailers-card", list.length);
  $("trailers").replaceChildren(pairs(list.map(([name, value]) => [name, value, make("small", {}, TRAILERS[name]?.(value) ?? "")])));
}

function renderWire(wire) {
  show("wire-card", wire);
  if (!wire) return;
  $("wire-sum").replaceChildren(make("strong", {}, number(wire.bytes)), ` of ${number(wire.budget)} bytes`);
  $("meter").setAttribute("aria-valuemax", wire.budget);
  $("meter").setAttribute("aria-valuenow", wire.bytes);
  $("meter").setAttribute("aria-valuetext", `${wire.bytes} of ${wire.budget} bytes`);
  $("meter").replaceChildren(...wire.parts.map((part) => {
    const bar = make("span", {});
    bar.style.width = `${(100 * part.bytes) / wire.budget}%`;
    return bar;
  }));
  $("legend").replaceChildren(...wire.parts.map((part) => make("li", {}, part.name, " ", make("b", {}, number(part.bytes)))));
  $("wire-hint").textContent = `Clients may reject more than 8 KiB; the service stays below ${number(wire.budget)}. ` +
    `The google.rpc.Status takes ${number(wire.status)} of ${number(wire.statusLimit)} bytes before base64.`;
}

function renderTry(command) {
  show("try", command.line);
  $("line").textContent = command.line;
  $("note").textContent = command.note;
}

async function copy() {
  try {
    await navigator.clipboard.writeText($("line").textContent);
    $("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("line"));
    $("copy").textContent = "Selected";
  }
  setTimeout(() => { $("copy").textContent = "Copy"; }, 2000);
}

// stick keeps the question visible while the result scrolls, if the window is high enough for all
// of it: a part outside of the window could not be reached.
function stick() {
  const available = innerHeight - document.querySelector(".summary").offsetHeight - 3 * 16;
  $("question").classList.toggle("sticky", $("question").offsetHeight <= available);
}

// --- the start ---

function offer(groups) {
  for (const { name, samples: list } of groups) {
    const options = list.map((sample) => {
      samples.set(sample.key, { ...sample, group: name });
      return make("option", { value: sample.key }, sample.name);
    });
    $("sample").append(make("optgroup", { label: name }, ...options));
  }
  $("keys").append(...KEYS.map((key) => {
    const sample = samples.get(key);
    const button = make("button", { type: "button", value: key, title: sample.name, "aria-pressed": "false" }, sample.noResponse ? "no response" : key);
    button.setAttribute("aria-label", sample.noResponse ? "no response: " + sample.name : sample.name);
    button.addEventListener("click", () => pick(key));
    return button;
  }));
}

async function start() {
  $("question").addEventListener("submit", (event) => event.preventDefault());
  $("sample").addEventListener("change", () => { if ($("sample").value) pick($("sample").value); });
  for (const radio of document.querySelectorAll("input[name=operation]")) {
    radio.addEventListener("change", () => {
      operationChosen = true;
      const sample = samples.get($("sample").value); // none after an edit
      if (sample?.response) fillSample(sample);
      ask();
    });
  }
  for (const id of ["id", "deadline", "credential"]) $(id).addEventListener("input", askSoon);
  for (const id of ["status", "headers", "body"]) {
    $(id).addEventListener("input", () => { mark(""); askSoon(); });
    $(id).addEventListener("paste", pasted);
  }
  $("capture").addEventListener("input", askSoon);
  $("to-capture").addEventListener("click", toCapture);
  $("to-fields").addEventListener("click", toFields);
  $("copy").addEventListener("click", copy);
  new ResizeObserver(stick).observe($("question"));
  addEventListener("resize", stick);
  try {
    const { groups } = await (await fetch("/api/samples")).json();
    offer(groups);
    pick(groups[0].samples[0].key);
  } catch {
    render({ problem: { field: "", says: "The samples cannot be loaded. Is the service still running?" } });
  }
}

start();

"use strict";

// The page asks its own origin what a reply becomes, and shows the answer. Texts of
// replies are set as text, never as HTML. Nothing is stored.

const $ = (id) => document.getElementById(id);

// What the keys pick: the failures that people meet most.
const KEYS = ["400", "401", "403", "404", "409", "422", "429", "500", "502", "503", "504", "reset"];
const PATIENCE = 120; // ms between the last key and the question
const SILENCE = 700; // ms before a screen reader is told of the answer

const DETAILS = {
  ErrorInfo: "always there: the reason, and every value that the message holds",
  BadRequest: "the fields at fault",
  RetryInfo: "how long Pelcro asks to wait",
  QuotaFailure: "how many requests Pelcro allows",
  ResourceInfo: "what was not found",
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
let noReply = ""; // the key of what happened instead of a reply
let inCapture = false;
let operationChosen = false; // by hand, so samples without a story leave it
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

function fill(reply) {
  $("status").value = reply.status;
  $("headers").value = reply.headers;
  $("body").value = reply.body.replaceAll("\r\n", "\n");
}

function captureOf() {
  const headers = $("headers").value.trim();
  return `HTTP/1.1 ${$("status").value}\n${headers}${headers ? "\n" : ""}\n${$("body").value}`;
}

// arrange shows what belongs to the present way of giving a reply.
function arrange() {
  show("fields", !noReply && !inCapture);
  show("captured", !noReply && inCapture);
  show("silence", noReply);
  show("to-capture", !inCapture || noReply);
  show("to-fields", inCapture || noReply);
}

function pick(key) {
  const sample = samples.get(key);
  const story = sample.group === "Documented";
  if (story || !operationChosen) {
    document.querySelector(`input[name=operation][value=${sample.operation}]`).checked = true;
    operationChosen = false;
  }
  $("id").value = sample.id || $("id").value;
  noReply = sample.noReply || "";
  inCapture = false;
  if (noReply) {
    $("silence-name").textContent = sample.name;
    $("silence-about").textContent = sample.about;
  } else {
    fill(sample.reply);
  }
  mark(key);
  arrange();
  ask();
}

// mark says which sample is shown, none once it is edited.
function mark(key) {
  $("sample").value = key;
  $("about").textContent = key && !noReply ? samples.get(key).about || "" : "";
  for (const button of $("keys").children) button.setAttribute("aria-pressed", String(button.value === key));
}

function toCapture() {
  if (!noReply) $("capture").value = captureOf();
  noReply = "";
  inCapture = true;
  mark("");
  arrange();
  $("capture").focus();
  $("capture").select();
  ask();
}

function toFields() {
  if (inCapture && parsed) fill(parsed);
  noReply = "";
  inCapture = false;
  mark("");
  arrange();
  $("status").focus();
  ask();
}

// A whole reply that is pasted into one of the fields is meant as one.
function pasted(event) {
  const text = event.clipboardData.getData("text");
  if (!/^\s*HTTP\/[0-9]/.test(text)) return;
  event.preventDefault();
  $("capture").value = text;
  inCapture = true;
  mark("");
  arrange();
  $("capture").focus();
  ask();
}

// --- the question ---

let asking; // the AbortController of the question under way
let pause;

function askSoon() {
  clearTimeout(pause);
  pause = setTimeout(ask, PATIENCE);
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
  if (noReply) question.noReply = noReply;
  else if (inCapture) question.capture = $("capture").value;
  else question.reply = { status: $("status").value, headers: $("headers").value, body: $("body").value };
  try {
    const response = await fetch("/api/explain", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
      signal,
    });
    const answer = await response.json();
    if (!signal.aborted) render(answer);
  } catch {
    if (!signal.aborted) render({ problem: { field: "", says: "The service does not answer. Is it still running?" } });
  }
}

// --- the right side ---

function render(answer) {
  blame(answer.problem);
  show("help", answer.problem);
  show("cards", !answer.problem);
  $("short-operation").textContent = operation();
  if (answer.problem) {
    $("help-says").textContent = answer.problem.says;
    short("–", "", "", "", "no answer yet", "");
    announce(answer.problem.says);
    return;
  }
  parsed = answer.upstream?.reply ?? null;
  const status = answer.upstream ? String(answer.upstream.status) : "—";
  const name = answer.upstream ? answer.upstream.name : "no reply";
  $("status-name").textContent = name;
  short(status, name, answer.number, answer.kind, answer.code, answer.reason || "the caller gets its response");
  $("kind").textContent = answer.kindSays;
  $("code").replaceChildren(make("span", { class: "numeral" }, String(answer.number)), " ", ...breakable(answer.code));
  $("reason").replaceChildren(...breakable(answer.reason));
  $("message").textContent = answer.message || "The caller gets its response.";
  show("advice-part", answer.advice);
  $("advice").replaceChildren(...prose(answer.advice));
  $("verdict").textContent = answer.verdict;
  renderRequest(answer);
  renderClients(answer.clients);
  renderDetails(answer.status.details ?? []);
  renderTrailers(answer.trailers);
  renderWire(answer.wire, answer.omitted);
  renderTry(answer.grpcurl);
  const refused = answer.request ? `${answer.request.flatMap((line) => line.violations ?? []).length} fields refused. ` : "";
  announce(`${answer.code}. ${answer.reason ? answer.reason + ". " : ""}${refused}${answer.verdict}.`);
}

// breakable lets long names break at their underscores.
function breakable(name) {
  return name.split("_").flatMap((word, i) => (i ? [make("wbr", {}), "_" + word] : [word]));
}

// short is the line at the top.
function short(status, name, number, kind, code, reason) {
  $("short-status").textContent = status;
  $("short-name").textContent = name;
  $("short-number").textContent = number;
  $("short-code").replaceChildren(...breakable(code));
  $("short-reason").replaceChildren(...breakable(reason));
  document.body.dataset.kind = kind || "none";
}

// blame shows a problem at the field that has it.
function blame(problem) {
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
  }, SILENCE);
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
    "li", { class: client.repeats ? "repeats" : "rests" },
    make("span", { class: "who" }, client.name),
    make("span", { class: "does" }, client.says),
  )));
}

function pairs(list) {
  return make("dl", { class: "pairs" }, ...list.map(([name, value, ...notes]) => make("div", {}, make("dt", {}, name), make("dd", {}, value, ...notes))));
}

// readable returns the elements that show a detail: its values, those of maps under
// names with a dot, and each element of its lists apart.
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
  $("wire-hint").textContent = `Clients may refuse more than 8 KiB; the service stays below ${number(wire.budget)}. ` +
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

// settle lets the question stay in sight while the answer scrolls, where there is
// room for all of it: what sticks out of the window could not be reached.
function settle() {
  const room = innerHeight - document.querySelector(".crossing").offsetHeight - 3 * 16;
  $("ask").classList.toggle("stays", $("ask").offsetHeight <= room);
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
    const button = make("button", { type: "button", value: key, title: sample.name, "aria-pressed": "false" }, sample.noReply ? "no reply" : key);
    button.setAttribute("aria-label", sample.noReply ? "no reply: " + sample.name : sample.name);
    button.addEventListener("click", () => pick(key));
    return button;
  }));
}

async function start() {
  $("ask").addEventListener("submit", (event) => event.preventDefault());
  $("sample").addEventListener("change", () => { if ($("sample").value) pick($("sample").value); });
  for (const radio of document.querySelectorAll("input[name=operation]")) {
    radio.addEventListener("change", () => { operationChosen = true; ask(); });
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
  new ResizeObserver(settle).observe($("ask"));
  addEventListener("resize", settle);
  try {
    const { groups } = await (await fetch("/api/samples")).json();
    offer(groups);
    pick(groups[0].samples[0].key);
  } catch {
    render({ problem: { field: "", says: "The samples cannot be loaded. Is the service still running?" } });
  }
}

start();

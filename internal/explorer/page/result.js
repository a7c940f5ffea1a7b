// The right side: what the caller gets.

import { $, breakable, make, pairs, prose, show } from "./elements.js";

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

const number = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");

// render shows the response to a question about an operation.
export function render(result, operation) {
  showProblem(result.problem);
  show("help", result.problem);
  show("cards", !result.problem);
  $("short-operation").textContent = operation;
  if (result.problem) {
    $("help-says").textContent = result.problem.says;
    $("status-name").textContent = "";
    summarize("–", "", "", "", "no result yet", "");
    announce(result.problem.says);
    return;
  }
  const status = result.upstream ? String(result.upstream.status) : "—";
  const name = result.upstream ? result.upstream.name || "no standard name" : "no response";
  $("status-name").textContent = name;
  summarize(status, name, result.number, result.kind, result.code, result.reason || "the caller gets its response");
  $("kind").textContent = result.kindSays;
  $("code").replaceChildren(make("span", { class: "numeral" }, String(result.number)), " ", ...breakable(result.code));
  $("reason").replaceChildren(...breakable(result.reason));
  $("message").textContent = result.message || "The caller gets its response.";
  renderFacts(result);
  show("advice-part", result.advice);
  $("advice").replaceChildren(...prose(result.advice));
  $("reason-name").replaceChildren(...breakable(result.reason));
  $("reason-link").href = `${$("errors").href}#${result.reason.toLowerCase()}`;
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

export async function copy() {
  try {
    await navigator.clipboard.writeText($("line").textContent);
    $("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("line"));
    $("copy").textContent = "Selected";
  }
  setTimeout(() => { $("copy").textContent = "Copy"; }, 2000);
}

// The page asks its own origin which error a response becomes, and shows the result. Texts of
// responses are set as text, never as HTML. Nothing is stored. The fragment of the address names the
// chosen response; browsers do not send it. A response of the user's own is not part of it, because
// addresses stay in the history.

import { $, make, show } from "./elements.js";
import { copy, render } from "./result.js";

// The failures that have a button: the most frequent ones.
const KEYS = ["400", "401", "403", "404", "409", "422", "429", "500", "502", "503", "504", "reset"];
const TYPING_PAUSE = 120; // ms between the last key and the question

const samples = new Map(); // by their keys
let noResponse = ""; // the key of what happened instead of a response
let inCapture = false;
let operationChosen = false; // by hand: only documented samples change it
let parsed = null; // the capture as the service read it

const checked = (name) => document.querySelector(`input[name=${name}]:checked`);
const operation = () => checked("operation").value;
const namesCustomer = () => "namesCustomer" in checked("operation").dataset;

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
  show("id-field", namesCustomer());
}

// pick shows a sample. A documented one, or one whose address names an operation, changes the
// operation; the others keep one that was chosen by hand.
function pick(key, wanted) {
  const sample = samples.get(key);
  if (wanted || sample.group === "Documented" || !operationChosen) {
    document.querySelector(`input[name=operation][value=${wanted ?? sample.operation}]`).checked = true;
    operationChosen = Boolean(wanted);
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
  for (const radio of document.querySelectorAll("input[name=sample]")) radio.checked = radio.value === key;
  const sample = samples.get(key);
  $("chosen").textContent = sample && !KEYS.includes(key) ? sample.name : "";
  $("about").textContent = sample ? (noResponse ? "" : sample.about || "") : "A response of your own. It is not a part of this page's address.";
  address();
}

// edited is called when the response is no longer the sample.
function edited() {
  $("status-name").textContent = "";
  mark("");
  askSoon();
}

// --- the address ---

// address puts the chosen sample and what was set for it into the fragment, nothing else.
function address() {
  const sample = checked("sample")?.value;
  const named = new URLSearchParams(sample ? { response: sample, operation: operation() } : {});
  if (sample && $("deadline").value.trim()) named.set("deadline", $("deadline").value.trim());
  if (sample && $("credential").value !== "gateway") named.set("key", $("credential").value);
  history.replaceState(null, "", sample ? "#" + named : location.pathname);
}

// visitAddress shows what the fragment names, otherwise the first key.
function visitAddress() {
  const named = new URLSearchParams(location.hash.slice(1));
  const key = named.get("response");
  if (!samples.has(key)) {
    pick(KEYS[0], "CreateCustomer");
    operationChosen = false;
    if (key) $("about").textContent = "The address names a response that this page does not have. This is the first one.";
    return;
  }
  const wanted = document.querySelector(`input[name=operation][value="${CSS.escape(named.get("operation") ?? "")}"]`);
  $("deadline").value = named.get("deadline") ?? "";
  $("credential").value = named.get("key") === "caller" ? "caller" : "gateway";
  pick(key, wanted?.value);
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
    id: namesCustomer() ? $("id").value : "",
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
    if (signal.aborted) return;
    if (!result.problem) parsed = result.upstream?.response ?? null;
    render(result, question.operation);
  } catch {
    if (!signal.aborted) render({ problem: { field: "", says: "The service does not respond. Is it still running?" } }, question.operation);
  }
}

// --- the way between question and result ---

// goTo moves to a part of the page without a change of its address.
function goTo(event) {
  event.preventDefault();
  const target = document.querySelector(event.currentTarget.getAttribute("href"));
  target.focus({ preventScroll: true });
  target.scrollIntoView();
}

// turn makes the link of the summary lead to the other part.
function turn(entries) {
  const { isIntersecting } = entries.at(-1);
  $("jump").textContent = isIntersecting ? "Edit" : "Result";
  $("jump").setAttribute("href", isIntersecting ? "#question" : "#result");
}

// measure tells the style sheet the height of the summary, which nothing may hide behind.
function measure() {
  document.documentElement.style.setProperty("--bar", `${$("bar").offsetHeight}px`);
}

// --- the start ---

// choice is the radio button of a sample.
function choice(sample, text) {
  const radio = make("input", { type: "radio", name: "sample", value: sample.key, "aria-describedby": "about" });
  radio.addEventListener("change", () => pick(sample.key));
  const label = make("label", { title: sample.name }, radio, make("span", {}, text));
  if (text !== sample.name) radio.setAttribute("aria-label", sample.name);
  return label;
}

// offer fills the list of responses: each has one button, the most frequent ones a large one.
function offer(groups) {
  for (const { name, samples: list } of groups) {
    for (const sample of list) samples.set(sample.key, { ...sample, group: name });
    const others = list.filter((sample) => !KEYS.includes(sample.key));
    $("list").append(make("fieldset", {}, make("legend", {}, name), ...others.map((sample) => choice(sample, sample.name))));
  }
  $("keys").append(...KEYS.map((key) => choice(samples.get(key), key)));
}

function listen() {
  $("question").addEventListener("submit", (event) => event.preventDefault());
  for (const radio of document.querySelectorAll("input[name=operation]")) {
    radio.addEventListener("change", () => {
      operationChosen = true;
      const sample = samples.get(checked("sample")?.value); // none after an edit
      if (sample?.response) fillSample(sample);
      arrange();
      address();
      ask();
    });
  }
  for (const id of ["id", "deadline", "credential"]) $(id).addEventListener("input", () => { address(); askSoon(); });
  for (const id of ["status", "headers", "body"]) {
    $(id).addEventListener("input", edited);
    $(id).addEventListener("paste", pasted);
  }
  $("capture").addEventListener("input", askSoon);
  $("to-capture").addEventListener("click", toCapture);
  $("to-fields").addEventListener("click", toFields);
  $("copy").addEventListener("click", copy);
  $("jump").addEventListener("click", goTo);
  document.querySelector(".skip").addEventListener("click", goTo);
  new IntersectionObserver(turn, { rootMargin: "0px 0px -60% 0px" }).observe($("result"));
  new ResizeObserver(measure).observe($("bar"));
}

async function start() {
  listen();
  try {
    const { groups } = await (await fetch("/api/samples")).json();
    offer(groups);
    visitAddress();
    addEventListener("hashchange", visitAddress);
  } catch {
    render({ problem: { field: "", says: "The samples cannot be loaded. Is the service still running?" } }, operation());
  }
}

start();

// Elements of the page. Strings always become text, never HTML.

export const $ = (id) => document.getElementById(id);

// make returns an element; strings become text.
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// prose turns `code` into elements.
export function prose(text) {
  return text.split("`").map((piece, i) => (i % 2 ? make("code", {}, piece) : piece));
}

export function show(id, visible) {
  $(id).hidden = !visible;
}

// breakable lets long names break at their underscores.
export function breakable(name) {
  return name.split("_").flatMap((word, i) => (i ? [make("wbr", {}), "_" + word] : [word]));
}

// pairs lists names with their values and notes.
export function pairs(list) {
  return make("dl", { class: "pairs" }, ...list.map(([name, value, ...notes]) => make("div", {}, make("dt", {}, name), make("dd", {}, value, ...notes))));
}

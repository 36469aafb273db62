// Elements by plain calls. Text is only ever text: nothing in this page parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `on*` properties are listeners, true and false set or leave out an attribute, null leaves it out.
 * Children are nodes and texts; null and false are skipped, arrays are flattened.
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  set(element, properties ?? {});
  element.append(...listed(children));
  return element;
}

/** An icon of one path on a grid of 16. */
export function icon(path, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  set(svg, { viewBox: "0 0 16 16", class: className, "aria-hidden": "true" });
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  search: "M7 12.5a5.5 5.5 0 1 1 0-11 5.5 5.5 0 0 1 0 11zM11 11l3.5 3.5",
  plus: "M8 3v10M3 8h10",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  back: "M10 3 5 8l5 5",
  out: "M9 3h4v4M13 3 7.5 8.5M11 9.5V13H3V5h3.5",
  up: "M8 12V4M4.5 7.5 8 4l3.5 3.5",
  down: "M8 4v8M4.5 8.5 8 12l3.5-3.5",
};

/** Change attributes and listeners of an element. */
export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

/** Put these children in place of what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...listed(children));
}

/** Change the text of an element, if it is another: what does not change is not laid out again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Bring the children of an element into line with a list, and touch only what differs: focus, selection and scroll
 * position stay where they are.
 */
export function keyed(parent, items, keyOf, make, update) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = null;
  for (const item of items) {
    const key = keyOf(item);
    let child = there.get(key);
    if (child === undefined) {
      child = make(item);
      child.dataset.key = key;
    }
    there.delete(key);
    update(child, item);
    const place = before === null ? parent.firstElementChild : before.nextElementSibling;
    if (child !== place) parent.insertBefore(child, place);
    before = child;
  }
  for (const child of there.values()) child.remove();
}

function listed(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

// What can be found out about accessibility by looking at the document: names, roles, contrast, overflow.
() => {
  const problems = [];
  const seen = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && element.getClientRects().length > 0;
  const text = (element) => element.innerText?.trim() || element.textContent.trim();
  const nameOf = (element) => element.getAttribute("aria-label")
    || (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim()
    || [...(element.labels ?? [])].map(text).join(" ") || text(element) || element.title;
  const say = (rule, element, more = "") => problems.push({ rule, element: element.outerHTML.slice(0, 160), more });

  for (const each of document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=button]")) {
    if (seen(each) && !nameOf(each)) say("has a name", each);
  }
  for (const each of document.querySelectorAll("img")) if (!each.hasAttribute("alt")) say("has a text instead", each);
  for (const each of document.querySelectorAll("progress")) if (!each.getAttribute("aria-label") && !each.labels.length) say("has a name", each);
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) say("has an id of its own", document.getElementById(id));
  for (const each of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
    for (const name of ["aria-describedby", "aria-labelledby"]) {
      for (const id of (each.getAttribute(name) ?? "").split(" ").filter(Boolean)) if (!document.getElementById(id)) say(`${name} leads somewhere`, each, id);
    }
  }
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")].filter(seen).map((each) => Number(each.tagName[1]));
  if (!document.querySelector("dialog[open]") && headings.filter((level) => level === 1).length !== 1) problems.push({ rule: "one h1", headings });
  if (document.documentElement.lang !== "en") problems.push({ rule: "has a language" });
  if (document.querySelectorAll("main").length !== 1) problems.push({ rule: "one main" });
  if (document.documentElement.scrollWidth > innerWidth) problems.push({ rule: "no scrolling sideways", width: document.documentElement.scrollWidth });

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r, g, b].map((value, at) => (value * a + [R, G, B][at] * (255 - a)) / 255);
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) layers.push(rgba(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => { const v = value / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || done.has(element) || !seen(element) || element.closest(":disabled, noscript, .skeleton")) continue;
    done.add(element);
    const below = ground(element);
    const ratio = contrast(over(rgba(getComputedStyle(element).color), below), below);
    if (ratio < 4.5) say("has 4.5:1", element, ratio.toFixed(2));
  }
  return problems;
}

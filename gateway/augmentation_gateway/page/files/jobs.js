// The list of jobs: filters above, a live table below. The filters are in the address, so that a view can be shared.

import { ApiError, gatewayAddress, JOBS } from "./api.js";
import { snippet } from "./dialogs.js";
import { fill, h, icon, ICONS, keyed, say } from "./dom.js";
import { age, moment, number, plural } from "./format.js";
import { JobPages } from "./job_pages.js";
import { Polling } from "./polling.js";
import { session } from "./session.js";
import { badge, STATES, updateBadge } from "./states.js";

const SORTS = [["-created_at", "Newest first"], ["created_at", "Oldest first"], ["name", "Name"], ["dataset_id", "Dataset"]];
const TYPING_PAUSE = 200;
const PERIOD = 2000;

/** Show the list; returns a function that ends it. `query` comes from the address, `changed(query)` puts it there. */
export function showJobs(main, query, changed) {
  let pages = new JobPages(query);
  let asking = new AbortController();
  let typing = null;

  const chips = STATES.map((state) => ({ state, count: h("span", { class: "count" }) }));
  const all = h("span", { class: "count" });
  const chip = (label, count, states) => {
    const pressed = String(states) === String(query.states);
    return h("button", { type: "button", class: "chip", "aria-pressed": String(pressed), onClick: (event) => {
      ask({ states });
      for (const each of event.currentTarget.parentElement.children) each.setAttribute("aria-pressed", String(each === event.currentTarget));
    } }, label, " ", count);
  };
  const search = h("input", { id: "search", type: "search", "aria-label": "Search by name, dataset, node or id", placeholder: "Search name, dataset, node, id", maxlength: "255", autocomplete: "off", spellcheck: "false", onInput: () => {
    clearTimeout(typing);
    typing = setTimeout(() => ask({ text: search.value.trim() }), TYPING_PAUSE);
  } });
  search.value = query.text;
  const sort = h("select", { "aria-label": "Sort by", onChange: () => ask({ sort: sort.value }) },
    SORTS.map(([value, label]) => h("option", { value, selected: value === query.sort }, label)));

  const rows = h("tbody", { role: "rowgroup" });
  const table = h("table", { class: "jobs", role: "table", "aria-label": "Jobs", "aria-busy": "true" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ["State", "Name and dataset", "Phase", "Progress", "Node", "Age"].map(
      (name, at) => h("th", { scope: "col", role: "columnheader", class: COLUMNS[at] }, name)))), rows);
  const more = h("button", { type: "button", class: "more", hidden: true, onClick: () => { pages.more(); polling.now(); } }, "Show more");
  const shown = h("p", { class: "shown", "aria-live": "off" }, "\u00a0");
  const below = h("div", { class: "below" });
  fill(main,
    h("div", { class: "list-head" },
      h("h1", {}, "Jobs"),
      session.mayWrite && h("a", { class: "button primary", href: "#/new" }, icon(ICONS.plus), "New job")),
    h("div", { class: "filters" },
      h("div", { class: "chips", role: "group", "aria-label": "Filter by state" },
        chip("All", all, []), chips.map(({ state, count }) => chip(state, count, [state]))),
      h("div", { class: "find" }, h("div", { class: "search" }, icon(ICONS.search), search, h("kbd", { "aria-hidden": "true" }, "/")), sort)),
    table, below, more, shown);
  fill(rows, Array.from({ length: 6 }, () => h("tr", { class: "skeleton", "aria-hidden": "true" }, COLUMNS.map((name) => h("td", { class: name }, h("i"))))));

  function ask(change) {
    query = { ...query, ...change };
    changed(query);
    pages = new JobPages(query);
    asking.abort();
    asking = new AbortController();
    polling.now();
  }

  async function refresh() {
    const mine = pages;
    try {
      await mine.refresh(asking.signal);
    } catch (error) {
      if (mine === pages && error instanceof ApiError && error.status !== 401) {
        fill(rows);
        table.hidden = true;
        fill(below, h("div", { class: "empty", role: "alert" }, h("h2", {}, "The jobs cannot be loaded"), h("p", {}, error.message)));
        table.setAttribute("aria-busy", "false");
      }
      throw error;
    }
    if (mine === pages) draw();
  }

  function draw() {
    const { first, jobs } = pages;
    const none = STATES.every((state) => first.counts[state] === 0);
    say(all, String(STATES.reduce((sum, state) => sum + first.counts[state], 0)));
    for (const { state, count } of chips) say(count, String(first.counts[state]));
    table.setAttribute("aria-busy", "false");
    table.hidden = jobs.length === 0;
    for (const each of rows.querySelectorAll(".skeleton")) each.remove();
    keyed(rows, jobs, (job) => job.job_id, makeRow, updateRow);
    if (jobs.length === 0) fill(below, none && !query.text ? nothingYet() : nothingFound(() => {
      search.value = "";
      ask({ states: [], text: "" });
      for (const [at, each] of [...main.querySelectorAll(".chip")].entries()) each.setAttribute("aria-pressed", String(at === 0));
      search.focus();
    }));
    else fill(below);
    more.hidden = !pages.hasMore;
    // An observer reports changes only: observe again, so that an end that is still near is reported again.
    end.unobserve(more);
    end.observe(more);
    say(shown, jobs.length === 0 ? "\u00a0" : jobs.length < first.total ? `${plural(jobs.length, "job")} of ${number(first.total)}` : plural(jobs.length, "job"));
  }

  // Scrolling to the end loads more.
  const end = new IntersectionObserver(([entry]) => { if (entry.isIntersecting && !more.hidden) more.click(); }, { rootMargin: "400px" });
  end.observe(more);
  const polling = new Polling(refresh, () => PERIOD * Math.max(1, Math.min(10, pages.size / 2)));

  function onKey(event) {
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (step === undefined || isTyping(event) || document.querySelector("dialog[open]")) return;
    const links = [...rows.querySelectorAll("a.name")];
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? 0 : Math.max(0, Math.min(links.length - 1, at + step))];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  }
  document.addEventListener("keydown", onKey);
  return () => {
    document.removeEventListener("keydown", onKey);
    clearTimeout(typing);
    asking.abort();
    end.disconnect();
    polling.stop();
  };
}

const COLUMNS = ["c-state", "c-name", "c-phase", "c-progress", "c-node", "c-age"];

/** Whether a key is meant for a field. */
export function isTyping(event) {
  return event.target.closest?.("input, textarea, select, [contenteditable]") != null || event.ctrlKey || event.metaKey || event.altKey;
}

function makeRow(job) {
  const parts = {
    state: badge(job.status),
    name: h("a", { class: "name", href: `#/jobs/${job.job_id}` }),
    sub: h("span", { class: "sub" }),
    phase: h("span", {}),
    bar: h("progress", { max: "100", "aria-label": "Progress" }),
    percent: h("span", { class: "percent" }),
    node: h("span", { class: "node" }),
    instance: h("span", { class: "sub" }),
    age: h("time", { "data-age": true }),
  };
  const cells = [[parts.state], [parts.name, parts.sub], [parts.phase], [parts.bar, parts.percent], [parts.node, parts.instance], [parts.age]];
  const row = h("tr", { role: "row" }, cells.map((content, at) => h("td", { role: "cell", class: COLUMNS[at] }, content)));
  row.parts = parts;
  return row;
}

function updateRow(row, job) {
  // Each answer is a new object: jobs are compared by their text.
  const text = JSON.stringify(job);
  if (row.shown === text) return;
  row.shown = text;
  const { parts } = row;
  updateBadge(parts.state, job.status);
  say(parts.name, job.name);
  parts.name.title = job.name;
  const wrong = job.error ?? "";
  parts.sub.classList.toggle("wrong", wrong !== "");
  say(parts.sub, wrong || job.dataset_id || "on a volume");
  parts.sub.title = wrong || job.dataset_id || "";
  say(parts.phase, ["queued", "running"].includes(job.status) && job.queue_position !== null ? `queue position ${job.queue_position + 1}` : job.current_phase);
  parts.bar.value = job.percent;
  parts.bar.className = job.status;
  say(parts.percent, `${job.percent}%`);
  say(parts.node, job.node ?? "–");
  say(parts.instance, job.instance_type ?? "");
  if (job.created_at) {
    parts.age.dateTime = job.created_at;
    parts.age.title = moment(job.created_at);
    say(parts.age, age(job.created_at));
  }
}

function nothingYet() {
  const project = session.about.projects.find((each) => each !== "*") ?? "7a1c9e9e-1f0a-4f0e-9b6e-0c7b6f6f2b11";
  const curl = `curl -X POST ${gatewayAddress()}/${JOBS} -H "x-api-key: $API_KEY" \\
  -H 'content-type: application/json' \\
  -d '{"project_id": "${project}", "dataset_id": "lerobot/pusht"}'`;
  const manifest = `kubectl apply -n ${session.about.namespace} -f - <<'END'
apiVersion: augmentation.dev/v1alpha1
kind: AugmentationJob
metadata: {name: my-first-augmentation}
spec:
  source: {hub: {repoID: lerobot/pusht}}
END`;
  return h("div", { class: "empty" },
    h("h2", {}, "No jobs yet"),
    h("p", {}, session.mayWrite ? "A job publishes augmented copies of a LeRobot dataset. Create the first one here or from a terminal:" : "This key is read-only. Jobs that others create in your projects appear here. From a terminal, with a key that has the write right:"),
    session.mayWrite && h("a", { class: "button primary", href: "#/new" }, icon(ICONS.plus), "Create the first job"),
    h("div", { class: "ways" },
      h("section", {}, h("h3", {}, "By REST"), snippet(curl, "By REST")),
      h("section", {}, h("h3", {}, "By kubectl"), snippet(manifest, "By kubectl"))));
}

function nothingFound(clear) {
  return h("div", { class: "empty" }, h("h2", {}, "No job matches"), h("p", {}, "No job has this state and this text."),
    h("button", { type: "button", onClick: clear }, "Show all jobs"));
}

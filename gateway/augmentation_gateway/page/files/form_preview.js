// The form's preview: a frame of each camera before and after, drawn by the cluster as the parameters are changed.

import { ApiError, get, JOBS, post, PREVIEWS, send } from "./api.js";
import { duration } from "./format.js";
import { fill, h, say } from "./dom.js";
import { hasEnded } from "./states.js";

const LOOK = 700;
const PAUSE = 1000;
const DEADLINE = 300;

/**
 * The panel. `bodyOf()` is the request of the form as it is now. Call `changed(ready)` after each change of the form, with
 * whether the gateway accepts it. `onRead()` is called when a preview has read the dataset.
 */
export function makePreview(bodyOf, signal, onRead) {
  let drawing = null;
  let shown = null;
  let timer = null;
  let address = null;
  let ready = false;

  const number = (id, label, placeholder) => h("label", { class: "field", for: id }, label, h("input", { id, type: "text", inputmode: "numeric", autocomplete: "off", placeholder, onInput: again, onKeydown: drawOnEnter }));
  const episode = number("preview-episode", "Episode to show", "first selected");
  const frame = number("preview-frame", "Frame", "middle");
  const follows = h("input", { id: "preview-follows", type: "checkbox", onChange: again });
  const button = h("button", { type: "button", onClick: draw }, "Preview");
  const note = h("p", { class: "quiet", role: "status" }, "A frame of each camera as recorded, and as each copy will have it. Nothing is augmented or published.");
  const image = h("div", { class: "picture" });
  const element = h("section", { class: "card panel preview", "aria-label": "Preview" },
    h("h2", {}, "Preview"), h("div", { class: "grid" }, episode, frame),
    h("div", { class: "send" }, button, h("label", { class: "field tick", for: "preview-follows" }, follows, "Redraw on changes")), note, image);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    stop();
    if (address) URL.revokeObjectURL(address);
  });

  /** After a change that was not checked yet, or of the episode: redraw when changes pause. */
  function again() {
    clearTimeout(timer);
    if (follows.checked && ready && wanted() !== shown) timer = setTimeout(draw, PAUSE);
  }

  /** Enter in these fields draws; in all others of the form it starts the job. */
  function drawOnEnter(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    draw();
  }

  function query() {
    const chosen = { episode: episode.querySelector("input").value.trim(), frame: frame.querySelector("input").value.trim() };
    return new URLSearchParams(Object.entries(chosen).filter(([, value]) => value !== "")).toString();
  }

  const wanted = () => JSON.stringify([query(), bodyOf()]);

  /** End what is being drawn: its pod is of no use any more. */
  function stop() {
    if (drawing === null) return;
    drawing.abort.abort();
    if (drawing.id) post(`${JOBS}/${drawing.id}/cancel`).catch(() => {});
    drawing = null;
  }

  async function draw() {
    clearTimeout(timer);
    stop();
    const mine = { abort: new AbortController(), id: null };
    const options = { signal: mine.abort.signal };
    const begin = Date.now();
    drawing = mine;
    shown = wanted();
    image.setAttribute("aria-busy", "true");
    say(note, "Drawing …");
    try {
      const asked = query();
      // Without the signal: a preview whose id is not known could not be cancelled.
      const made = await post(`${PREVIEWS}${asked ? `?${asked}` : ""}`, bodyOf());
      mine.id = made.job_id;
      if (mine !== drawing) return void post(`${JOBS}/${mine.id}/cancel`).catch(() => {});
      for (;;) {
        const status = await get(`${JOBS}/${mine.id}`, options);
        const seconds = (Date.now() - begin) / 1000;
        if (status.status === "completed") {
          onRead();
          break;
        }
        if (hasEnded(status.status)) {
          mine.id = null;
          throw new ApiError(0, status.error ?? `The preview was ${status.status}.`);
        }
        if (seconds > DEADLINE) throw new ApiError(0, status.error ?? `Nothing was drawn within ${duration(DEADLINE)}.`);
        say(note, status.error ?? `Drawing … ${duration(seconds)}`);
        await new Promise((resolve) => setTimeout(resolve, LOOK));
      }
      const blob = await (await send(`${JOBS}/${mine.id}/picture`, options)).blob();
      const next = URL.createObjectURL(blob);
      const picture = h("img", { src: next, alt: "A frame of each camera: as recorded, and of each copy, with the sampled parameters" });
      await picture.decode();
      fill(image, h("a", { href: next, target: "_blank", title: "Open the preview" }, picture));
      if (address) URL.revokeObjectURL(address);
      address = next;
      say(note, `Drawn in ${duration((Date.now() - begin) / 1000)}: the same pixels as the result will have, before they are encoded.`);
      drawing = null;
    } catch (error) {
      if (mine !== drawing || error.name === "AbortError") return;
      say(note, error.message);
      stop();
    }
    image.removeAttribute("aria-busy");
    again();
  }

  /** The form was checked. */
  function changed(accepted) {
    ready = accepted;
    button.disabled = !accepted;
    again();
  }

  return { element, changed };
}

// Polling while the tab is visible, with exponential backoff while it fails.

const LONGEST = 30_000;

/** The delay after a number of consecutive failures: doubled each time, with jitter. */
export function backoff(failures, first = 1000) {
  return Math.min(LONGEST, first * 2 ** Math.min(failures, 10)) * (0.75 + Math.random() / 2);
}

/** Calls `work` at once and then every `period()` ms; not while the tab is hidden, and at once when it is shown again. */
export class Polling {
  #work;
  #period;
  #timer = null;
  #failures = 0;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(work, period) {
    this.#work = work;
    this.#period = period;
    document.addEventListener("visibilitychange", this.#shown);
    this.now();
  }

  /** Run it now; if it is running, again afterwards. */
  async now() {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = true;
    try {
      await this.#work();
      this.#failures = 0;
    } catch (error) {
      if (error.name !== "AbortError") this.#failures += 1;
    }
    this.#running = false;
    if (this.#stopped) return;
    if (this.#again) {
      this.#again = false;
      return this.now();
    }
    this.#timer = setTimeout(() => {
      if (!document.hidden) this.now();
    }, this.#failures ? backoff(this.#failures) : this.#period());
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#shown);
  }

  #shown = () => {
    if (!document.hidden) this.now();
  };
}

// The loaded part of the list of jobs: consecutive pages, each refreshed with its ETag.

import { JOBS, send } from "./api.js";

const PAGE_SIZE = 100;

export class JobPages {
  #pages = [{}];
  #query;

  /** @param query {states, text, sort}: which jobs, in what order. */
  constructor(query) {
    this.#query = query;
  }

  get jobs() {
    return this.#pages.flatMap((page) => page.list?.jobs ?? []);
  }

  /** The answer of the first page: its total and counts; null before there is one. */
  get first() {
    return this.#pages[0].list ?? null;
  }

  get hasMore() {
    return Boolean(this.#pages.at(-1).list?.next_cursor);
  }

  get size() {
    return this.#pages.length;
  }

  /** Load one more page with the next refresh. */
  more() {
    if (this.hasMore) this.#pages.push({});
  }

  /**
   * Refresh every page. Most answers are 304. A page begins where the previous one ends now, so whatever is created or
   * deleted in between, no job is shown twice and none is left out.
   */
  async refresh(signal) {
    let cursor = null;
    for (const [at, page] of this.#pages.entries()) {
      // Another cursor is another page.
      const known = page.list !== undefined && page.cursor === cursor;
      const headers = known ? { "If-None-Match": page.tag } : {};
      const answer = await send(`${JOBS}?${this.#search(cursor)}`, { headers, signal });
      if (answer.status !== 304) {
        page.list = await answer.json();
        page.tag = answer.headers.get("ETag");
        page.cursor = cursor;
      }
      cursor = page.list.next_cursor;
      if (cursor === null) {
        this.#pages.length = at + 1;
        return;
      }
    }
  }

  #search(cursor) {
    const search = new URLSearchParams({ limit: PAGE_SIZE, sort: this.#query.sort });
    for (const state of this.#query.states) search.append("status", state);
    if (this.#query.text) search.set("q", this.#query.text);
    if (cursor !== null) search.set("cursor", cursor);
    return search;
  }
}

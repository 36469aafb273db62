// Server-sent events by fetch, as an EventSource cannot send a key. Resumes by Last-Event-ID.

import { ApiError, JOBS, send } from "./api.js";
import { backoff } from "./polling.js";

/** The messages in a stream of server-sent events, as {event, id, data} (WHATWG HTML, section 9.2). */
export async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const fields = {};
        for (const line of block.split("\n")) {
          const colon = line.indexOf(":");
          if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
        }
        if (fields.data !== undefined) yield fields;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Follow a job until `signal` ends it: `onMessage` for each message, and `onState("live" | "lost" | "ended")`.
 * A broken stream is resumed, with exponential backoff.
 */
export async function follow(jobId, { signal, onMessage, onState }) {
  let last = null;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const answer = await send(`${JOBS}/${jobId}/events`, { headers, signal });
      // The job has ended and all its events were received.
      if (answer.status === 204) return onState("ended");
      onState("live");
      let ended = false;
      for await (const message of messages(answer.body)) {
        failures = 0;
        last = message.id ?? last;
        ended = message.id?.endsWith(".end") ?? false;
        onMessage(message);
      }
      if (ended) return onState("ended");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) throw error;
      onState("lost");
      failures += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, backoff(failures)));
  }
}

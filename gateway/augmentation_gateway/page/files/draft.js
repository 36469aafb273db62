// The draft of a job: kept in this tab, so that it survives a reload.

const DRAFT = "augmentation-draft";

/** The fields of the draft, as the body of a request; empty where there is none. */
export function readDraft() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT)) ?? {};
  } catch {
    return {};
  }
}

export function keepDraft(fields) {
  sessionStorage.setItem(DRAFT, JSON.stringify(fields));
}

export function dropDraft() {
  sessionStorage.removeItem(DRAFT);
}

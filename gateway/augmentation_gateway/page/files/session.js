// The key of this tab.
//
// It lies in sessionStorage: gone with the tab, in no cookie (so no other site can make the browser send it), never in
// an address and never in a log. A script of another origin cannot read it, and the content security policy lets no
// such script run here.

const KEY = "augmentation-key";

let about = null;

export const session = {
  /** The key, or null. */
  get key() {
    return sessionStorage.getItem(KEY);
  },

  /** The key's rights, as GET v1/key answers. */
  get about() {
    return about;
  },

  get mayRead() {
    return about?.rights.includes("read") ?? false;
  },

  get mayWrite() {
    return about?.rights.includes("write") ?? false;
  },

  begin(key, what) {
    sessionStorage.setItem(KEY, key);
    about = what;
  },

  /** Forget the key and everything that was stored for it. */
  end() {
    sessionStorage.clear();
    about = null;
  },
};

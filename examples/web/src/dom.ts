// Elements of index.html.

/** The element of an id, of the class that it is expected to have. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is missing`);
  return found;
}

/** A new element with a class and text. */
export function make<K extends keyof HTMLElementTagNameMap>(kind: K, className = "", text = "") {
  const element = document.createElement(kind);
  element.className = className;
  element.textContent = text;
  return element;
}

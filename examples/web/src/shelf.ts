// The styles to choose from: those of the index, and models that were opened here.
import { blended, offerBlend } from "./blend";
import { byId, make } from "./dom";
import { NotAModel, readModel, type StyleInfo } from "./model";
import type { Source } from "./worker";

export interface Style extends StyleInfo, Source {
  /** Those in its file, where it is of several; else empty. */
  styles: StyleInfo[];
  dial: boolean;
  preview: string | null;
}

interface Entry extends StyleInfo {
  styles: StyleInfo[];
  file: string;
  bytes: number;
  sha256: string;
  preview: string | null;
}

const list = byId("styles", HTMLFieldSetElement);
const shelf: Style[] = [];

const chosenFile = (): Style | undefined =>
  shelf[Number(list.querySelector<HTMLInputElement>("input:checked")?.value ?? -1)];

/** The style to paint: of a file of several, what is mixed of them. */
export function chosenStyle(): Style | undefined {
  const file = chosenFile();
  return file && blended(file);
}

export const focusShelf = (): void => list.querySelector<HTMLInputElement>("input:checked")?.focus();

list.addEventListener("change", ({ target }) => {
  const { styles = [] } = chosenFile() ?? {};
  offerBlend(styles);
  // the shelf has shrunk
  if (styles.length && target instanceof HTMLElement) target.parentElement?.scrollIntoView({ block: "nearest" });
});

function show(style: Style): HTMLInputElement {
  const row = make("label", "style");
  const radio = make("input");
  radio.type = "radio";
  radio.name = "style";
  radio.value = String(shelf.push(style) - 1);
  const picture = make("img");
  picture.alt = "";
  if (style.preview) picture.src = style.preview;
  const words = make("span", "words");
  const count = style.styles.length;
  const said = count ? ["Blend", `${style.title}, ${count} styles`] : [style.title, style.credit];
  words.append(make("span", "title", said[0]), make("span", "credit", said[1]));
  row.append(radio, picture, words);
  row.title = [...said, count ? "" : style.style_license].filter(Boolean).join(" · ");
  list.append(row);
  return radio;
}

/** Fill the shelf from the index that the build wrote; the addresses of the styles. Rejects if there is none. */
export async function loadShelf(): Promise<Style[]> {
  const folder = new URL("styles/", document.baseURI);
  const response = await fetch(new URL("index.json", folder));
  if (!response.ok) throw new Error(response.statusText);
  const { styles: entries } = (await response.json()) as { styles: Entry[] };
  for (const { file, sha256, preview, ...about } of entries) {
    const url = new URL(file, folder);
    url.searchParams.set("sha256", sha256.slice(0, 16)); // a new version is another address
    show({ ...about, url: url.href, dial: true, preview: preview && new URL(preview, folder).href });
  }
  list.querySelector("input")?.click();
  return [...shelf];
}

/** Put a model from a file on the shelf and choose it. Rejects with `NotAModel`, whose message is whole. */
export async function addModel(file: File): Promise<Style> {
  const data = new Uint8Array(await file.arrayBuffer());
  const model = await readModel(data).catch((error) => {
    throw error instanceof NotAModel ? new NotAModel(`${file.name} ${error.message}`) : error;
  });
  const style: Style = {
    ...model.info,
    styles: model.styles,
    url: URL.createObjectURL(file),
    bytes: file.size,
    dial: model.dial,
    preview: model.preview.size ? URL.createObjectURL(model.preview) : null,
  };
  const radio = show(style);
  radio.click();
  radio.focus();
  radio.scrollIntoView({ block: "nearest", inline: "center" });
  return style;
}

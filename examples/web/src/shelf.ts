// The styles to choose from: those of the index, and models that were opened here.
import { byId, make } from "./dom";
import { NotAModel, readModel, type StyleInfo } from "./model";
import type { Source } from "./worker";

export interface Style extends StyleInfo, Source {
  dial: boolean;
  preview: string | null;
}

interface Entry extends StyleInfo {
  file: string;
  bytes: number;
  sha256: string;
  preview: string | null;
}

const list = byId("styles", HTMLFieldSetElement);
const styles: Style[] = [];

export const chosenStyle = (): Style | undefined =>
  styles[Number(list.querySelector<HTMLInputElement>("input:checked")?.value ?? -1)];

export const focusShelf = (): void => list.querySelector<HTMLInputElement>("input:checked")?.focus();

function show(style: Style): HTMLInputElement {
  const row = make("label", "style");
  const radio = make("input");
  radio.type = "radio";
  radio.name = "style";
  radio.value = String(styles.push(style) - 1);
  const picture = make("img");
  picture.alt = "";
  if (style.preview) picture.src = style.preview;
  const words = make("span", "words");
  words.append(make("span", "title", style.title), make("span", "credit", style.credit));
  row.append(radio, picture, words);
  row.title = [style.title, style.credit, style.style_license].filter(Boolean).join(" · ");
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
  return [...styles];
}

/** Put a model from a file on the shelf and choose it. Rejects with `NotAModel`, whose message is whole. */
export async function addModel(file: File): Promise<Style> {
  const data = new Uint8Array(await file.arrayBuffer());
  const model = await readModel(data).catch((error) => {
    throw error instanceof NotAModel ? new NotAModel(`${file.name} ${error.message}`) : error;
  });
  const style: Style = {
    ...model.info,
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

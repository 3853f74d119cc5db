// Several styles of one file, mixed: any two of them, and a slider between.
import { byId } from "./dom";
import type { StyleInfo } from "./model";
import type { Style } from "./shelf";

const box = byId("blend", HTMLFieldSetElement);
const [left, right] = ["blend-left", "blend-right"].map((id) => byId(id, HTMLSelectElement));
const mix = byId("mix", HTMLInputElement);
const shown = ["share-left", "share-right"].map((id) => byId(id, HTMLElement));

let offered: StyleInfo[] = [];

/** Show what mixes the styles of a file, if these are any. */
export function offerBlend(styles: StyleInfo[]): void {
  box.hidden = !styles.length;
  if (box.hidden || styles === offered) return;
  offered = styles;
  for (const select of [left, right]) select.replaceChildren(...styles.map(({ title }) => new Option(title)));
  right.selectedIndex = 1;
  mix.value = "50";
  tell();
}

/** What is painted of a file, as a style: a blend has the names, credits and licences of both. */
export function blended(file: Style): Style {
  const { styles } = file;
  if (!styles.length) return file;
  const weights = styles.map(() => 0); // per cent
  weights[left.selectedIndex] += 100 - mix.valueAsNumber;
  weights[right.selectedIndex] += mix.valueAsNumber;
  const parts = styles.map((style, at) => ({ ...style, share: weights[at] })).filter(({ share }) => share > 0);
  parts.sort((one, other) => other.share - one.share);
  if (parts.length === 1) return { ...file, ...parts[0], weights };
  const all = (key: keyof StyleInfo) => [...new Set(parts.map((part) => part[key]))].filter(Boolean).join("; ");
  return {
    ...file,
    name: parts.map(({ name, share }) => `${name}-${share}`).join("-"),
    title: parts.map(({ title, share }) => `${title} ${share} %`).join(", "),
    credit: all("credit"),
    style_license: all("style_license"),
    license: all("license"),
    weights,
  };
}

function tell(): void {
  const shares = [100 - mix.valueAsNumber, mix.valueAsNumber].map((share) => `${share} %`);
  shown.forEach((each, at) => (each.textContent = shares[at]));
  const titles = [left, right].map((select) => select.selectedOptions[0].text);
  mix.setAttribute("aria-valuetext", titles.map((title, at) => `${title} ${shares[at]}`).join(", "));
}

box.addEventListener("input", tell);

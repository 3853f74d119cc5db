// What has gone wrong or has to be decided, in words, over the wall.
import { byId, make } from "./dom";

const box = byId("notice", HTMLElement);
const words = byId("notice-text", HTMLElement);
const choices = byId("notice-choices", HTMLElement);

export interface Choice {
  label: string;
  act: () => void;
}

export function hideNotice(): void {
  box.hidden = true;
}

/** Say something until it is answered or put away. */
export function notice(text: string, ...offered: Choice[]): void {
  words.textContent = text;
  const away = { label: offered.length ? "Leave it" : "Close", act: () => {} };
  const buttons = [...offered, away].map(({ label, act }, index) => {
    const button = make("button", index === 0 && offered.length ? "primary" : "", label);
    button.type = "button";
    button.addEventListener("click", () => {
      hideNotice();
      act();
    });
    return button;
  });
  choices.replaceChildren(...buttons);
  box.hidden = false;
  if (offered.length) buttons[0].focus();
}

box.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideNotice();
});

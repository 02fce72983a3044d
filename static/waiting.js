// Says on the button that was pressed what is going on, and for how long.

import { announce, part } from "./page.js";

let stop = () => {};

export const settle = () => stop();

// Beside the button that sends, which has an id, Cancel becomes Leave: Infisical may go on alone.
export function wait(button) {
  const { dataset } = button.form;
  const began = performance.now();
  const changing = [button.querySelector("[data-busy]"), ...(button.id ? [part("cancel")] : [])];
  const [clock] = changing[0].children;
  let next = 5;
  let timer = setTimeout(show, 300);
  dataset.sending = "1";

  function swap() {
    for (const { dataset, firstChild } of changing) [firstChild.data, dataset.busy] = [dataset.busy, firstChild.data];
  }

  function show() {
    swap();
    button.ariaDisabled = "true";
    part("leaving").hidden = !changing[1];
    announce(changing[0].textContent);
    timer = setInterval(tick, 1000);
  }

  function tick() {
    const seconds = Math.floor((performance.now() - began) / 1000);
    if (seconds >= 5) clock.textContent = ` ${seconds} s`;
    if (seconds < next) return;
    part("slow").hidden = next < 20;
    announce(next === 20 ? part("slow").textContent : `Still checking, ${seconds} seconds.`);
    next += next === 5 ? 15 : 30;
  }

  stop = () => {
    stop = () => {};
    clearInterval(timer);
    if (button.ariaDisabled) swap();
    clock.textContent = "";
    button.ariaDisabled = null;
    part("slow").hidden = part("leaving").hidden = true;
    delete dataset.sending;
    announce("");
  };
}

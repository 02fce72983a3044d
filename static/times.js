// Tells times in the reader's own zone. Without script they are in UTC, and say so.

import { on } from "./page.js";

export function localize(page) {
  for (const time of page.querySelectorAll("time[datetime$=Z]")) {
    const at = new Date(time.dateTime);
    const [, short, day, year, clock] = String(at).split(" ");
    const month = time.textContent.includes(":") ? at.toLocaleString("en", { month: "long" }) : short;
    time.title = time.dateTime.replace("T", " ").replace("Z", " UTC");
    time.textContent = time.textContent
      .replace(/\d+ [A-Z][a-z]+ \d{4}/, `${+day} ${month} ${year}`)
      .replace(/\d\d:\d\d(:\d\d)? UTC/, (_, seconds) => clock.slice(0, seconds ? 8 : 5));
  }
}

localize(document);
on("placed", () => localize(document));

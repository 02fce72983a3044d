// Asks the server about a field that was changed and left.

// The name takes its shape before it is asked about.
import "./naming.js";
import { on, parsed, part } from "./page.js";
import { secrets } from "./secrets.js";

const changed = new Set();

// The input stays, with focus and caret; its messages change.
function put(field, fresh) {
  const twin = fresh.querySelector(`#${field.id}`);
  const [row, other] = [field, twin].map((input) => input.closest(".field > *"));
  while (row.nextSibling) row.nextSibling.remove();
  while (other.nextSibling) row.parentNode.append(other.nextSibling);
  row.parentNode.className = fresh.className;
  field.ariaInvalid = twin.ariaInvalid;
  field.setAttribute("aria-describedby", twin.getAttribute("aria-describedby"));
  const check = row.parentNode.nextElementSibling;
  if (check.className === "check") check.hidden = fresh.matches(".error");
}

// A secret leaves the page only when it is asked about itself.
async function ask(field) {
  const { form, id } = field;
  const typed = new URLSearchParams(new FormData(form));
  for (const other of secrets()) if (other !== field) typed.delete(other.name);
  typed.set("validate", id);
  const answer = await fetch(form.action, { method: "POST", body: typed });
  const fresh = parsed(await answer.text()).querySelector("body > .field");
  // No message may push away a button that is being pressed.
  while (document.querySelector(":is(a, button):active")) await new Promise((done) => setTimeout(done, 50));
  if (fresh && !changed.has(id) && !form.dataset.sending) put(field, fresh);
}

on("submit", () => changed.clear());
on("input", ({ target }) => {
  changed.add(target.id);
  // What was checked is no longer what stands there.
  if (!part("checks") || !target.form.dataset.checked.split(" ").includes(target.id)) return;
  part("checks").remove();
  document.querySelector(".check [data-busy]").firstChild.data = "Check this token";
});
on("focusout", ({ target }) => {
  // Without an answer the form says it when it is sent.
  if (changed.delete(target.id) && target.value && target.closest(".field")) ask(target).catch(() => {});
});

// The form: takes the reader to what was refused, and lets them look at the access token they typed.

document.getElementById("error-summary")?.focus();

for (const button of document.querySelectorAll("[data-show]")) {
  const field = document.getElementById(button.dataset.show);
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    button.querySelector("span").textContent = shown ? "Hide" : "Show";
  };
  button.hidden = false;
  button.addEventListener("click", () => show(field.type === "password"));
  // Browsers remember what was typed into text fields, so a shown token is hidden again before it is sent.
  field.form.addEventListener("submit", () => show(false));
  addEventListener("pageshow", () => show(false));
}

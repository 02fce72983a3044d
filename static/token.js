// The form: lets people look at the access token they typed. The page itself puts the focus on what was refused.

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
